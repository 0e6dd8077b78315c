"""Finds a name that stands twice in an object of an inference request.

msgspec takes the last of two values, another reader, such as a proxy's, perhaps the first.
"""

from app.errors import InvalidInference
from app.predict.codecs.json_text import JsonObject, parse_json
from app.predict.json_pointer import escape


def require_each_once(text: bytes, names: int) -> None:
    """Raise InvalidInference if a name stands twice; `text` is valid JSON, of at most 64 KiB.

    `names` is the number of names that were decoded of it. If the text has as many colons, it has
    no other name and none twice, and is not parsed again.
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
