"""Values of a checkpoint as short texts: scalars as Python writes them, others by kind and size."""

from collections.abc import Sequence
from contextlib import suppress

from stateserve.checkpoint.dtypes import DTYPES
from stateserve.checkpoint.pickles.arrays import PickledDtype
from stateserve.checkpoint.pickles.objects import Blob, Global, Key, Opaque
from stateserve.checkpoint.storage import Storage
from stateserve.checkpoint.tensors import LazyTensor
from stateserve.errors import CheckpointError

MAX_SHOWN_BITS = 4000


def key_text(key: object) -> str:
    """A key of a dict as text."""
    return key if isinstance(key, str) else index_text(key)


def index_text(key: object) -> str:
    """A key of a dict as Python writes it, so that '1' differs from 1."""
    if not isinstance(key, Key):
        return describe(key)
    if isinstance(key.value, tuple) and is_plain(key.value):
        return f"({', '.join(map(describe, key.value))})"
    return describe(key.value)


def describe(value: object) -> str:
    """A short text for any value: scalars as Python writes them, others by kind and size."""
    if isinstance(value, str):
        return repr(value) if len(value) <= 200 else f"{value[:200]!r}... ({len(value)} characters)"
    if isinstance(value, int) and value.bit_length() > MAX_SHOWN_BITS:
        return f"a number of {value.bit_length()} bits"
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if isinstance(value, LazyTensor):
        return _describe_tensor(value)
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, Blob):
        return f"{value.source.size} bytes"
    if isinstance(value, Storage):
        return f"a storage of {value.nbytes} bytes"
    return _describe_container(value)


def _describe_tensor(value: LazyTensor) -> str:
    """The value of a tensor without axes, such as a loss."""
    if value.shape == () and value.dtype in DTYPES:
        with suppress(CheckpointError):
            return f"{value.array()[()]!s} ({value.dtype})"
    return f"{value.dtype} {list(value.shape)}"


def _describe_container(value: object) -> str:
    if isinstance(value, dict | list | tuple):
        return f"{type(value).__name__} of {len(value)}"
    if isinstance(value, Opaque):
        return _describe_opaque(value)
    if isinstance(value, Global):
        return value.name
    if isinstance(value, PickledDtype):
        return f"dtype {value.text}"
    return type(value).__name__


def _describe_opaque(value: Opaque) -> str:
    """The class, with its arguments if they are few and plain, as of torch.device('cpu')."""
    if is_plain(value.arguments):
        return f"{value.name}({', '.join(describe(part) for part in value.arguments)})"
    return value.name


def is_plain(arguments: Sequence[object]) -> bool:
    """Whether they are few and short, so that an object is described with them."""
    plain = (str, int, float, bool, type(None))
    return len(arguments) <= 8 and all(type(each) in plain for each in arguments)
