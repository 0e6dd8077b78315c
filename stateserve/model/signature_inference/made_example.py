"""Example inputs of a module: as given, or made from the shapes that are known."""

from pathlib import Path

import numpy as np
from torch import nn

from stateserve.checkpoint import Array
from stateserve.errors import CardMismatch, ForwardFailed
from stateserve.model.architectures.exported_program import ProgramModule
from stateserve.model.arrays import is_float, numpy_dtype
from stateserve.model.fields import ANY
from stateserve.model.module_call import ModuleCall
from stateserve.model.signature_inference.example import SUFFIXES, Example, read_example
from stateserve.model.signature_inference.hints import Hints
from stateserve.model.signature_inference.rows import GOLDEN_ROWS

# Tried for axes of any length, which may have to be within bounds or divisible.
LENGTHS = (16, 8, 32, 4, 64, 2, 12, 3, 1, 24, 128, 224)

# Of made ids.
OPEN_LENGTH = 8

IDS = '{"vocabulary": 1000}'
SIZED = '{"mode": "L", "resize": [28, 28]}'


def example_of(module: nn.Module, given: Example | Path | None, hints: Hints) -> Example:
    """`given`, or the arrays of that file; else arrays that are made, for a program, and for the
    only input of pictures of one size, or of ids of a vocabulary whose axis 1 has any length.

    Raises CardMismatch for another module without an example, or UnreadableCheckpoint.
    """
    if given is not None:
        return read_example(given) if isinstance(given, Path) else given
    if isinstance(module, ProgramModule):
        return _made(module)
    shapes = [each.row_shape for each in hints.image.values()]
    if len(shapes) == 1 and ANY not in shapes[0]:
        return np.random.default_rng(0).random((GOLDEN_ROWS, *shapes[0]), np.float32)
    sizes = [each.vocabulary for each in hints.tokens.values()]
    axes = list(hints.dynamic.values())
    if len(sizes) == 1 and sizes[0] and axes == [[1]]:
        return np.random.default_rng(0).integers(0, sizes[0], (GOLDEN_ROWS, OPEN_LENGTH))
    raise CardMismatch(
        "the model's inputs are not known; give an example of them, --example FILE, which is "
        f"{SUFFIXES}; for pictures of one size, --image '{SIZED}' is enough, and for ids of any "
        f"length --tokens '{IDS}' --dynamic 1"
    )


def _made(module: ProgramModule) -> dict[str, Array]:
    """Three rows of random floats, and of integers 0 and 1. Raises CardMismatch."""
    reason = ""
    for length in LENGTHS:
        rng = np.random.default_rng(0)
        arrays: dict[str, Array] = {}
        for each in module.inputs:
            lengths = [GOLDEN_ROWS, *(length if n == ANY else n for n in each.shape[1:])]
            values = np.zeros(lengths, numpy_dtype(each.dtype))
            rows = rng.random(lengths) if is_float(values) else rng.integers(0, 2, lengths)
            arrays[each.name] = rows.astype(values.dtype)
        try:
            ModuleCall(module, list(arrays))({name: a.copy() for name, a in arrays.items()})
        except ForwardFailed as error:
            reason = reason or str(error)
            continue
        return arrays
    raise CardMismatch(f"no example could be made ({reason}); give one: --example FILE")
