"""Parses JSON and keeps repeated names: a whole text, or one value at a time.

Python's parser holds the interpreter's lock until it ends, which blocks all other requests. So
JsonCursor reads a long text in calls that are short, whatever the text contains.
"""

import codecs
import json
from typing import Any, NoReturn

from app.errors import BodyTooLarge, InvalidInstances, MalformedBody
from stateserve.errors import Fault

SPACE = b" \t\n\r"
STEP_BYTES = 2**16
FIRST_WINDOW = 1024
# The longest token that cannot be parsed in parts: a pair of escaped surrogates.
TOKEN = 12


class JsonObject(list[tuple[str, Any]]):
    """A JSON object as its pairs in order, so that repeated names can be found."""


class _NotFinite(str):
    """NaN, Infinity or -Infinity: not valid JSON, but Python's parser accepts them."""


class _CutOff(Exception):
    """The value continues after the window."""


_decoder = json.JSONDecoder(object_pairs_hook=JsonObject, parse_constant=_NotFinite)


def parse_json(body: bytes | bytearray) -> object:
    """JSON with its objects as JsonObject. Raises MalformedBody or InvalidInstances."""
    cursor = JsonCursor(body, len(body))
    cursor.require_no_mark()
    value = cursor.value("", len(body))
    cursor.require_end()
    return value


class JsonCursor:
    """A position in a text; values of up to `most` bytes are read from it.

    `only_faulty`: only values are read that another decoder has refused, whatever their length.
    """

    def __init__(self, body: bytes | bytearray, most: int, *, only_faulty: bool = False) -> None:
        self.position = 0
        self._body = body
        self._most = most
        self._only_faulty = only_faulty

    def require_no_mark(self) -> None:
        if self._body.startswith(codecs.BOM_UTF8):
            raise MalformedBody("a byte order mark", 0)

    def skip_space(self) -> None:
        while chunk := self._body[self.position : self.position + STEP_BYTES]:
            rest = chunk.lstrip(SPACE)
            self.position += len(chunk) - len(rest)
            if rest:
                return

    def takes(self, text: bytes) -> bool:
        """Whether `text` is next, after any space; if so, moves behind it."""
        self.skip_space()
        found = self._body.startswith(text, self.position)
        if found:
            self.position += len(text)
        return found

    def require_end(self) -> None:
        self.skip_space()
        if self.position < len(self._body):
            self.fail("extra data")

    def fail(self, reason: str) -> NoReturn:
        """Raise MalformedBody at the position."""
        raise MalformedBody(reason, self.position)

    def value(self, pointer: str, expected: int = FIRST_WINDOW) -> object:
        """Read the next value, of about `expected` bytes; `pointer` is its JSON pointer.

        Raises MalformedBody, InvalidInstances, or BodyTooLarge for more than `most` bytes.
        """
        self.skip_space()
        size = min(expected, self._most)
        while True:
            try:
                return self._value_within(size)
            except _CutOff:
                if size == self._most:
                    raise self._too_long(pointer) from None
                size = min(4 * size, self._most)

    def _too_long(self, pointer: str) -> BodyTooLarge | InvalidInstances:
        if self._only_faulty:
            search = f"in more than {self._most} bytes the mistake is not searched for"
            return InvalidInstances([Fault(pointer, f"not what the model takes; {search}")])
        what = pointer or "the body"
        return BodyTooLarge(f"{what}: more than the {self._most} bytes that one instance may have")

    def _value_within(self, size: int) -> object:
        last = self.position + size >= len(self._body)
        window = self._body[self.position : self.position + size]
        try:
            text, _ = codecs.utf_8_decode(window, "strict", last)
        except UnicodeDecodeError as error:
            raise MalformedBody("invalid UTF-8", self.position + error.start) from None
        # A value that ends this close to the end of the window may continue after it.
        sure = len(text) if last else len(text) - TOKEN
        try:
            value, end = _decoder.raw_decode(text)
        except json.JSONDecodeError as error:
            if not last and (error.pos > sure or error.msg.startswith("Unterminated")):
                raise _CutOff from None
            self.position += len(text[: error.pos].encode())
            self.fail(error.msg.lower())
        except RecursionError:
            raise MalformedBody("nested too deeply", 0) from None
        except ValueError as error:
            # Python refuses to convert integers of thousands of digits.
            fault = Fault("", f"a number has too many digits ({error})")
            raise InvalidInstances([fault]) from None
        if end > sure:
            raise _CutOff
        self.position += len(text[:end].encode())
        return value


def describe(value: object) -> str:
    """The kind of a value of parse_json, for error messages."""
    if isinstance(value, _NotFinite):
        return str(value)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    kinds: dict[type, str] = {JsonObject: "an object", list: "a list", str: "a string"}
    return kinds.get(type(value), "a number")
