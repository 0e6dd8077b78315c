"""Read JSON that somebody writes for the project: each key stands once, each number is finite."""

import json
import math
from collections import Counter

# Python makes no integer of a longer text.
MOST_DIGITS = 4300
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def read_json(content: bytes | bytearray | str) -> Json:
    """Raises ValueError, one line."""
    try:
        text = content if isinstance(content, str) else content.decode("utf-8-sig")
        found: Json = _DECODER.decode(text)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"not JSON: {error}") from None
    except RecursionError:
        raise ValueError("not JSON that is read: nested too deeply") from None
    return found


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    fields = dict(pairs)
    # Programs differ in which of the two they take.
    if len(fields) < len(pairs):
        [(name, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the key {name!r:.100} stands twice in one object")
    return fields


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text:.40} is not finite")
    return number


def _integer(text: str) -> int:
    if (digits := len(text.lstrip("-"))) > MOST_DIGITS:
        raise ValueError(f"a number of {digits} digits; at most {MOST_DIGITS} are read")
    return int(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_finite, parse_int=_integer, parse_constant=_finite
)
