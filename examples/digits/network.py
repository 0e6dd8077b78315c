"""The network: two convolutions, each with BatchNorm2d."""

from torch import Tensor, nn


class DigitNet(nn.Module):
    """Map float32 (rows, 1, 8, 8) to float32 logits (rows, 10)."""

    def __init__(self, channels: int = 16) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, 3, padding=1),
            nn.BatchNorm2d(2 * channels),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Linear(2 * channels * 4 * 4, 10)

    def forward(self, image: Tensor) -> Tensor:
        return self.classifier(self.features(image).flatten(1))  # type: ignore[no-any-return]
