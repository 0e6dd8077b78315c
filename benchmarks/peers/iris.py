"""The model that every peer serves: this project's checkpoint, with the same request."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from stateserve.model.architectures import Multiclass

MODELS = Path(__file__).parents[2] / "models"
FEATURES = ("sepal_length", "sepal_width", "petal_length", "petal_width")


class Iris:
    """Rows of four measures in cm to a class name and three probabilities each."""

    def __init__(self) -> None:
        # As every server's documentation advises for one core: more threads are slower.
        torch.set_num_threads(1)
        state = torch.load(MODELS / "iris-model.pth", weights_only=True)
        self.module = Multiclass.from_state(state)
        self.classes: list[str] = json.loads((MODELS / "iris-model.json").read_text())["classes"]

    def __call__(self, rows: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
        with torch.inference_mode():
            log_probabilities = self.module(torch.tensor(rows, dtype=torch.float32))
        return [
            {
                "class": self.classes[max(range(len(row)), key=row.__getitem__)],
                "probabilities": dict(zip(self.classes, row, strict=True)),
            }
            for row in log_probabilities.exp().tolist()
        ]
