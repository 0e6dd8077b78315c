"""The networks of the benchmarks of tensors, in plain PyTorch."""

from torch import Tensor, nn


class LeNet(nn.Module):
    """Grey pictures (rows, 1, 28, 28) to log-probabilities (rows, 10).

    Source: LeCun et al. 1998, with BatchNorm2d, ReLU and max pooling.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 20, 5),
            nn.BatchNorm2d(20),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(20, 50, 5),
            nn.BatchNorm2d(50),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(50 * 4 * 4, 500), nn.ReLU(), nn.Linear(500, 10)
        )

    def forward(self, image: Tensor) -> Tensor:
        scores: Tensor = self.classifier(self.features(image))
        return scores.log_softmax(dim=1)


class Block(nn.Module):
    """Two convolutions and the input, which is projected where the shape changes."""

    def __init__(self, channels: int, planes: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, planes, 3, stride, 1, bias=False),
            nn.BatchNorm2d(planes),
            nn.ReLU(),
            nn.Conv2d(planes, planes, 3, 1, 1, bias=False),
            nn.BatchNorm2d(planes),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or channels != planes:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, planes, 1, stride, bias=False), nn.BatchNorm2d(planes)
            )

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = self.body(x) + self.shortcut(x)
        return added.relu()


class ResNet18(nn.Module):
    """Colour pictures (rows, 3, height, width) to logits (rows, 10). Source: He et al. 2015."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(3, 64, 7, 2, 3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, 1),
        ]
        channels = 64
        for planes, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
            layers += [Block(channels, planes, stride), Block(planes, planes, 1)]
            channels = planes
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(512, 10)

    def forward(self, image: Tensor) -> Tensor:
        scores: Tensor = self.classifier(self.body(image))
        return scores


# Each with the shape of a row.
NETWORKS: dict[str, tuple[type[nn.Module], tuple[int, ...]]] = {
    "LeNet": (LeNet, (1, 28, 28)),
    "ResNet18": (ResNet18, (3, 32, 32)),
}
