"""Counts the function calls of a request."""

import sys
from types import FrameType


async def count_calls(ask) -> int:
    """The number of Python and C calls while `ask` runs."""
    calls = 0

    def profile(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        await ask()
    finally:
        sys.setprofile(before)
    return calls
