"""The worker processes of a real server, by the kernel's tables."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import rest
from tests.process import Process, wait_until


def workers_of(service: Process) -> list[int]:
    # Not /proc/PID/task/PID/children, in which some may be missing while the machine is busy.
    parent = str(service.process.pid)
    processes = sorted(int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal())
    return [pid for pid in processes if _fields_of(pid)[1:2] == [parent]]


def _fields_of(pid: int) -> list[str]:
    """State, parent and so on; empty if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def state_of(pid: int) -> str:
    """R, S, T (stopped), Z ...; "gone" if there is no such process."""
    fields = _fields_of(pid)
    return fields[0] if fields else "gone"


def has_ended(pid: int) -> bool:
    return state_of(pid) in ["gone", "Z"]


@contextmanager
def stopped(*pids: int) -> Iterator[None]:
    """Stop these processes, so that they accept no connection."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: {state_of(pid) for pid in pids} == {"T"})
    yield
    for pid in pids:
        if not has_ended(pid):
            os.kill(pid, signal.SIGCONT)


def metric(service: Process, start: str) -> float:
    lines = rest.get(f"{service.url}/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(start))


def metrics_directory(pid: int) -> Path:
    maps = Path(f"/proc/{pid}/maps").read_text()
    return Path(re.search(r"(/\S+/stateserve-workers-\w+)/", maps)[1])
