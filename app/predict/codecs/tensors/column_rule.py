"""The values that a column of a table accepts: numbers, booleans, texts, and missing values."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidInstances
from app.predict.codecs.json_request import Column
from app.predict.codecs.json_text import describe
from app.predict.codecs.tensors.value_rule import ValueRule
from app.predict.json_pointer import escape
from stateserve.checkpoint import Array
from stateserve.errors import Fault
from stateserve.model import Feature, Input, zeros_hint
from stateserve.text import listed

# The most values of a category that an error names.
MOST_LISTED = 20


@dataclass(frozen=True)
class ColumnRule:
    """`rule` is that of the tensor, which has a number for each value."""

    feature: Feature
    rule: ValueRule

    @classmethod
    def each(cls, given: Input) -> "list[ColumnRule]":
        """The rules of the columns of an input, in order."""
        rule = ValueRule.of(given)
        return [cls(feature, rule) for feature in given.features or ()]

    @cached_property
    def words(self) -> str:
        """The accepted JSON values, for an error."""
        values = self.feature.values
        words = {"number": self.rule.words, "boolean": "true or false"}.get(self.feature.kind, "")
        if values:
            accepted = f"one of {listed([_quoted(each) for each in values], MOST_LISTED)}"
            words = "a text" if self.feature.other else accepted
        return f"{words} or null" if self.feature.missing else words

    @property
    def column(self) -> Column:
        return Column(self.why_not, self.words, self.feature.unit)

    @cached_property
    def numbers(self) -> dict[object, float]:
        """The numbers of the values of a boolean or a category, and of a missing value."""
        if self.feature.kind == "number":
            return {}
        known: dict[object, float] = {False: 0.0, True: 1.0}
        if self.feature.values is not None:
            known = {text: float(place) for place, text in enumerate(self.feature.values)}
        return known | ({None: math.nan} if self.feature.missing else {})

    @cached_property
    def lost_zeros(self) -> dict[str, str]:
        return self.feature.lost_zeros

    def why_not(self, value: Any) -> str | None:
        """Why a value of parse_json is not accepted, or None."""
        if value is None:
            return None if self.feature.missing else f"null where {self.words} belongs"
        if self.feature.kind == "number":
            return self.rule.why_not(value)
        if self._code_of(value) is not None:
            return None
        shown = _quoted(value[:200]) if _is_text(value) else describe(value)
        code = self.lost_zeros.get(str(value)[:200])
        return f"{shown} where {self.words} belongs{zeros_hint(code) if code else ''}"

    def number_of(self, value: Any) -> float:
        """The number in the tensor of an accepted value."""
        if value is None:
            return math.nan
        return float(value) if self.feature.kind == "number" else self._code_of(value) or 0.0

    def _code_of(self, value: object) -> float | None:
        """The number of a boolean or a text; None for another value."""
        if self.feature.kind == "boolean":
            return float(value) if isinstance(value, bool) else None
        # A category may have numbers as texts: the model of year "2024".
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if not isinstance(text, str) or not _is_text(text):
            return None
        found = self.numbers.get(text, self.numbers.get(text.strip()))
        # A program has read the code 01067 as a number: no text that is new to the model.
        lost = isinstance(value, int) and text in self.lost_zeros
        if found is None and self.feature.other and text.strip() and not lost:
            return float(len(self.feature.values or ()))
        return found

    def accepted(self, column: Array) -> NDArray[np.bool_]:
        """Whether each number of a column of the tensor is accepted."""
        wide = column.astype(np.float64)
        missing = np.isnan(wide)
        if self.feature.kind == "number":
            fits = self.rule.accepted(column)
        else:
            fits = (wide >= 0) & (wide < self.feature.codes) & (wide == np.floor(wide))
        return fits | (missing & self.feature.missing)


def wrong_columns(given: Input, array: Array, at: str) -> Iterator[InvalidInstances]:
    """An error for each column of (rows, columns) with a number that is not accepted."""
    for place, rule in enumerate(ColumnRule.each(given)):
        accepted = rule.accepted(array[:, place])
        if not accepted.all():
            row = int(np.argmin(accepted))
            words = rule.words
            if rule.feature.kind != "number":
                top = rule.feature.codes - 1
                words = f"a place from 0 to {top}" + (" or NaN" if rule.feature.missing else "")
            name = escape(rule.feature.name)
            fault = Fault(f"{at}/{row}/{name}", f"{array[row, place]} where {words} belongs")
            yield InvalidInstances([fault])


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _is_text(value: object) -> bool:
    # parse_json has NaN and Infinity as a subclass of str.
    return type(value) is str
