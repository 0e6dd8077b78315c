"""Prove on golden inputs that axis 0 is a batch axis: each row alone gives the same outputs."""

from collections.abc import Mapping
from enum import IntEnum

import numpy as np
from torch import nn

from stateserve.checkpoint import Array
from stateserve.errors import CardMismatch, ForwardFailed
from stateserve.model.arrays import is_float
from stateserve.model.module_call import ModuleCall, raised_at
from stateserve.model.signature import DTYPES
from stateserve.model.signature_inference.rows import GOLDEN_ROWS, Rows, golden_rows
from stateserve.model.tensor_model import require_close

RANDOM = (
    "the forward is random in evaluation mode, such as F.dropout without "
    "training=self.training, or it changes the model"
)
MIXED = (
    "the model mixes the rows of a batch, for instance by batch statistics, or axis 0 is no batch "
    "axis"
)
Golden = dict[int, tuple[Rows, Rows]]


class Stage(IntEnum):
    """How far an interpretation of the example has come."""

    CALLED = 1
    BATCHED = 2
    COMPARED = 3


class NotServable(Exception):
    """The text is one line; `stage` says which of several interpretations came closest."""

    def __init__(self, stage: Stage, reason: str) -> None:
        super().__init__(reason)
        self.stage = stage


class Runner:
    """Runs a module on copies of arrays, and returns arrays by name."""

    def __init__(self, module: nn.Module, names: list[str]) -> None:
        self.module = module
        self._call = ModuleCall(module, names)

    def __call__(self, rows: Mapping[str, Array]) -> Rows:
        """Raises ForwardFailed."""
        copies = {name: array.copy() for name, array in rows.items()}
        found = self._call(copies)
        for name, array in found.items():
            if array.dtype.name not in DTYPES:
                served = ", ".join(DTYPES)
                hint = " (torch.view_as_real makes two floats)" if array.dtype.kind == "c" else ""
                raise ForwardFailed(f"output {name} is {array.dtype}{hint}; served are {served}")
        if not found:
            raise ForwardFailed("the model returned no tensor")
        return found


def prove(run: Runner, example: Mapping[str, Array]) -> Golden:
    """The golden inputs and outputs of one row and of three. Raises NotServable."""
    lengths = {name: len(array) for name, array in example.items()}
    if len(set(lengths.values())) > 1:
        raise NotServable(Stage.CALLED, f"the rows of the example differ: {lengths}")
    _run(run, _rows(example, 0, GOLDEN_ROWS), Stage.CALLED, "the example")
    rows = golden_rows(example)
    together = _run(run, rows, Stage.BATCHED, f"{GOLDEN_ROWS} rows")
    _require_batch_axis(together)
    again = _run(run, rows, Stage.COMPARED, "the same rows again")
    _require_equal(together, again, "the same rows, run again,", RANDOM)
    golden = {GOLDEN_ROWS: (rows, together)}
    for index in range(GOLDEN_ROWS):
        one = _rows(rows, index, index + 1)
        alone = _run(run, one, Stage.COMPARED, f"row {index} alone")
        _require_rows(together, alone)
        _require_equal(
            _rows(together, index, index + 1), alone, f"row {index} alone and among 3", MIXED
        )
        golden.setdefault(1, (one, alone))
    _require_numbers(together)
    return golden


def _rows(arrays: Mapping[str, Array], start: int, end: int) -> Rows:
    return {name: np.ascontiguousarray(array[start:end]) for name, array in arrays.items()}


def _run(run: Runner, rows: Rows, stage: Stage, what: str) -> Rows:
    try:
        return run(rows)
    except ForwardFailed as error:
        shapes = ", ".join(f"{name} {each.dtype} {list(each.shape)}" for name, each in rows.items())
        where = raised_at(run.module, error)
        raise NotServable(stage, f"{what} ({shapes}): {where}{error}") from None


def _require_batch_axis(outputs: Rows) -> None:
    for name, array in outputs.items():
        if array.ndim == 0 or len(array) != GOLDEN_ROWS:
            raise NotServable(
                Stage.COMPARED,
                f"output {name} has shape {list(array.shape)} for {GOLDEN_ROWS} rows; axis 0 of "
                f"each input and output must be the batch axis; {_way_out(array)}",
            )


def _require_rows(together: Rows, alone: Rows) -> None:
    """Refuse an output of one row that has the shape of several without the batch axis."""
    for name, array in alone.items():
        several = together[name].shape if name in together else ()
        if len(array.shape) < len(several) and array.shape == several[1:]:
            raise NotServable(
                Stage.COMPARED,
                f"output {name} of one row has shape {list(array.shape)}, without the batch axis: "
                "squeeze() takes it away; let forward name the axis, such as squeeze(-1)",
            )


def _way_out(array: Array) -> str:
    """What a forward should return in place of an output without a batch axis in front."""
    if GOLDEN_ROWS in array.shape:
        axis = array.shape.index(GOLDEN_ROWS)
        return f"if axis {axis} is it, let forward return output.transpose(0, {axis})"
    return "let forward return only what belongs to each row"


def _require_equal(first: Rows, second: Rows, where: str, cause: str) -> None:
    for name, array in first.items():
        try:
            require_close(name, second.get(name, array[:0]), array, where)
        except CardMismatch as error:
            raise NotServable(Stage.COMPARED, f"{error}; {cause}") from None


def _require_numbers(outputs: Rows) -> None:
    for name, array in outputs.items():
        if is_float(array) and np.isnan(array.astype(np.float64)).any():
            raise NotServable(Stage.COMPARED, f"output {name} is NaN for the example")
