"""Write .npz archives. Source: numpy/lib/_npyio_impl.py, "savez"."""

from collections.abc import Mapping

from stateserve.checkpoint.arrays import Values, dtype_name
from stateserve.checkpoint.dtypes import DTYPES
from stateserve.checkpoint.writers.stream import (
    Chunks,
    Stream,
    element_bytes,
    is_unicode,
    npy_header,
    raw_chunks,
)
from stateserve.checkpoint.writers.zip_archive import Content, stream_zip
from stateserve.errors import StateMismatch

MAX_NAME_BYTES = 2**16 - 10


def stream_npz(state: Mapping[str, Values]) -> Stream:
    """An archive of arrays by name, as numpy.savez writes it.

    Raises StateMismatch for a dtype that NumPy lacks, or a name that numpy.load cannot find.
    """
    for name in state:
        _require_name(name, state)
    return stream_zip(_content(name, values) for name, values in state.items())


def _content(name: str, values: Values) -> Content:
    element_bytes(name, values)
    dtype = DTYPES[dtype_name(values)]
    if dtype.isbuiltin != 1:
        raise StateMismatch(
            f"{name!r:.100} is {dtype}, which NumPy lacks; --dtype float32 converts it"
        )
    header = npy_header(dtype, tuple(values.shape))
    return Content(f"{name}.npy", len(header) + values.nbytes, _chunks(header, values))


def _chunks(header: bytes, values: Values) -> Chunks:
    yield header
    yield from raw_chunks(values)


def _require_name(name: str, state: Mapping[str, Values]) -> None:
    if "\0" in name or not is_unicode(name) or len(name.encode()) > MAX_NAME_BYTES:
        raise StateMismatch(f"{name!r:.100} is no name in a zip archive")
    if f"{name}.npy" in state:
        raise StateMismatch(f"numpy.load takes {name!r:.100} and {name + '.npy'!r:.100} for one")
