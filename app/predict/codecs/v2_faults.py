"""What is wrong in the JSON of the Open Inference Protocol, in words."""

import re

import msgspec

from app.errors import InvalidInference
from app.predict.codecs.json_text import JsonObject, parse_json
from app.predict.json_pointer import escape

# What decoding may raise.
FAULTS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
# Of msgspec, the place of a fault is a path that begins with $.
_FAULT = re.compile(r"(.*?)(?: - at `\$\.?(.*)`)?", re.DOTALL)
_WRONG_KIND = re.compile(r"Expected `([\w |]+)`, got `(\w+)`")
_BELOW = re.compile(r"Expected `(\w+)` >= (\d+)")
_MISSING = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_WANTED = {
    "float": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "str": "a string",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_GIVEN = _WANTED | {"float": "a number with a fraction or an exponent", "bool": "a boolean"}
_OTHERS = {
    "Input data was truncated": "not valid JSON: it is cut short",
    "Number out of range": "a number beyond float64",
}


def invalid_body(error: Exception) -> InvalidInference:
    place, reason = fault_of(error)
    return InvalidInference(f"{place or 'the body'}: {reason}")


def fault_of(error: Exception) -> tuple[str, str]:
    """The place, such as `inputs[0].shape`, "" for the whole, and the reason."""
    if isinstance(error, RecursionError):
        return "", "nested too deeply"
    text, place = _FAULT.fullmatch(str(error)).groups("")  # type: ignore[union-attr]
    # msgspec writes [...] for a name that the caller chose.
    place = place.removesuffix("[...]")
    if kinds := _WRONG_KIND.fullmatch(text):
        *others, last = (_WANTED[kind] for kind in kinds[1].split(" | "))
        wanted = f"{', '.join(others)} or {last}" if others else last
        return place, f"{_GIVEN[kinds[2]]} where {wanted} belongs"
    if below := _BELOW.fullmatch(text):
        return place, f"{_WANTED[below[1]]} of at least {below[2]} belongs here"
    if named := _MISSING.fullmatch(text) or _UNKNOWN.fullmatch(text):
        reason = "missing" if named.re is _MISSING else "no such field"
        return ".".join(filter(None, [place, named[1]])), reason
    return place, _OTHERS.get(text) or text.replace("JSON is malformed", "not valid JSON")


def require_each_once(text: bytes, names: int) -> None:
    """Raise InvalidInference if a name stands twice; `text` is valid JSON, of at most 64 KiB.

    `names` is the number of names that were decoded of it. If the text has as many colons, it has
    no other name and none twice, and is not parsed again. msgspec takes the last of two values,
    another reader, such as a proxy's, perhaps the first.
    """
    if text.count(b":") == names:
        return
    waiting: list[tuple[str, object]] = [("", parse_json(text))]
    while waiting:
        pointer, value = waiting.pop()
        if isinstance(value, JsonObject):
            found: set[str] = set()
            for name, each in value:
                place = f"{pointer}/{escape(name)}"
                if name in found:
                    raise InvalidInference(f"the body: {place:.200} stands twice")
                found.add(name)
                waiting.append((place, each))
        elif isinstance(value, list):
            # JsonObject is a list, too.
            inner = ((at, each) for at, each in enumerate(value) if isinstance(each, list))
            waiting.extend((f"{pointer}/{at}", each) for at, each in inner)
