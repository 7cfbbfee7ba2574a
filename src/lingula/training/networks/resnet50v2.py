"""ResNet-50 version 2, normalised before each convolution, without its last layer; weights carry timm's names.

References
----------
He et al. 2016, "Identity mappings in deep residual networks"; timm's resnetv2_50.
"""

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everybody knows

from lingula.training.networks.resnet50 import BLOCKS

CHANNELS = 2048
_EXPANSION = 4


class _Shortcut(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        return self.conv(features)  # type: ignore[no-any-return] # nn.Module returns Any


class PreactBottleneck(nn.Module):
    """1 by 1, 3 by 3 and 1 by 1 convolutions, each on normalised features; the sum itself is left as it is."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = width * _EXPANSION
        self.norm1, self.conv1 = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, width, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(width), nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.norm3, self.conv3 = nn.BatchNorm2d(width), nn.Conv2d(width, outputs, 1, bias=False)
        self.downsample = _Shortcut(inputs, outputs, stride) if stride > 1 or inputs != outputs else None

    def forward(self, features: Tensor) -> Tensor:
        """Transform (N, inputs, h, w) to (N, 4 width, h / stride, w / stride)."""
        normal = F.relu(self.norm1(features))
        shortcut = features if self.downsample is None else self.downsample(normal)
        out = self.conv2(F.relu(self.norm2(self.conv1(normal))))
        return self.conv3(F.relu(self.norm3(out))) + shortcut  # type: ignore[no-any-return] # nn.Module returns Any


class ResNet50V2(nn.Module):
    """A stem and four stages of bottlenecks, as in version 1, normalised once more at the end."""

    def __init__(self, blocks: tuple[int, int, int, int] = BLOCKS) -> None:
        super().__init__()
        self.stem = nn.Sequential()
        self.stem.add_module("conv", nn.Conv2d(3, 64, 7, 2, 3, bias=False))
        self.stages = nn.Sequential(*(_Stage(number, count) for number, count in enumerate(blocks)))
        self.norm = nn.BatchNorm2d(CHANNELS)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, pictures: Tensor) -> Tensor:
        """Transform (N, 3, h, w) to (N, 2048, h / 32, w / 32)."""
        out = F.max_pool2d(self.stem(pictures), 3, 2, 1)
        return F.relu(self.norm(self.stages(out)))


class _Stage(nn.Module):
    def __init__(self, number: int, count: int) -> None:
        super().__init__()
        width = 64 * 2**number
        inputs = 64 if number == 0 else width * _EXPANSION // 2
        first = PreactBottleneck(inputs, width, 1 if number == 0 else 2)
        self.blocks = nn.Sequential(first, *(PreactBottleneck(width * _EXPANSION, width, 1) for _ in range(count - 1)))

    def forward(self, features: Tensor) -> Tensor:
        return self.blocks(features)  # type: ignore[no-any-return] # nn.Module returns Any
