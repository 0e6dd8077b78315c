"""Processes as /proc shows them: who descends from whom, and the memory of each."""

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One process; its start, in clock ticks since boot, tells it from a later one of that pid."""

    pid: int
    parent: int
    session: int
    started: int
    zombie: bool = False

    @classmethod
    def read(cls, pid: int) -> Self:
        """Raises ProcessLookupError where there is none. Source: proc(5), /proc/pid/stat."""
        try:
            stat = (PROC / str(pid) / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            raise ProcessLookupError(pid) from None
        # The name, in parentheses, may hold spaces and parentheses itself.
        fields = stat.rpartition(")")[2].split()
        state, parent, session, started = fields[0], fields[1], fields[3], fields[19]
        return cls(pid, int(parent), int(session), int(started), state == "Z")

    def alive(self) -> bool:
        with contextlib.suppress(ProcessLookupError):
            now = Process.read(self.pid)
            return now.started == self.started and not now.zombie
        return False

    def inherited(self, mark: str) -> bool:
        """Whether the environment that it was started with holds the text `mark`."""
        try:
            return mark.encode() in (PROC / str(self.pid) / "environ").read_bytes()
        except OSError:
            return False

    def kill(self) -> None:
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def pss_bytes(self) -> int:
        """Proportional set size: each page divided by the number of processes that map it.

        Zero once the process has ended. Source: proc(5), /proc/pid/smaps_rollup.
        """
        return self._rollup("Pss")

    def anonymous_bytes(self) -> int:
        """Of pss_bytes, what is in no file: heap and stacks.

        The rest changes with the number of other processes that map the same libraries.
        """
        return self._rollup("Pss_Anon")

    def _rollup(self, field: str) -> int:
        try:
            return parse_rollup((PROC / str(self.pid) / "smaps_rollup").read_text(), field)
        except OSError:
            return 0


def parse_rollup(rollup: str, field: str) -> int:
    """A line of a smaps_rollup, such as `Pss:`, in bytes."""
    for line in rollup.splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.removesuffix("kB")) * 1024
    return 0


def family(root: int, mark: str) -> list[Process]:
    """`root`, its descendants, its session, and whoever inherited `mark` in the environment.

    Descent alone loses the orphans of a process that has ended, and the environment alone those
    that write their title over it.
    """
    everyone = _everyone()
    pids = {p.pid for p in everyone if root in (p.pid, p.session) or p.inherited(mark)}
    while grown := {p.pid for p in everyone if p.parent in pids} - pids:
        pids |= grown
    return [process for process in everyone if process.pid in pids]


def _everyone() -> list[Process]:
    processes = []
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(ProcessLookupError):
                processes.append(Process.read(int(entry.name)))
    return processes
