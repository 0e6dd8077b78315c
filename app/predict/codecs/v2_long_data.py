"""Cuts the long arrays named `data` out of an inference request's JSON.

The rest is short and is parsed in one call. v2_tensor_data.py decodes the arrays in slices: one
call for a long array would block all other requests until it ends.
"""

import re

from app.errors import InvalidInference
from app.predict.headers import Body

# JSON of this length blocks the interpreter for a few milliseconds, whatever its content.
MAX_OTHER_BYTES = 2**16
# Inside a JSON string a quote has a backslash before it, so this never matches there.
ARRAY = re.compile(rb'"data"[ \t\n\r]*:[ \t\n\r]*\[')
NO_DATA = 'these are a list with the name "data", written without escapes'
CUT_OUT = b'"\\u0000"'


def cut_out(body: Body, length: int, most: int = MAX_OTHER_BYTES) -> tuple[bytes, list[memoryview]]:
    """The first `length` bytes with CUT_OUT for each long array, and the arrays in order.

    Raises InvalidInference if more than `most` bytes are left.
    """
    view = memoryview(body)
    left, arrays = bytearray(), []
    position = 0
    reason = NO_DATA
    while position < length:
        until = min(position + most, length)
        found = ARRAY.search(body, position, until)
        start = found.end() - 1 if found else until
        stop = _end_of_numbers(body, start, length) if found else until
        end = max(body.rfind(b"]", start, stop), start) + 1 if found else until
        left += view[position:start]
        whole = found is None or _is_list(body, start, end, stop)
        if found:
            reason = NO_DATA if whole else _why_no_numbers(body, start, stop, length)
        if end - start > most and whole:
            arrays.append(view[start:end])
            left += CUT_OUT
        else:
            left += view[start:end]
        if len(left) > most:
            raise InvalidInference(
                f"more than {most} bytes of JSON beside the numbers of data: {reason}"
            )
        position = end
    return bytes(left), arrays


def _end_of_numbers(body: Body, start: int, length: int) -> int:
    """Where something else than numbers in lists follows: a text, a name, or an object's border."""
    end = length
    # The quote first: each "data" has one, so the others are searched for in a short part.
    for stop in (b'"', b"}", b"{"):
        found = body.find(stop, start, end)
        end = end if found < 0 else found
    return end


def _is_list(body: Body, start: int, end: int, stop: int) -> bool:
    """Whether numbers in lists end at `end`; where brackets do not match, the list's reader says
    the place."""
    if body.count(b"[", start, end) == body.count(b"]", start, end):
        return True
    return body.endswith(b"]", start, end) and not body[end:stop].strip()


def _why_no_numbers(body: Body, start: int, stop: int, length: int) -> str:
    place = body.count(b",", start, stop)
    if stop < length and body[stop] in b'"{':
        what = "an object" if body[stop] == ord("{") else "a text"
        return f"data has {what} as element {place}; texts are sent as bytes, binary_data_size"
    return f"the list of data does not end after element {place}"
