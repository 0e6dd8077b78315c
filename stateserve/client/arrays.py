"""The numbers of arrays and tensors that are given as instances."""

from typing import Protocol, runtime_checkable

import numpy as np

from stateserve.checkpoint import Array, DType
from stateserve.errors import ClientError

# What libraries raise for an array whose values they do not give: of a meta tensor, for instance.
WITHOUT_VALUES = (TypeError, ValueError, RuntimeError, BufferError)


@runtime_checkable
class ArrayLike(Protocol):
    """An array of NumPy, or of another library that gives one."""

    def __array__(self) -> Array: ...


def as_array(value: object) -> Array | None:
    """The numbers of an array or a tensor, on any device; None for another value.

    Raises ClientError for dates, named fields, raw bytes, and a tensor without dense values.
    """
    if isinstance(value, np.ndarray):
        return _native(value)
    try:
        found = _converted(value)
    except WITHOUT_VALUES as error:
        kind, reason = type(value).__name__, " ".join(str(error).split())
        hint = "give a dense array of numbers"
        raise ClientError(f"a value of type {kind} is not sent: {reason:.200}; {hint}") from None
    return None if found is None else _native(found)


def _converted(value: object) -> Array | None:
    if hasattr(value, "detach") and hasattr(value, "layout"):
        # torch has been imported: this is one of its tensors.
        from stateserve.model import to_array

        return to_array(value)  # type: ignore[arg-type]
    if isinstance(value, ArrayLike):
        return np.asarray(value)
    return np.from_dlpack(value) if hasattr(value, "__dlpack__") else None


def _native(array: Array) -> Array:
    dtype = array.dtype
    if dtype.names is not None:
        raise ClientError("an array with named fields is not sent; give a DataFrame of it")
    if dtype.kind in "Mm":
        # NumPy would turn them into nanoseconds, or whatever their unit is.
        what = "a date" if dtype.kind == "M" else "a span of time"
        raise ClientError(f"{what} ({dtype}) is not sent; give the number that the model takes")
    if dtype.type is np.void:
        raise ClientError(f"raw bytes ({dtype}) are not sent; give an array of numbers")
    if isinstance(array, np.ma.MaskedArray):
        return _unmasked(array)
    return array if dtype.isnative else array.astype(dtype.newbyteorder("="))


def _unmasked(array: "np.ma.MaskedArray[tuple[int, ...], DType]") -> Array:
    """NaN for what is masked in numbers, and None in other values."""
    if array.dtype.kind not in "iuf":
        values: Array = np.ma.filled(array.astype(object), None)
        return values
    numbers: Array = np.ma.filled(array.astype(np.float64), np.nan)
    return numbers
