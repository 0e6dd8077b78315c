"""Reads a long nested JSON list of numbers in steps, so that none blocks the interpreter.

Each step decodes about STEP_BYTES of the elements, without their brackets. The brackets and
commas alone must be those of a list of the shape that its first elements have.
"""

import msgspec
import numpy as np

from stateserve.checkpoint import Array

STEP_BYTES = 2**16
MAX_AXES = 16
_BRACKETS_TO_SPACE = bytes.maketrans(b"[]", b"  ")
_SPACE = b" \t\n\r"
_OTHERS_TO_ONE = bytes(byte if byte in b"[]," else ord("1") for byte in range(256))
# An element next to a bracket's outer side, and two lists without a comma between them.
_MISPLACED = (b"1[", b"]1", b"][")
DTYPES: dict[type, type] = {float: np.float64, int: np.int64, bool: np.bool_}


def read_number_list(text: bytes | bytearray | memoryview, kind: type) -> Array | None:
    """The array of a nested list of float, int or bool, as float64, int64 or bool.

    None unless the text is surely such a list: each of its lists not empty, and of equal shapes.
    """
    body = memoryview(text)
    parts: list[Array] = []
    structure = bytearray()
    decode = msgspec.json.Decoder(list[kind]).decode  # type: ignore[valid-type]
    start = 0
    while start < len(body):
        end = _after_comma(body, start)
        step = bytes(body[start:end])
        tokens = step.translate(_OTHERS_TO_ONE, _SPACE)
        if any(each in tokens for each in _MISPLACED):
            return None
        structure += tokens.translate(None, b"1")
        elements = step.translate(_BRACKETS_TO_SPACE).rstrip()
        last = end == len(body)
        try:
            values: list[object] = decode(b"[" + (elements if last else elements[:-1]) + b"]")
            parts.append(np.array(values, DTYPES[kind]))
        except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError):
            return None
        if not values:
            return None
        start = end
    shape = _shape(structure, sum(map(len, parts)))
    return None if shape is None else np.concatenate(parts).reshape(shape)


def _after_comma(body: memoryview, start: int) -> int:
    """The end of the step from `start`: after a comma, or the end of the text."""
    end = start + STEP_BYTES
    if end >= len(body):
        return len(body)
    # No number has so many digits.
    window = bytes(body[end : end + STEP_BYTES])
    return end + window.find(b",") + 1 if b"," in window else len(body)


def _shape(structure: bytearray, count: int) -> list[int] | None:
    """The shape of a list of `count` elements with these brackets and commas, if it has one."""
    depth = len(structure) - len(structure.lstrip(b"["))
    if not 0 < depth <= MAX_AXES:
        return None
    shape: list[int] = []
    whole = b""
    for level in range(depth):
        # From the innermost list outwards: each is a repetition of the list in it.
        closing = structure.find(b"]" * (level + 1), depth - level - 1)
        found = structure[depth - level - 1 : closing + level + 1]
        item = whole + b","
        length, rest = divmod(len(found) - 1, len(item))
        if rest or length < 1:
            return None
        whole = b"[" + (item * length)[:-1] + b"]"
        if found != whole:
            return None
        shape.insert(0, length)
    return shape if whole == structure and np.prod(shape) == count else None
