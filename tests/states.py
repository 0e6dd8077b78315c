"""States of files as torch tensors."""

from pathlib import Path

import torch

from stateserve.checkpoint.read import read_plain_state
from stateserve.model.arrays import to_tensors


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The state_dict in a file that may be served."""
    return to_tensors(read_plain_state(path))
