"""Read the whole state of a file at once; what is unusual about the file is logged."""

import logging
from pathlib import Path

from stateserve.checkpoint.arrays import State
from stateserve.checkpoint.checkpoint import Checkpoint
from stateserve.checkpoint.pickles.objects import Opaque
from stateserve.text import printable

logger = logging.getLogger("stateserve.checkpoint")


def read_state(path: Path, key: str | None = None) -> State:
    """Read the state in `path` at `key`, or its only one: arrays that own their memory.

    Names of one tensor have the same array.

    What is unusual about the file is logged. Raises CheckpointError, one line that begins with
    the path.
    """
    checkpoint = Checkpoint.open(path)
    _log_notes(checkpoint)
    state = checkpoint.state(key)
    if key is None and state.key:
        logger.warning("%s: took the state at %r", printable(str(path)), state.key)
    return checkpoint.read(state.key if key is None else key)


def read_plain_state(path: Path, key: str | None = None, *, modules: bool = False) -> State:
    """Read a file that is a state_dict of plain tensors, and nothing else: such may be served.

    With `key`, the file may hold more, and the state at this place is read; with `modules`, it may
    be a whole pickled module, whose code is not run.

    What is unusual about the file is logged. Raises CheckpointError, one line that begins with
    the path.
    """
    checkpoint = Checkpoint.open(path, follow=False)
    _log_notes(checkpoint)
    if key is None and modules and isinstance(checkpoint.root, Opaque):
        found = checkpoint.states.get("")
        if found is not None and found.kind == "module":
            what = f"took the state of the whole module {checkpoint.root.name:.200}"
            logger.warning("%s: %s, whose code is not run", printable(str(path)), what)
            return checkpoint.read("")
    return checkpoint.read_plain() if key is None else checkpoint.read(key)


def _log_notes(checkpoint: Checkpoint) -> None:
    for note in checkpoint.notes:
        logger.warning("%s: %s", printable(str(checkpoint.path)), note)
