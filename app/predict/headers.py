"""Types of request headers in the form of ASGI."""

RawHeader = tuple[bytes, bytes]
Headers = dict[bytes, bytes]
# A key in a request's scope: the request is HEAD, so the answer needs only GET's headers.
HEAD = "stateserve.head"
