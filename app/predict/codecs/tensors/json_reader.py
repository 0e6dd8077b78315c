"""Reads JSON values as the input tensors of one instance, and names every error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.errors import MAX_FAULTS, InvalidInstances
from app.predict.codecs.json_request import read_fields
from app.predict.codecs.json_text import JsonObject, describe
from app.predict.codecs.tensors.column_rule import ColumnRule
from app.predict.codecs.tensors.input_values import describe_shape
from app.predict.codecs.tensors.value_rule import ValueRule, dtype_of
from app.predict.json_pointer import escape
from app.predict.pictures import decode_base64
from stateserve.checkpoint import Array
from stateserve.errors import Fault
from stateserve.model import ANY, Input
from stateserve.text import MOST_SHOWN, did_you_mean

PICTURE = "b64"


@dataclass(frozen=True)
class EncodedPicture:
    """A PNG or JPEG file. `pointer` is its place in the request."""

    content: bytes
    pointer: str


# By name, in the order of the signature. The pictures of a request are decoded together.
InstanceInputs = dict[str, Array | EncodedPicture]


class InstanceReader:
    """Reads instances of some inputs.

    An instance is an object by input name; of a model with one input, the value of the input
    alone is an instance, too. A value is a nested list, for `features` also an object by the
    names of the features, and for pictures also `{"b64": text}`.
    """

    def __init__(self, inputs: Sequence[Input]) -> None:
        self._readers = {each.name: InputReader(each) for each in inputs}
        self._only = inputs[0] if len(inputs) == 1 else None
        self._listed = ", ".join(f"{each.name} ({describe_shape(each)})" for each in inputs)

    def is_bare(self, value: object) -> bool:
        """Whether a JSON text of this value is one instance, and not `{"instances": [...]}`."""
        if not isinstance(value, JsonObject):
            return True
        fields = dict(value)
        if "instances" not in fields:
            return True
        if self._only is None:
            return fields.keys() == self._readers.keys()
        # A feature may have this name, but is never a list.
        features = [feature.name for feature in self._only.features or ()]
        return "instances" in features and not _is_list(fields["instances"])

    def read(self, value: object, at: str, faults: list[Fault]) -> InstanceInputs | None:
        """The inputs without a batch axis; None if there are faults, which are added to `faults`.

        `value` is of parse_json, and `at` its JSON pointer. May raise InvalidInstances.
        """
        before = len(faults)
        if self._only is not None and not _is_by_name(value, self._only):
            found = {self._only.name: self._readers[self._only.name].read(value, at, faults)}
        else:
            found = self._by_name(value, at, faults)
        if len(faults) > before:
            return None
        return {name: found[name] for name in self._readers}  # type: ignore[misc]

    def _by_name(
        self, value: object, at: str, faults: list[Fault]
    ) -> dict[str, Array | EncodedPicture | None]:
        found: dict[str, Array | EncodedPicture | None] = {}
        if not isinstance(value, JsonObject):
            wanted = f"an object with {self._listed}"[:MOST_SHOWN]
            faults.append(Fault(at, f"{describe(value)} where {wanted} belongs"))
            return found
        for name, each in value:
            pointer = f"{at}/{escape(name)}"
            if name not in self._readers:
                hint = did_you_mean(name, self._readers)
                detail = f"unknown input; the inputs are {self._listed}{hint}"
                faults.append(Fault(pointer, detail))
            elif name in found:
                faults.append(Fault(pointer, "stands twice"))
            else:
                found[name] = self._readers[name].read(each, pointer, faults)
            if len(faults) >= MAX_FAULTS:
                return found
        for name, reader in self._readers.items():
            if name not in found:
                detail = f"missing; {describe_shape(reader.given)} is needed"
                faults.append(Fault(f"{at}/{escape(name)}", detail))
        return found


class InputReader:
    """Reads the values of one input."""

    def __init__(self, given: Input) -> None:
        self.given = given
        self._rule = ValueRule.of(given)
        self._dtype = dtype_of(given.dtype)
        self._shape = describe_shape(given)
        rules = ColumnRule.each(given)
        self._columns = {each.feature.name: each for each in rules}
        self._fields = {name: each.column for name, each in self._columns.items()}

    def read(self, value: object, at: str, faults: list[Fault]) -> Array | EncodedPicture | None:
        before = len(faults)
        if isinstance(value, JsonObject) and self._columns:
            fields = read_fields(value, self._fields, at, faults)
            return None if len(faults) > before else self._row(fields)
        if _is_list(value) and not self.given.plain:
            return self._read_row(value, at, faults)
        if isinstance(value, JsonObject) and self.given.image is not None:
            return _read_picture(value, at, faults)
        found: list[object] = []
        shape = self._read_list(value, self.given.row_shape, at, found, faults)
        if len(faults) > before:
            return None
        return np.array(found, self._dtype).reshape(shape)

    def _row(self, fields: Mapping[str, object]) -> Array:
        """The values of all columns. Those of a table of numbers alone keep their dtype."""
        if self.given.plain:
            return np.array([fields[name] for name in self._columns], self._dtype)
        numbers = [each.number_of(fields[name]) for name, each in self._columns.items()]
        return np.array(numbers, self._dtype)

    def _read_row(self, values: Any, at: str, faults: list[Fault]) -> Array | None:
        """A row of values in the order of the columns."""
        before = len(faults)
        if len(values) != len(self._columns):
            faults.append(Fault(at, f"{len(values)} values, not {len(self._columns)}"))
            return None
        for place, (rule, value) in enumerate(zip(self._columns.values(), values, strict=True)):
            if reason := rule.why_not(value):
                faults.append(Fault(f"{at}/{place}", reason))
        if len(faults) > before:
            return None
        return self._row(dict(zip(self._columns, values, strict=True)))

    def _read_list(
        self, value: Any, expected: list[int], at: str, found: list[object], faults: list[Fault]
    ) -> list[int]:
        """Append the elements to `found`; returns the shape, if no fault was added."""
        if not expected:
            if (reason := self._rule.why_not(value)) is not None:
                faults.append(Fault(at, reason))
            found.append(value)
            return []
        length, rest = expected[0], expected[1:]
        reason = None
        if not _is_list(value):
            reason = f"{describe(value)} where a list belongs ({self._shape})"
        elif length == ANY and not value:
            reason = f"an empty list; at least one value is needed ({self._shape})"
        elif length not in (ANY, len(value)):
            any_length = self.given.row_shape[-len(expected)] == ANY
            as_before = ", as in the lists before it" if any_length else ""
            reason = f"{len(value)} values, not {length}{as_before} ({self._shape})"
        if reason is not None:
            faults.append(Fault(at, reason))
            return expected
        for index, each in enumerate(value):
            shape = self._read_list(each, rest, f"{at}/{index}", found, faults)
            if len(faults) >= MAX_FAULTS:
                return expected
            # The lists after the first one have its shape.
            rest = rest if faults else shape
        return [len(value), *rest]


def _read_picture(value: JsonObject, at: str, faults: list[Fault]) -> EncodedPicture | None:
    fields = dict(value)
    if fields.keys() != {PICTURE} or len(value) > 1 or not isinstance(fields[PICTURE], str):
        detail = f'an object other than {{"{PICTURE}": base64 of a PNG or JPEG file}}'
        faults.append(Fault(at, detail))
        return None
    pointer = f"{at}/{PICTURE}"
    try:
        return EncodedPicture(decode_base64(fields[PICTURE], pointer), pointer)
    except InvalidInstances as error:
        faults.extend(error.faults)
        return None


def _is_list(value: object) -> bool:
    return isinstance(value, list) and not isinstance(value, JsonObject)


def _is_by_name(value: object, given: Input) -> bool:
    """Whether the value is an object with the name of the one input, not its value alone."""
    if not isinstance(value, JsonObject):
        return False
    fields = dict(value)
    if given.features:
        # A feature may have the name of its input, but is never a list or an object.
        return fields.keys() == {given.name} and isinstance(fields[given.name], list)
    if given.image and fields.keys() == {PICTURE}:
        return given.name == PICTURE and isinstance(fields[PICTURE], list)
    return True
