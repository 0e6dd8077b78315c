"""Decodes valid JSON instances of named inputs to arrays in one typed pass.

json_reader.py reads all other bodies again, slowly, and names each error. So this decoder
has no error messages, and accepts only bodies that the reader accepts, with the same values.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from app.predict.codecs.tensors.input_decoder import InputDecoder
from app.predict.instances import Instances
from app.predict.tensors.row_groups import group
from app.predict.tensors.rows import TensorRows
from stateserve.checkpoint import Array
from stateserve.model import Input

Text = bytes | bytearray
# Longer instances are decoded in steps.
STEP_BYTES = 2**19


class TensorDecoder:
    """Decodes lists of instances of some inputs."""

    def __init__(self, inputs: Sequence[Input]) -> None:
        # A colon is counted to find repeated names; msgspec accepts no quotes and backslashes.
        names = [name.name for each in inputs for name in (each, *(each.features or ()))]
        self.works = not any(set(name) & set(':"\\') or not name.isprintable() for name in names)
        if not self.works:
            return
        self._inputs = [InputDecoder(each) for each in inputs]
        self._list = _Typed(self._inputs, raw=False)
        self._raw = _Typed(self._inputs, raw=True)

    def decode(self, body: Text) -> Instances[TensorRows] | None:
        """The instances of `{"instances": [...]}`, or one, or None unless it is surely valid."""
        if not self.works:
            return None
        if b'"instances"' not in body:
            found = self._decode_one(body)
            return None if found is None or len(found) > 1 else Instances(found, True)
        try:
            instances = self._list.many.decode(body).instances
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        found = self._convert(instances, body, self._list, colons=1)
        return None if found is None else Instances(found, False)

    def _decode_one(self, body: Text) -> TensorRows | None:
        if len(body) <= STEP_BYTES or not self._raw.opens:
            return self.decode_list(b"[" + body + b"]")
        try:
            # Not searched for its end: that of many megabytes would block the interpreter.
            instance = self._raw.open(msgspec.Raw(body))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        return self._convert([instance], body, self._raw, colons=0)

    def decode_list(self, text: Text) -> TensorRows | None:
        """The instances of a JSON list, or None unless it is surely valid."""
        if not self.works:
            return None
        typed = self._raw if len(text) > STEP_BYTES else self._list
        try:
            return self._convert(typed.decode(text), text, typed, colons=0)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def _convert(
        self, instances: list[object], text: Text, typed: "_Typed", colons: int
    ) -> TensorRows | None:
        if not instances:
            return None
        count = len(instances)
        columns: list[list[object]] = [instances]
        if {isinstance(each, typed.by_name) for each in instances} != {False}:
            if not all(isinstance(each, typed.by_name) for each in instances):
                return None
            columns = [list(map(value_of, instances)) for value_of in typed.columns]
            colons += count * len(columns)
        arrays: list[Array | list[Array]] = []
        for column, each in zip(columns, self._inputs, strict=True):
            found = each.convert(column)
            if found is None:
                return None
            colons += count * each.colons_of(column[0])
            arrays.append(found)
        if text.count(b":") != colons:
            return None
        names = [each.given.name for each in self._inputs]
        if all(isinstance(each, np.ndarray) for each in arrays):
            return TensorRows([dict(zip(names, arrays, strict=True))])  # type: ignore[arg-type]
        return group([dict(zip(names, row, strict=True)) for row in zip(*arrays, strict=True)])


class _Typed:
    """The decoders of instances; with `raw`, a value stays JSON, to be decoded in steps."""

    def __init__(self, inputs: "list[InputDecoder]", *, raw: bool) -> None:
        fields = [f"f{index}" for index in range(len(inputs))]
        types: list[object] = [msgspec.Raw if raw else each.type for each in inputs]
        self.by_name = msgspec.defstruct(
            "ByName",
            list(zip(fields, types, strict=True)),
            rename={field: each.given.name for field, each in zip(fields, inputs, strict=True)},
            forbid_unknown_fields=True,
            gc=False,
        )
        self.columns = [attrgetter(field) for field in fields]
        instance: Any = self.by_name
        if len(inputs) == 1:
            only = inputs[0]
            # Of two kinds of objects msgspec could not tell which one is meant.
            instance = only.type if only.features else only.nested | self.by_name
            if raw and not only.features:
                instance = msgspec.Raw
        # A table has short instances.
        self.opens = len(inputs) > 1 or not inputs[0].features
        self._alone = instance is msgspec.Raw
        self._one: msgspec.json.Decoder[object] = msgspec.json.Decoder(self.by_name)
        many = msgspec.defstruct(
            "Many", [("instances", list[instance])], forbid_unknown_fields=True, gc=False
        )
        self.many: msgspec.json.Decoder[Any] = msgspec.json.Decoder(many)
        self._list: msgspec.json.Decoder[Any] = msgspec.json.Decoder(list[instance])

    def decode(self, text: Text) -> list[object]:
        instances: list[Any] = self._list.decode(text)
        return list(map(self.open, instances)) if self._alone else instances

    def open(self, text: msgspec.Raw) -> object:
        """The struct of an object; the value of the one input alone stays JSON."""
        is_object = bytes(memoryview(text)[:STEP_BYTES]).lstrip()[:1] == b"{"
        return self._one.decode(text) if is_object or not self._alone else text
