"""The small network of the tutorials: convolution and pooling three times.

The tutorials flatten what remains; here it is averaged like every network's, so that the head can be read by place.
"""

from torch import Tensor, nn

CHANNELS = 128


class SmallCnn(nn.Module):
    """Three convolutions of 32, 64 and 128 channels, each halving the sides."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in ((3, 32), (32, 64), (64, CHANNELS)):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        self.layers = nn.Sequential(*layers)

    def forward(self, pictures: Tensor) -> Tensor:
        """Transform (N, 3, h, w) to (N, 128, h / 8, w / 8)."""
        return self.layers(pictures)  # type: ignore[no-any-return] # nn.Module returns Any
