"""Takes the long arrays named `data` out of an inference request's JSON.

What is left is short, and is parsed in one call. The arrays are decoded in slices, by
app.tensors: one call for all of it would let no other request be answered meanwhile.
"""

import re

from app.errors import InvalidInference
from app.predict.body import Body

# Python's interpreter is held for a few milliseconds by as much JSON, whatever it says.
MOST_BESIDE = 2**16
# A quote that is part of a text has a backslash before it, so this is never inside a text.
ARRAY = re.compile(rb'"data"[ \t\n\r]*:[ \t\n\r]*\[')
CUT_OUT = b'"\\u0000"'


def cut_out(body: Body, length: int, most: int = MOST_BESIDE) -> tuple[bytes, list[memoryview]]:
    """The JSON, of so many bytes, with CUT_OUT for each long array, and these in their order.

    Raises InvalidInference where more than `most` bytes are left.
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
    """Where an array of numbers ends that starts there: before the next name or brace."""
    end = length
    for stop in (b"}", b'"'):
        found = body.find(stop, start, end)
        end = end if found < 0 else found
    return max(body.rfind(b"]", start, end), start) + 1
