"""A media type as Content-Type has it (RFC 9110, 8.3.1), read in one pass."""

import re
from typing import NamedTuple

# "application/vnd.apache.arrow.stream; charset=utf-8" has 50.
MOST_BYTES = 256
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
_TYPE = re.compile(rb"(%b/%b)[\t ]*" % (_TOKEN, _TOKEN))
_PARAMETER = re.compile(rb";[\t ]*(?:(%b)=(%b|%b)[\t ]*)?" % (_TOKEN, _TOKEN, _QUOTED))
_ESCAPED = re.compile(rb"\\(.)")


class MediaType(NamedTuple):
    """`essence` and the parameters' names are in lower case."""

    essence: str
    parameters: dict[str, str]

    @classmethod
    def parse(cls, text: bytes) -> "MediaType | None":
        """None for what is malformed, too long, or names a parameter twice."""
        match = _TYPE.match(text) if len(text) <= MOST_BYTES else None
        if match is None:
            return None
        essence = match[1].decode().lower()
        parameters: dict[str, str] = {}
        while (end := match.end()) < len(text):
            match = _PARAMETER.match(text, end)
            if match is None:
                return None
            if match[1]:
                name = match[1].decode().lower()
                if name in parameters:
                    return None
                parameters[name] = _unquote(match[2])
        return cls(essence, parameters)


def _unquote(value: bytes) -> str:
    if value.startswith(b'"'):
        value = _ESCAPED.sub(rb"\1", value[1:-1])
    return value.decode("latin-1")
