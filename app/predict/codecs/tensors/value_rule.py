"""The values that an input accepts, as one rule for JSON and for arrays."""

from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from app.predict.codecs.json_text import describe
from stateserve.checkpoint import Array
from stateserve.model import Input
from stateserve.text import shortest


def dtype_of(name: str) -> np.dtype[Any]:
    """The NumPy dtype of a signature's dtype."""
    return np.dtype(getattr(ml_dtypes, name) if name == "bfloat16" else name)


@dataclass(frozen=True)
class ValueRule:
    """`kind` is bool, int or float; numbers are from `low` to `high`, inclusive."""

    kind: type
    words: str
    low: float
    high: float
    finite: bool

    @classmethod
    def of(cls, given: Input) -> "ValueRule":
        dtype = dtype_of(given.dtype)
        if dtype.kind == "b":
            return cls(bool, "true or false", 0, 1, True)
        if dtype.kind not in "iu":
            high = float(ml_dtypes.finfo(dtype).max)  # type: ignore[no-untyped-call]
            return cls(float, "a finite number", -high, high, given.finite)
        limits = np.iinfo(dtype)
        if given.tokens is None or given.tokens.vocabulary is None:
            words = f"an integer from {limits.min} to {limits.max}"
            return cls(int, words, limits.min, limits.max, True)
        top = min(given.tokens.vocabulary - 1, limits.max)
        return cls(int, f"a token id from 0 to {top}", 0, top, True)

    def why_not(self, value: object) -> str | None:
        """Why a value of parse_json is not accepted, or None."""
        is_bool = isinstance(value, bool)
        if self.kind is bool or is_bool or not isinstance(value, int | float):
            fits = self.kind is bool and is_bool
            return None if fits else f"{describe(value)} where {self.words} belongs"
        if self.kind is int and not isinstance(value, int):
            return f"{value!r}, with a fraction or an exponent, where {self.words} belongs"
        if not self.low <= value <= self.high:
            if self.kind is int:
                return f"{value!r:.40} where {self.words} belongs"
            return (
                f"too large; numbers from {shortest(self.low)} to {shortest(self.high)} are taken"
            )
        return None

    def accepts_all(self, array: Array) -> bool:
        """Whether each element is accepted, of an array of a dtype that converts to the input's."""
        if not array.size or (self.kind is float and not self.finite):
            return True
        if array.dtype.kind == "b":
            # Any byte may stand in the memory of a body.
            return bool(array.view(np.uint8).max() <= 1)
        # Compared as Python's numbers; NaN is not within any limits.
        # A warning about NaN helps nobody here.
        with np.errstate(invalid="ignore"):
            low, high = array.min(), array.max()
        if array.dtype.kind in "iu":
            return int(low) >= self.low and int(high) <= self.high
        return float(low) >= self.low and float(high) <= self.high

    def accepted(self, array: Array) -> NDArray[np.bool_]:
        """The same for each element."""
        if array.dtype.kind == "b":
            return np.asarray(array.view(np.uint8) <= 1, bool)
        with np.errstate(invalid="ignore"):
            wide = array.astype(object if array.dtype.kind in "iu" else np.float64)
        return np.asarray((wide >= self.low) & (wide <= self.high), bool)
