"""What our own networks are built of.

References
----------
He et al. 2016, ResNet; He et al. 2019, "Bag of tricks" (averaging shortcuts).
"""

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everybody knows


def convolution(inputs: int, outputs: int, *, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """Give convolution, batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


class Block(nn.Module):
    """Two convolutions with a shortcut; the shortcut of a shrinking block averages instead of skipping pixels."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = convolution(inputs, outputs, stride=stride)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        nn.init.zeros_(self.norm.weight)  # a block starts as its shortcut
        shortcut: list[nn.Module] = [nn.AvgPool2d(stride)] if stride > 1 else []
        if inputs != outputs:
            shortcut += [nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, features: Tensor) -> Tensor:
        """Transform (N, inputs, h, w) to (N, outputs, h / stride, w / stride)."""
        return F.relu(self.norm(self.second(self.first(features))) + self.shortcut(features))
