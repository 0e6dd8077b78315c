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
CUT_OUT = b'"\\u0000"'


def cut_out(body: Body, length: int, most: int = MAX_OTHER_BYTES) -> tuple[bytes, list[memoryview]]:
    """The first `length` bytes with CUT_OUT for each long array, and the arrays in order.

    Raises InvalidInference if more than `most` bytes are left.
    """
    view = memoryview(body)
    left, arrays = bytearray(), []
    position = 0
    while position < length:
        until = min(position + most, length)
        found = ARRAY.search(body, position, until)
        start = found.end() - 1 if found else until
        end = _end_of_numbers(body, start, length) if found else until
        left += view[position:start]
        if end - start > most:
            arrays.append(view[start:end])
            left += CUT_OUT
        else:
            left += view[start:end]
        if len(left) > most:
            raise InvalidInference(f"more than {most} bytes of JSON beside the numbers of data")
        position = end
    return bytes(left), arrays


def _end_of_numbers(body: Body, start: int, length: int) -> int:
    """The end of the array of numbers at `start`: before the next name or brace."""
    end = length
    for stop in (b"}", b'"'):
        found = body.find(stop, start, end)
        end = end if found < 0 else found
    return max(body.rfind(b"]", start, end), start) + 1
