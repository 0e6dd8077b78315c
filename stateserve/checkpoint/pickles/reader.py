"""Read a pickle as data: nothing is imported, and only functions of this project are called.

Objects of unknown classes become Opaque. Refusing foreign code is not enough: with
torch.load(weights_only=True), or any subclass of Python's Unpickler, a file of 400 bytes can
still fill the memory (`bytearray(2**33)`, a memo index of 2**30) or hash nested tuples for years.
Here the memory of a step is bounded by the bytes that it reads, and both are limited.
"""

from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from stateserve.checkpoint.pickles.interpreter import Machine
from stateserve.checkpoint.pickles.objects import Call
from stateserve.checkpoint.pickles.opcodes import COSTED
from stateserve.checkpoint.pickles.operations import operations
from stateserve.checkpoint.sources import Source
from stateserve.errors import CheckpointError, UnreadableCheckpoint

# A tensor takes about forty steps, its two states in an optimizer a hundred.
MAX_STEPS = 5_000_000
# Python's pickler adds the items of a list or dict by thousands; only a tuple has all at once.
MAX_STACK = 1_000_000
# Estimated bytes of all values: this, and a multiple of the bytes of the file. A tensor of one
# element takes about 2,000 bytes, and 140 of a file of torch before 1.6; a piece of a tensor in a
# distributed checkpoint takes 3,000, and 135 of the file.
SPARE_BYTES, MAX_RATIO = 2**24, 32


def read_pickle(
    stream: BinaryIO,
    source: Source,
    calls: Mapping[str, Call],
    persistent_load: Callable[[Any], object] | None = None,
    size: int = 0,
    spare: int = SPARE_BYTES,
) -> object:
    """Read one pickle of `stream`, which reads `source`; `stream` is left at its end.

    Its values may take memory in proportion to `size`, the bytes of a file around it, and `spare`
    bytes more.

    `calls` maps the functions and classes, "module.name", that the pickle may call to those of
    this project. `persistent_load` maps a persistent id to its object. Raises
    UnreadableCheckpoint for a damaged pickle.
    """
    machine = Machine(calls, persistent_load, spare + MAX_RATIO * max(size, source.size))
    try:
        for count, (name, argument) in enumerate(operations(stream, source, COSTED)):
            if count == MAX_STEPS:
                raise UnreadableCheckpoint(f"the pickle has more than {MAX_STEPS} steps")
            if len(machine.stack) > MAX_STACK:
                raise UnreadableCheckpoint(f"over {MAX_STACK} values wait on the pickle's stack")
            step, size = COSTED[name]
            machine.spend(size)
            step(machine, argument)
        return machine.pop(1)[0]
    except CheckpointError:
        raise
    except Exception as error:
        # A damaged pickle fails in many ways, which all mean the same.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnreadableCheckpoint(f"damaged: {reason:.200}") from None
