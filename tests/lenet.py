"""A small network for pictures. It imports torch alone, since packing copies its file."""

from torch import Tensor, nn


class LeNet(nn.Module):
    """Pictures (rows, 1, 8, 8) to logits (rows, 10), by way of BatchNorm's buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.head = nn.Linear(4 * 4 * 4, 10)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.features(image).flatten(1))
