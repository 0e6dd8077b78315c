"""Decodes a valid /predict body from JSON to rows in one typed pass.

json_request.py parses all other bodies again, slowly, and names each error. So this decoder has
no error messages, and accepts only bodies that json_request.py accepts.
"""

import operator
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from app.predict.codecs.json_request import TableRows, parse_instances, require_at_most
from app.predict.codecs.large_instances import WHOLE_BYTES, read_large
from app.predict.instances import Instances
from app.predict.rows import LARGEST
from stateserve.model import Card
from stateserve.model.architectures import FloatArray


class InstanceDecoder:
    """`decode` does the work of parse_instances for one card, at a fraction of its cost."""

    def __init__(self, card: Card, limit: int) -> None:
        self._card = card
        self._limit = limit
        self._width = len(card.features)
        names = [feature.name for feature in card.features]
        # Colons are counted to find repeated names, so no name may contain a colon.
        self._fast = "instances" not in names and not any(":" in name for name in names)
        fields = [f"f{column}" for column in range(self._width)]
        try:
            instance = msgspec.defstruct(
                "Instance",
                [(field, float) for field in fields],
                rename=dict(zip(fields, names, strict=True)),
                forbid_unknown_fields=True,
                gc=False,
            )
        except ValueError:
            # msgspec accepts no quote, backslash or control character in a name.
            self._fast = False
            return
        batch = [("instances", list[instance])]  # type: ignore[valid-type]
        instances = msgspec.defstruct("Instances", batch, forbid_unknown_fields=True, gc=False)
        self._one: msgspec.json.Decoder[Any] = msgspec.json.Decoder(instance)
        self._many: msgspec.json.Decoder[Any] = msgspec.json.Decoder(instances)
        self._list: msgspec.json.Decoder[Any] = msgspec.json.Decoder(list[instance])  # type: ignore[valid-type]
        self._columns = [operator.attrgetter(field) for field in fields]

    def decode(self, body: bytes | bytearray, _parameters: Mapping[str, str] = {}, /) -> TableRows:
        """Raises the errors of parse_instances."""
        if len(body) > WHOLE_BYTES:
            return read_large(body, self._card, self._limit, self.decode_list)
        return (self._fast and self._decode(body)) or parse_instances(body, self._card, self._limit)

    def decode_list(self, body: bytes | bytearray) -> FloatArray | None:
        """The float32 rows of a JSON list of instances, or None unless it is surely valid."""
        if not self._fast:
            return None
        try:
            rows = self._rows(self._list.decode(body))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        # A repeated name adds a colon, as in _decode.
        return rows if rows is not None and body.count(b":") == rows.size else None

    def _decode(self, body: bytes | bytearray) -> TableRows | None:
        single = b'"instances"' not in body
        try:
            decoded = (self._one if single else self._many).decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        rows = self._row(decoded) if single else self._rows(decoded.instances)
        # Values are numbers and names are known, so an additional colon is a repeated name.
        if rows is None or body.count(b":") != rows.size + (not single):
            return None
        require_at_most(self._limit, len(rows))
        return Instances(rows, single)

    def _row(self, instance: msgspec.Struct) -> FloatArray | None:
        values = msgspec.structs.astuple(instance)
        if max(values) > LARGEST or min(values) < -LARGEST:
            return None
        return np.array([values], dtype=np.float32)

    def _rows(self, instances: list[msgspec.Struct]) -> FloatArray | None:
        if not instances:
            return None
        rows = np.empty((len(instances), self._width), dtype=np.float32)
        for column, value_of in enumerate(self._columns):
            values = np.fromiter(map(value_of, instances), np.float64, len(instances))
            if values.max() > LARGEST or values.min() < -LARGEST:
                return None
            rows[:, column] = values
        return rows
