"""How many bytes the tensors of a state have, against those of their file.

Tensors may share bytes, so a small file could fill the memory, or take years to read.
"""

from collections.abc import Mapping

from stateserve.checkpoint.shared_memory import identity
from stateserve.checkpoint.tensors import REPEATED_BYTES, LazyTensor
from stateserve.errors import StateMismatch
from stateserve.text import listed

# Different tensors may share bytes, such as W and W.T; at most so many times the file's bytes are
# copied into memory, or read in parts.
MAX_COPIED = 2
MAX_READ = 32
# One tensor may have many names, as in a network that applies one layer many times. It is read
# once, but the hash of a state is over the tensor of each name.
MAX_HASHED = 256
# A second's work, of a file of any size.
HASHED_BYTES = 2**29


def require_copied(tensors: Mapping[str, LazyTensor], file_bytes: int) -> None:
    """Raise StateMismatch if the different tensors take much more memory than the file."""
    if _different_bytes(tensors) > max(MAX_COPIED * file_bytes, REPEATED_BYTES):
        raise StateMismatch(f"{_cause(tensors)}: they have more than twice the bytes of the file")


def require_read(tensors: Mapping[str, LazyTensor], file_bytes: int) -> None:
    """Raise StateMismatch if reading each different tensor takes much longer than the file."""
    if _different_bytes(tensors) > max(MAX_READ * file_bytes, REPEATED_BYTES):
        raise StateMismatch(
            f"{_cause(tensors)}: to read each takes more than {MAX_READ} times the file's bytes"
        )


def require_hashed(tensors: Mapping[str, LazyTensor], file_bytes: int) -> None:
    """Raise StateMismatch if to hash the tensor of each name takes much longer than the file."""
    if sum(tensor.nbytes for tensor in tensors.values()) > max(
        MAX_HASHED * file_bytes, HASHED_BYTES
    ):
        raise StateMismatch(
            f"tensors have so many names that to hash each takes more than {MAX_HASHED} times "
            "the file's bytes"
        )


def _cause(tensors: Mapping[str, LazyTensor]) -> str:
    repeating = [f"{name!r:.100}" for name, tensor in tensors.items() if tensor.repeats]
    if repeating:
        return f"tensors repeat their own elements, as expand does ({listed(repeating, 3)})"
    return "different tensors share memory"


def _different_bytes(tensors: Mapping[str, LazyTensor]) -> int:
    """Of each tensor once, also if it has several names."""
    each = {identity(name, tensor): tensor for name, tensor in tensors.items()}
    return sum(tensor.nbytes for tensor in each.values())
