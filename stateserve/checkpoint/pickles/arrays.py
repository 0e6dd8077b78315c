"""The functions that pickles call to rebuild NumPy's arrays and scalars, and Python's bytes.

Source: numpy/_core/src/multiarray/methods.c, array_setstate; numpy/_core/numeric.py, _frombuffer.
"""

import re
from collections.abc import Sequence

import numpy as np

from stateserve.checkpoint.dtypes import DTYPES
from stateserve.checkpoint.pickles.objects import Blob, Call, Global, Opaque
from stateserve.checkpoint.sources import Memory, Source
from stateserve.checkpoint.storage import Storage
from stateserve.checkpoint.tensors import LazyTensor, checked_shape
from stateserve.text import printable

MAX_NAME = 50
_NUMBER = re.compile(r"[<>=|]?[biufc]\d{1,2}")


class PickledDtype:
    """numpy.dtype, as a name, and its byte order."""

    def __init__(self, text: object, *_: object) -> None:
        # Checked by type: the text of nested tuples may never end.
        name = text.name if isinstance(text, Global) else text
        self.text = printable(name[:MAX_NAME]) if type(name) is str else "an unknown dtype"
        self.order = "="

    def set_state(self, state: object) -> None:
        if type(state) is tuple and len(state) > 1 and type(state[1]) is str:
            self.order = state[1]

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """Raises ValueError for what is not a number."""
        if self.text.startswith("ml_dtypes."):
            name = self.text.rpartition(".")[2]
            if name in DTYPES:
                return DTYPES[name]
        if not _NUMBER.fullmatch(self.text):
            raise ValueError(f"an array of {self.text!r}")
        return np.dtype(self.text)


class PickledArray(LazyTensor):
    """numpy.ndarray: empty until the pickle says what is in it."""

    def __init__(self, *_: object) -> None:
        super().__init__(Storage(Memory(b"")), "uint8", (0,))

    def set_state(self, state: object) -> None:
        """Raises ValueError unless `state` is that of an array of numbers."""
        if type(state) is not tuple or len(state) != 5 or not isinstance(state[2], PickledDtype):
            raise ValueError("an array without its parts")
        _, shape, dtype, columns_first, content = state
        self.fill(shape, dtype, columns_first is True, content)

    def fill(
        self, shape: object, dtype: PickledDtype, columns_first: bool, content: object
    ) -> None:
        lengths = checked_shape(shape)
        try:
            name = dtype.numpy.name
        except ValueError:
            # Such as an array of objects: a list of them.
            self.dtype = f"an array of {dtype.text!r}"
            self.shape, self.storage = lengths, Storage(Memory(b""))
            return
        storage = Storage(_source(content), name, dtype.order == ">")
        super().__init__(storage, name, lengths, columns_first=columns_first)


def _from_buffer(content: object, dtype: object, shape: object, order: object) -> PickledArray:
    array = PickledArray()
    if not isinstance(dtype, PickledDtype):
        raise ValueError("an array without a dtype")
    array.fill(shape, dtype, order == "F", content)
    return array


class PickledScalar(PickledArray):
    """A NumPy scalar, such as the best accuracy: an array of no dimensions, but no tensor."""

    def set_state(self, state: object) -> None:
        """Raises ValueError: only an array has its parts set."""
        del state
        raise ValueError("a scalar with the parts of an array")


def _scalar(dtype: object, content: object = b"") -> object:
    if not isinstance(dtype, PickledDtype) or not isinstance(content, bytes | str):
        return Opaque("numpy.generic", (dtype, content))
    array = PickledScalar()
    array.fill((), dtype, False, content)
    return array


def _source(content: object) -> Source:
    if isinstance(content, Blob):
        return content.source
    if isinstance(content, str):
        # Of Python 2.
        return Memory(content.encode("latin-1"))
    if isinstance(content, bytes):
        return Memory(content)
    raise ValueError("an array without bytes")


def _encode(text: object, encoding: object = "") -> object:
    """Before protocol 3 pickle writes bytes as text."""
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise ValueError("bytes of an unknown encoding")
    return text.encode("latin-1")


def _as_bytes(content: object = b"", *encoding: object) -> object:
    if isinstance(content, str):
        return _encode(content, *encoding)
    if not isinstance(content, bytes | Blob):
        raise ValueError("bytes that are none")
    return content


def _reconstruct(kind: object, base: object, state: object = None) -> object:
    """An object of a protocol before 2."""
    name = kind.name if isinstance(kind, Global) else "object"
    return Opaque(name, () if isinstance(base, Global) and state is None else (state,))


def _new_object(kind: object, *arguments: object) -> object:
    return Opaque(kind.name if isinstance(kind, Global) else "object", arguments)


def _sequence(values: Sequence[object] = ()) -> object:
    return Opaque("builtins.set", items=list(values) if type(values) is list else [values])


NUMPY_CALLS: dict[str, Call] = {
    "numpy.dtype": PickledDtype,
    "_codecs.encode": _encode,
    "builtins.bytes": _as_bytes,
    "builtins.bytearray": _as_bytes,
    "builtins.set": _sequence,
    "builtins.frozenset": _sequence,
    "copyreg._reconstructor": _reconstruct,
    "copyreg.__newobj__": _new_object,
}
for _core in ("core", "_core"):
    NUMPY_CALLS |= {
        f"numpy.{_core}.multiarray._reconstruct": PickledArray,
        f"numpy.{_core}.multiarray.scalar": _scalar,
        f"numpy.{_core}.numeric._frombuffer": _from_buffer,
    }
