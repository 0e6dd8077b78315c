"""A named input column: its kind, its values, its unit and its training range."""

import math
import re
from collections.abc import Sequence
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, JsonValue, model_validator

from stateserve.model.fields import Frozen, Name, Number

MAX_VALUES = 10_000
# A cell of a table with one of these texts, in any case, has no value.
MISSING_CELLS = frozenset(
    (
        *("", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "nil", "none", "nat", "#null!"),
        # Of programs for databases; the last is that of MySQL and PostgreSQL, \N.
        *("(null)", "[null]", "<null>", "\\n"),
    )
)


def split_unit(header: str) -> tuple[str, str | None]:
    """Split "petal length (cm)" into name and unit; the unit may be None."""
    match = re.fullmatch(r"(.+?)\s*\(([^()]+)\)", header)
    return (match[1], match[2]) if match else (header, None)


class Feature(Frozen):
    """One input column: its name, and, if known, its unit and its training range.

    A column of the kind `number` is a number in the tensor. One of the kind `boolean` is 0 or 1;
    one of the kind `category` is the place of a text in `values`, or their number for a text that
    is not one of them, if `other` accepts such. A missing value, if `missing` accepts it, is NaN.
    All training values of a `whole` number are whole numbers; the model takes others, too.
    """

    name: Name
    unit: str | None = Field(default=None, max_length=100)
    minimum: Number | None = None
    maximum: Number | None = None
    example: Number | None = None
    kind: Literal["number", "boolean", "category"] = Field(
        default="number", exclude_if=lambda kind: kind == "number"
    )
    values: Annotated[list[Name], Field(min_length=1, max_length=MAX_VALUES)] | None = Field(
        default=None, exclude_if=lambda values: values is None
    )
    other: bool = Field(default=False, exclude_if=lambda other: not other)
    missing: bool = Field(default=False, exclude_if=lambda missing: not missing)
    whole: bool = Field(default=False, exclude_if=lambda whole: not whole)

    @model_validator(mode="after")
    def _require_range(self) -> Self:
        known = (self.minimum is not None, self.maximum is not None, self.example is not None)
        if any(known) and not all(known):
            raise ValueError("minimum, maximum and example stand together")
        if self.range and self.range[0] > self.range[1]:
            raise ValueError(f"the minimum {self.range[0]!r} is over the maximum {self.range[1]!r}")
        return self

    @model_validator(mode="after")
    def _require_values(self) -> Self:
        if (self.kind == "category") != (self.values is not None):
            raise ValueError("values belong to a category, and a category has values")
        if self.other and self.kind != "category":
            raise ValueError("other belongs to a category")
        if self.values and len(set(self.values)) < len(self.values):
            raise ValueError("values has a text twice")
        if self.kind != "number" and (self.range or self.whole):
            raise ValueError("a range and whole belong to a number")
        return self

    @property
    def title(self) -> str:
        """The name with the unit, as in the header of a table: mass (kg)."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def range(self) -> tuple[float, float] | None:
        """Smallest and largest value in training."""
        if self.minimum is None or self.maximum is None:
            return None
        return self.minimum, self.maximum

    @property
    def plain(self) -> bool:
        """Whether every value is a finite number."""
        return self.kind == "number" and not self.missing

    @property
    def codes(self) -> int:
        """The number of values in the tensor of a boolean or a category; 0 of a number."""
        if self.values is None:
            return 2 if self.kind == "boolean" else 0
        return len(self.values) + self.other

    @property
    def lost_zeros(self) -> dict[str, str]:
        """The values of a category by what is left of them without their leading zeros."""
        digits = [each for each in self.values or () if each.isdecimal() and each[0] == "0"]
        left = {each.lstrip("0") or "0": each for each in digits}
        return {text: each for text, each in left.items() if text not in (self.values or ())}

    def numbers_of(self, values: Sequence[JsonValue]) -> NDArray[np.float64]:
        """The numbers in the tensor of JSON values, NaN where there is none."""
        if self.values is None:
            # None becomes NaN.
            return np.array(values, np.float64)
        codes: dict[JsonValue, float] = {text: place for place, text in enumerate(self.values)}
        codes[None] = math.nan
        return np.array([codes.get(each, len(codes) - 1) for each in values], np.float64)

    def value_of(self, number: float) -> JsonValue:
        """The JSON value of a number in the tensor; null where there is none."""
        if math.isnan(number):
            return None
        if self.kind == "number":
            return number
        if self.kind == "boolean":
            return number != 0
        place = int(number)
        return self.values[place] if self.values and 0 <= place < len(self.values) else None


def zeros_hint(value: str) -> str:
    """The end of an error about a number in place of the code `value`."""
    return f'; "{value}" without its leading zeros? Read the column as texts'


def named_values(features: Sequence[Feature], row: Sequence[float]) -> dict[str, JsonValue]:
    """The JSON values of one row of a tensor, by the names of its columns."""
    return {each.name: each.value_of(number) for each, number in zip(features, row, strict=True)}
