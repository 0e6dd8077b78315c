"""Bodies for /predict, and how many calls a request takes."""

import io
import json
import sys
from types import FrameType

import numpy as np

from tests.project import SETOSA


def npy(rows: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, rows)
    return stream.getvalue()


FLOWER = json.dumps(SETOSA).encode()


BODIES = {
    "one": FLOWER,
    "many": json.dumps({"instances": [SETOSA] * 100}).encode(),
    "large": json.dumps({"instances": [SETOSA] * 2000}).encode(),
    "warning": json.dumps(SETOSA | {"petal_width": 9}).encode(),
    "overflow": json.dumps(dict.fromkeys(SETOSA, 1e39)).encode(),
    "fault": json.dumps(SETOSA | {"petal_width": "wide"}).encode(),
    "broken": FLOWER[:-1],
    "empty": b"",
}


async def count_calls(ask) -> int:
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
