"""The base64 text of a picture in JSON."""

import binascii

from app.errors import InvalidInstances
from stateserve.errors import Fault


def decode_base64(text: str, pointer: str) -> bytes:
    """The bytes of base64 on one line, with padding. Source: RFC 4648, section 4.

    Raises InvalidInstances, whose fault has this pointer.
    """
    try:
        return binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except UnicodeEncodeError as error:
        reason = f"the character at {error.start} is not in its alphabet"
    except binascii.Error as error:
        reason = str(error)
    detail = f"not base64 on one line, with padding and without a data: prefix: {reason}"
    raise InvalidInstances([Fault(pointer, detail)])
