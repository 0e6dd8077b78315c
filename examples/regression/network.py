"""The network: scaling as buffers, then two linear layers."""

import torch
from torch import Tensor, nn


class Progression(nn.Module):
    """Map float32 (rows, n_features), in the table's units, to `progression`, float32 (rows,)."""

    mean: Tensor
    std: Tensor

    def __init__(self, n_features: int) -> None:
        super().__init__()
        # Buffers are state: saved and loaded with the parameters, and trained by no optimizer.
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("std", torch.ones(n_features))
        self.layers = nn.Sequential(nn.Linear(n_features, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, rows: Tensor) -> dict[str, Tensor]:
        return {"progression": self.layers((rows - self.mean) / self.std).squeeze(1)}
