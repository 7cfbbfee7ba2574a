"""VGG-16 without its three last dense layers; weights carry torchvision's names.

References
----------
Simonyan & Zisserman 2015, configuration D.
"""

from torch import Tensor, nn

CHANNELS = 512
_POOL = 0
_LAYERS = (64, 64, _POOL, 128, 128, _POOL, 256, 256, 256, _POOL, 512, 512, 512, _POOL, 512, 512, 512, _POOL)


class Vgg16(nn.Module):
    """Thirteen convolutions of 3 by 3."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for outputs in _LAYERS:
            if outputs == _POOL:
                layers.append(nn.MaxPool2d(2))
                continue
            convolution = nn.Conv2d(inputs, outputs, 3, padding=1)
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type] # present unless switched off
            layers += [convolution, nn.ReLU()]
            inputs = outputs
        self.features = nn.Sequential(*layers)

    def forward(self, pictures: Tensor) -> Tensor:
        """Transform (N, 3, h, w) to (N, 512, h / 32, w / 32)."""
        return self.features(pictures)  # type: ignore[no-any-return] # nn.Module returns Any
