"""The peak memory of a call by the kernel's count, which includes torch and Rust."""

import re
from collections.abc import Callable
from pathlib import Path

MIB = 2**20
# Not meaningful for a small file: the first use of a library also takes memory.
SPARE = 24 * MIB
_STATUS = Path("/proc/self/status")


def peak_growth(call: Callable[[], object]) -> int:
    """Bytes by which the resident set grew during the call. Linux; see proc(5), clear_refs."""
    Path("/proc/self/clear_refs").write_text("5")
    before = _highest()
    call()
    return _highest() - before


def _highest() -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text())
    assert found
    return int(found[1]) * 1024
