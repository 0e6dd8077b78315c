"""The headers of a request, as ASGI has them."""

RawHeader = tuple[bytes, bytes]
Headers = dict[bytes, bytes]
# In a request's scope: the caller asks for the headers of GET alone, as HEAD does.
HEAD = "stateserve.head"
