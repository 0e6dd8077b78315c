"""Decodes the valid values of one input in JSON instances; all others are None.

json_reader.py reads those again and names each error.
"""

from collections.abc import Callable
from dataclasses import replace
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from app.predict.codecs.tensors.column_rule import ColumnRule
from app.predict.codecs.tensors.input_values import has_nothing
from app.predict.codecs.tensors.number_list import read_number_list
from app.predict.codecs.tensors.value_rule import ValueRule, dtype_of
from stateserve.checkpoint import Array
from stateserve.model import ANY, Input


def _kind_of(rule: ColumnRule) -> object:
    kind: Any = {"number": rule.rule.kind, "boolean": bool}.get(rule.feature.kind, str)
    return kind | None if rule.feature.missing else kind


class InputDecoder:
    """Decodes the values of one input, of many instances."""

    def __init__(self, given: Input) -> None:
        self.given = given
        # JSON has no NaN and no infinity.
        self._rule = replace(ValueRule.of(given), finite=True)
        self._dtype = dtype_of(given.dtype)
        nested: Any = self._rule.kind
        for _ in given.row_shape:
            nested = list[nested]
        self.nested = nested
        self.features = [feature.name for feature in given.features or ()]
        self.type = self.nested
        if self.features:
            fields = [f"f{index}" for index in range(len(self.features))]
            self._rules = [] if given.plain else ColumnRule.each(given)
            kinds = [_kind_of(each) for each in self._rules] or [self._rule.kind] * len(fields)
            self._struct = msgspec.defstruct(
                "Features",
                list(zip(fields, kinds, strict=True)),
                rename=dict(zip(fields, self.features, strict=True)),
                forbid_unknown_fields=True,
                gc=False,
            )
            self._columns = [attrgetter(field) for field in fields]
            # A row in the order of the columns is left to the reader.
            self.type = self.nested | self._struct if given.plain else self._struct

    def colons_of(self, value: object) -> int:
        return len(self.features) if isinstance(value, msgspec.Struct) else 0

    def convert(self, values: list[object]) -> Array | list[Array] | None:
        """The array of all values, a list of arrays if their shapes differ, or None."""
        if isinstance(values[0], msgspec.Raw):
            return self._of_texts(values)
        columns: list[list[object]] = []
        if isinstance(values[0], msgspec.Struct):
            if not all(isinstance(each, msgspec.Struct) for each in values):
                return None
            columns = [list(map(value_of, values)) for value_of in self._columns]
        if columns and self._rules:
            return self._of_table(columns)
        try:
            array = self._to_array(columns).T if columns else self._to_array(values)
            return self._checked(np.ascontiguousarray(array))
        except OverflowError:
            return None
        except ValueError:
            # The values are no lists of equal lengths.
            if ANY not in self.given.row_shape:
                return None
        return self._each(values, self._to_array)

    def _of_table(self, columns: list[list[Any]]) -> Array | None:
        """The numbers of the values of each column, or None."""
        found = np.empty((len(columns[0]), len(columns)), np.float64)
        for place, (rule, column) in enumerate(zip(self._rules, columns, strict=True)):
            known = rule.numbers
            try:
                found[:, place] = [known[each] for each in column] if known else column
            except KeyError:
                return None
            if rule.feature.kind == "number" and not rule.accepted(found[:, place]).all():
                return None
        return found.astype(self._dtype)

    def _of_texts(self, texts: list[object]) -> Array | list[Array] | None:
        found = self._each(texts, self._of_text)
        if found is None or len({each.shape for each in found}) > 1:
            return found
        return np.stack(found)

    def _of_text(self, text: msgspec.Raw) -> Array | None:
        if self.given.row_shape:
            return read_number_list(memoryview(text), self._rule.kind)
        try:
            return self._to_array(msgspec.json.decode(text, type=self._rule.kind))
        except msgspec.MsgspecError:
            return None

    def _each(
        self, values: list[object], read: Callable[[Any], Array | None]
    ) -> list[Array] | None:
        found: list[Array] = []
        for value in values:
            try:
                array = read(value)
            except (ValueError, OverflowError):
                return None
            checked = None if array is None else self._checked(array[None])
            if checked is None:
                return None
            found.append(checked[0])
        return found

    def _to_array(self, values: object) -> Array:
        # A float is compared with the limits before it is rounded.
        return np.array(values, np.float64 if self._rule.kind is float else self._dtype)

    def _checked(self, array: Array) -> Array | None:
        if not self.given.fits(array.shape) or has_nothing(self.given, array.shape):
            return None
        if not self._rule.accepts_all(array):
            return None
        return array.astype(self._dtype, copy=False)
