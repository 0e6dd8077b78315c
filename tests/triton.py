"""Rows for Triton's clients, and the module's predictions."""

import numpy as np
import torch

from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.checkpoint import load_checkpoint
from tests.project import IRIS

MODEL = "iris-model"
ROWS = np.array([[5.1, 3.5, 1.4, 0.2], [6.2, 2.9, 4.3, 1.3], [6.3, 3.3, 6.0, 2.5]], np.float32)
LABELS = [b"setosa", b"versicolor", b"virginica"]


def expected(rows: np.ndarray) -> np.ndarray:
    module = Multiclass.from_state(load_checkpoint(IRIS)[0])
    with torch.inference_mode():
        return module(torch.from_numpy(rows)).exp().numpy()
