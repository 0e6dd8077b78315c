"""How much memory a call takes at its highest, as the kernel counts it: torch's and Rust's too."""

import re
from collections.abc import Callable
from pathlib import Path

MIB = 2**20
# Of a small file nothing is to be said: the first use of a library takes some for itself.
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
