"""Reads a large /predict body in slices, so that no step blocks the interpreter for long.

A slice of valid instances is decoded in one call. Any other slice is decoded instance by
instance, so that each error is named. The result is that of reading the body at once, except that
after MAX_FAULTS errors the later slices are not read.
"""

import re
from collections.abc import Callable, Sized
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np

from app.errors import InvalidInstances
from app.predict.codecs.json_request import (
    TableRows,
    columns_of,
    most_bytes_of_one,
    read_flower,
    read_value,
    require_at_most,
    require_few,
)
from app.predict.codecs.json_text import JsonCursor
from app.predict.json_pointer import escape
from stateserve.errors import Fault
from stateserve.model import Card
from stateserve.model.architectures import FloatArray

Text = bytes | bytearray
Row = TypeVar("Row")
Part = TypeVar("Part", bound=Sized)
# Decodes a list of valid instances, else returns None.
DecodeList = Callable[[Text], Part | None]
# A slice of valid instances is decoded in about 2 ms.
SLICE_BYTES = 2**18
# Up to this length Python's own parser is fast enough for any content.
WHOLE_BYTES = 2**16
TAIL_BYTES = 1024
BETWEEN_OBJECTS = re.compile(rb"\}(?=[ \t\n\r]*,)")
TAIL = re.compile(rb"\][ \t\n\r]*\}[ \t\n\r]*\Z")


@dataclass(frozen=True)
class ListReader(Generic[Row, Part]):
    """Reads instances in slices.

    `between` matches the end of most instances that a comma follows. An instance that `decode`
    does not accept has up to `most_bytes_read`, and one that it accepts `most_bytes`; if this is
    None, `decode` accepts any length. `read` adds the errors of an instance to the list,
    and `join` makes a part of rows without errors.
    """

    decode: DecodeList[Part]
    read: Callable[[Any, str, list[Fault]], Row]
    join: Callable[[list[Row]], Part]
    most_bytes_read: int
    most_bytes: int | None
    between: re.Pattern[bytes] = BETWEEN_OBJECTS


def read_large(
    body: Text,
    card: Card,
    limit: int,
    decode: DecodeList[FloatArray],
    slice_bytes: int = SLICE_BYTES,
) -> TableRows:
    """Raises the errors of parse_instances, and BodyTooLarge for an overlong instance."""
    columns = columns_of(card)

    def read(value: object, pointer: str, faults: list[Fault]) -> list[float]:
        return read_flower(value, columns, pointer, faults)

    most = most_bytes_of_one(card)
    reader = ListReader(decode, read, partial(np.array, dtype=np.float32), most, most)
    parts = read_list(body, reader, limit, slice_bytes)
    if parts is not None:
        return TableRows(np.concatenate(parts), False)
    cursor = JsonCursor(body, max(most, min(WHOLE_BYTES, slice_bytes)))
    value = cursor.value("")
    cursor.require_end()
    return read_value(value, card, limit)


def read_list(
    body: Text, reader: ListReader[Row, Part], limit: int, slice_bytes: int = SLICE_BYTES
) -> list[Part] | None:
    """The instances of `{"instances": [...]}`, or None for a body that begins in another way.

    Raises MalformedBody, InvalidInstances or BodyTooLarge.
    """
    most = max(reader.most_bytes_read, min(WHOLE_BYTES, slice_bytes))
    cursor = JsonCursor(body, most, only_faulty=reader.most_bytes is None)
    cursor.require_no_mark()
    # Token by token, because space may stand between tokens.
    if not all(map(cursor.takes, (b"{", b'"instances"', b":", b"["))):
        return None
    return _List(body, cursor, reader, slice_bytes).read(limit)


class _List(Generic[Row, Part]):
    """Reads the list of instances at the cursor."""

    def __init__(
        self, body: Text, cursor: JsonCursor, reader: ListReader[Row, Part], slice_bytes: int
    ) -> None:
        self._body = body
        self._cursor = cursor
        self._reader = reader
        self._slice_bytes = slice_bytes
        self._faults: list[Fault] = []
        self._parts: list[Part] = []
        self._count = 0
        self._last = False

    def read(self, limit: int) -> list[Part]:
        cursor = self._cursor
        more = not cursor.takes(b"]")
        while more:
            until = cursor.position + self._slice_bytes
            if not self._read_slice(until):
                self._read_each(until)
                require_few(self._faults)
            more = not cursor.takes(b"]")
            if more:
                self._require_comma()
        self._require_end_of_object()
        if not self._count:
            raise InvalidInstances([Fault("/instances", "empty; at least one instance is needed")])
        require_at_most(limit, self._count)
        if self._faults:
            raise InvalidInstances(self._faults)
        return self._parts

    def _read_slice(self, until: int) -> bool:
        """Read the instances up to about `until` in one call; False if any may be invalid."""
        body, start = self._body, self._cursor.position
        inside = until < len(body) and not self._last
        end = self._end_of_instance(until) if inside else self._end_of_list(start)
        rows = None if end is None else self._reader.decode(b"[" + body[start:end] + b"]")
        if end is None or rows is None:
            return False
        self._cursor.position = end
        self._parts.append(rows)
        self._count += len(rows)
        return True

    def _end_of_instance(self, start: int) -> int | None:
        """The end of the first instance that ends after `start`, if it is found nearby."""
        body, search = self._body, self._reader.between.search
        if self._reader.most_bytes is not None:
            found = search(body, start, start + max(self._slice_bytes, self._reader.most_bytes))
            return found.end() if found else None
        step = max(self._slice_bytes, WHOLE_BYTES)
        for first in range(start, len(body), step):
            # The end itself may lie on the border of two steps.
            if found := search(body, first, first + step + TAIL_BYTES):
                return found.end()
        # Not searched again: a search of the whole body takes long.
        self._last = True
        return self._end_of_list(start)

    def _end_of_list(self, start: int) -> int | None:
        found = TAIL.search(self._body, max(start, len(self._body) - TAIL_BYTES))
        return found.start() if found else None

    def _read_each(self, until: int) -> None:
        """Read the instances up to about `until` one by one."""
        cursor, rows = self._cursor, []
        while True:
            pointer = f"/instances/{self._count}"
            value = cursor.value(pointer)
            self._count += 1
            rows.append(self._reader.read(value, pointer, self._faults))
            require_few(self._faults)
            # `read` consumes the comma after the last instance.
            cursor.skip_space()
            if cursor.position >= until or not self._body.startswith(b",", cursor.position):
                break
            cursor.position += 1
        if not self._faults:
            self._parts.append(self._reader.join(rows))

    def _require_comma(self) -> None:
        if not self._cursor.takes(b","):
            self._cursor.fail("expecting ',' delimiter")

    def _require_end_of_object(self) -> None:
        cursor = self._cursor
        if cursor.takes(b"}"):
            cursor.require_end()
            return
        self._require_comma()
        cursor.skip_space()
        if not self._body.startswith(b'"', cursor.position):
            cursor.fail("expecting property name enclosed in double quotes")
        name = str(cursor.value(""))
        what = "stands twice" if name == "instances" else "unknown field"
        raise InvalidInstances([Fault(f"/{escape(name)}", what)])
