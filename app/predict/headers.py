"""Types of a request's headers and body, in the form of ASGI."""

RawHeader = tuple[bytes, bytes]
Headers = dict[bytes, bytes]
Body = bytes | bytearray
# For a length in a header: 2^64 has 20 digits; Python converts no integer of thousands of digits.
MOST_DIGITS = 20
REQUEST_ID = b"x-request-id"
# A key in a request's scope: the request is HEAD, so the answer needs only GET's headers.
HEAD = "stateserve.head"
