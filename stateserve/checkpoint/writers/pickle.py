"""Pickles of a state_dict as torch and pickle write them, without torch.

Source: Lib/pickletools.py of Python; torch/_tensor.py, Tensor._reduce_ex_internal.
"""

import math
import struct
from collections.abc import Sequence

from stateserve.checkpoint.arrays import Values, dtype_name
from stateserve.checkpoint.pickles.tensors import STORAGE_DTYPES
from stateserve.checkpoint.tensors import row_major

# The dtypes of storage classes; torch keeps all others as bytes, with a dtype beside.
CLASSES = {dtype: name for name, dtype in STORAGE_DTYPES.items() if not name.startswith(("Q", "U"))}
START, STOP = b"\x80\x02", b"."
EMPTY = b"ccollections\nOrderedDict\n)R"


def text(value: str) -> bytes:
    encoded = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def number(value: int) -> bytes:
    if 0 <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    return b"\x8a\x09" + value.to_bytes(9, "little", signed=True)


def numbers(values: Sequence[int]) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def started_state() -> bytes:
    """An OrderedDict's pickle until its first name; names and values follow in turn."""
    return START + EMPTY + b"("


def ended_state() -> bytes:
    return b"u" + STOP


def rebuilt(tensor: Values, storage: bytes) -> bytes:
    """The call that rebuilds a contiguous tensor from `storage`, the pickle of its storage."""
    dtype, shape = dtype_name(tensor), tuple(tensor.shape)
    typed = dtype in CLASSES
    name = b"v2" if typed else b"v3"
    last = b"" if typed else f"ctorch\n{dtype}\n".encode()
    view = number(0) + numbers(shape) + numbers(row_major(shape)) + b"\x89" + EMPTY
    return b"ctorch._utils\n_rebuild_tensor_" + name + b"\n(" + storage + view + last + b"tR"


def persistent_id(tensor: Values, key: str, *, legacy: bool = False) -> bytes:
    """Refers to the storage `key` of a file, which has the elements of `tensor` alone."""
    if dtype_name(tensor) in CLASSES:
        kind = f"ctorch\n{CLASSES[dtype_name(tensor)]}\n"
    else:
        kind = "ctorch.storage\nUntypedStorage\n"
    parts = text("storage") + kind.encode() + text(key) + text("cpu") + number(count(tensor))
    return b"(" + parts + (b"NtQ" if legacy else b"tQ")


def count(tensor: Values) -> int:
    """The elements of the storage, which are bytes for a dtype without a storage class."""
    return math.prod(tensor.shape) if dtype_name(tensor) in CLASSES else tensor.nbytes
