"""A JSON document read field by field; whatever is not read does not exist for the reader."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from stateserve.errors import UnreadableCheckpoint
from stateserve.json_document import Json, read_json
from stateserve.text import class_of

# A parsed value takes up to a hundred bytes of memory for two of the document.
MAX_VALUES = 2**21
MAX_TEXT = 1000
INT64 = 2**63
NOT_FINITE = ("Infinity", "-Infinity", "NaN")


@dataclass(frozen=True, slots=True)
class Value:
    """A value and its place in the document. Each method refuses what it does not name."""

    value: Json
    key: str | int
    parent: "Value | None" = None

    @classmethod
    def parse(cls, content: bytes | bytearray, name: str) -> Self:
        """Raises UnreadableCheckpoint unless `content` is JSON without repeated keys."""
        if sum(content.count(mark) for mark in (b",", b"[", b"{")) > MAX_VALUES:
            raise UnreadableCheckpoint(f"{name}: more than {MAX_VALUES} values")
        try:
            value = read_json(content)
        except ValueError as error:
            raise UnreadableCheckpoint(f"{name}: {error!s:.200}") from None
        return cls(value, name)

    @property
    def place(self) -> str:
        if self.parent is None:
            return str(self.key)
        link = f"[{self.key}]" if isinstance(self.key, int) else f".{self.key:.100}"
        return (
            self.parent.place + link if self.parent.parent else f"{self.parent.place}: {link[1:]}"
        )

    def refused(self, accepted: str) -> UnreadableCheckpoint:
        shown = "" if isinstance(self.value, dict | list) else f" {self.value!r:.60}"
        found = f"{class_of(self.value)}{shown}"
        return UnreadableCheckpoint(f"{self.place} is {found}; accepted is {accepted}")

    def record(self, *required: str, optional: Sequence[str] = ()) -> "dict[str, Value]":
        """An object with exactly these fields; an optional one may be missing or null."""
        fields = self.mapping()
        if missing := [name for name in required if name not in fields]:
            raise UnreadableCheckpoint(f"{self.place} has no {missing[0]}")
        for name in fields:
            if name not in required and name not in optional:
                known = ", ".join([*required, *optional])
                raise UnreadableCheckpoint(
                    f"{self.place} has an unknown field {name!r:.100}; accepted are {known}"
                )
        return {
            name: field
            for name, field in fields.items()
            if name in required or field.value is not None
        }

    def choice(self) -> "tuple[str, Value]":
        """The only field of an object: its name says what the value is."""
        fields = self.mapping()
        if len(fields) != 1:
            raise self.refused("an object with one field")
        return next(iter(fields.items()))

    def mapping(self) -> "dict[str, Value]":
        if not isinstance(self.value, dict):
            raise self.refused("an object")
        return {name: Value(each, name, self) for name, each in self.value.items()}

    def items(self) -> "list[Value]":
        if not isinstance(self.value, list):
            raise self.refused("a list")
        return [Value(each, index, self) for index, each in enumerate(self.value)]

    def text(self, pattern: str = r"[ -~]*", longest: int = MAX_TEXT) -> str:
        """A string that matches `pattern` whole; by default printable ASCII."""
        value = self.value
        if not isinstance(value, str) or len(value) > longest or not re.fullmatch(pattern, value):
            raise self.refused(f"a string of the form {pattern} of at most {longest} characters")
        return value

    def integer(self, lowest: int = -INT64, highest: int = INT64 - 1) -> int:
        if type(self.value) is not int or not lowest <= self.value <= highest:
            raise self.refused(f"an integer from {lowest} to {highest}")
        return self.value

    def boolean(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.refused("true or false")
        return self.value

    def number(self) -> float | str:
        """A float, or the string that stands for one that JSON lacks."""
        value = self.value
        if isinstance(value, float) or (isinstance(value, str) and value in NOT_FINITE):
            return value
        return float(self.integer())
