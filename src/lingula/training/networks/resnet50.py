"""ResNet-50 without its last dense layer; weights carry torchvision's names.

References
----------
He et al. 2016, "Deep residual learning"; the stride lies in the 3 by 3 convolution, as torchvision's does ("v1.5").
"""

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everybody knows

CHANNELS = 2048
BLOCKS = (3, 4, 6, 3)
_EXPANSION = 4


class Bottleneck(nn.Module):
    """1 by 1, 3 by 3 and 1 by 1 convolutions with a shortcut, normalised after each."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = width * _EXPANSION
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        shortcut: list[nn.Module] = []
        if stride > 1 or inputs != outputs:
            shortcut = [nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)]
        self.downsample = nn.Sequential(*shortcut)

    def forward(self, features: Tensor) -> Tensor:
        """Transform (N, inputs, h, w) to (N, 4 width, h / stride, w / stride)."""
        out = F.relu(self.bn1(self.conv1(features)))
        out = F.relu(self.bn2(self.conv2(out)))
        return F.relu(self.bn3(self.conv3(out)) + self.downsample(features))


class ResNet50(nn.Module):
    """A stem and four stages of bottlenecks, 3, 4, 6 and 3 of them in the network of 50 layers."""

    def __init__(self, blocks: tuple[int, int, int, int] = BLOCKS) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            _stage(number, count) for number, count in enumerate(blocks)
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, pictures: Tensor) -> Tensor:
        """Transform (N, 3, h, w) to (N, 2048, h / 32, w / 32)."""
        out = F.max_pool2d(F.relu(self.bn1(self.conv1(pictures))), 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(out))))  # type: ignore[no-any-return] # nn.Module's Any


def _stage(number: int, count: int) -> nn.Sequential:
    width = 64 * 2**number
    inputs = 64 if number == 0 else width * _EXPANSION // 2
    first = Bottleneck(inputs, width, 1 if number == 0 else 2)
    return nn.Sequential(first, *(Bottleneck(width * _EXPANSION, width, 1) for _ in range(count - 1)))
