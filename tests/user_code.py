"""Python files of users' models, and their states."""

from pathlib import Path
from textwrap import dedent

import torch
from torch import Tensor

NETS = """
import torch
from torch import nn


class LeNet(nn.Module):
    def __init__(self, n_classes=10):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4 * 6 * 6, n_classes)

    def forward(self, x):
        x = torch.relu(self.norm(self.conv(x)))
        return self.fc(x.view(-1, 144))
"""


def write_code(path: Path, text: str = NETS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text))
    return path


def lenet_state(n_classes: int = 10) -> dict[str, Tensor]:
    """A state of NETS's LeNet."""
    torch.manual_seed(0)
    norm = {"weight": torch.rand(4), "bias": torch.randn(4), "running_mean": torch.randn(4)}
    norm |= {"running_var": torch.rand(4) + 0.5, "num_batches_tracked": torch.tensor(7)}
    return {
        "conv.weight": torch.randn(4, 1, 3, 3),
        "conv.bias": torch.randn(4),
        **{f"norm.{name}": each for name, each in norm.items()},
        "fc.weight": torch.randn(n_classes, 144),
        "fc.bias": torch.randn(n_classes),
    }


def lenet_outputs(state: dict[str, Tensor], x: Tensor) -> Tensor:
    """What LeNet computes, by functions of torch alone."""
    y = torch.nn.functional.conv2d(x, state["conv.weight"], state["conv.bias"])
    mean, var = (state[f"norm.running_{name}"][:, None, None] for name in ("mean", "var"))
    y = (y - mean) / (var + 1e-5).sqrt()
    y = (y * state["norm.weight"][:, None, None] + state["norm.bias"][:, None, None]).relu()
    return y.flatten(1) @ state["fc.weight"].T + state["fc.bias"]
