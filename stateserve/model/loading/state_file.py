"""The state of a model that has its own code, and the name of its file in errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stateserve.checkpoint import of_file, read_plain_state
from stateserve.errors import CardMismatch, StateMismatch
from stateserve.model.architectures.fit_hints import after_stripping
from stateserve.model.architectures.state_fit import take_off
from stateserve.model.architectures.user_class import ONNX_SUFFIX, PROGRAM_SUFFIX
from stateserve.model.arrays import TensorState, to_tensors
from stateserve.names import module_prefix

ONNX_NAMES = (
    "; an export to ONNX may leave out and rename parameters: take the state from before it"
)


def read_state_without(
    path: Path, prefix: str, key: str | None = None, *, modules: bool = False
) -> TensorState | None:
    """The state, `prefix` taken off its names; None for a program, which holds its own.

    `key` is its place in a file that holds more; with `modules`, the file may be a whole module.

    Raises CheckpointError.
    """
    if path.suffix == PROGRAM_SUFFIX:
        return None
    state = to_tensors(read_plain_state(path, key, modules=modules))
    with naming(path):
        return take_off(prefix, state)


@contextmanager
def naming(path: Path, prefix: str = "") -> Iterator[None]:
    """Errors about a state, its card or its module begin with the path; `prefix` has been taken off
    the names."""
    try:
        yield
    except CardMismatch as error:
        raise CardMismatch(of_file(path, str(error))) from None
    except StateMismatch as error:
        text = after_stripping(str(error), module_prefix([prefix])) if prefix else str(error)
        renamed = ONNX_NAMES if path.suffix.lower() == ONNX_SUFFIX else ""
        raise StateMismatch(of_file(path, text + renamed)) from None
