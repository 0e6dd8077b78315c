"""Processes in /proc: their descent and their memory."""

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One process; its start, in clock ticks since boot, distinguishes it from later ones."""

    pid: int
    parent: int
    session: int
    started: int
    zombie: bool = False

    @classmethod
    def read(cls, pid: int) -> Self:
        """Raises ProcessLookupError if it does not exist. Source: proc(5), /proc/pid/stat."""
        try:
            stat = (PROC / str(pid) / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            raise ProcessLookupError(pid) from None
        # The name, in parentheses, may itself contain spaces and parentheses.
        fields = stat.rpartition(")")[2].split()
        state, parent, session, started = fields[0], fields[1], fields[3], fields[19]
        return cls(pid, int(parent), int(session), int(started), state == "Z")

    def alive(self) -> bool:
        with contextlib.suppress(ProcessLookupError):
            now = Process.read(self.pid)
            return now.started == self.started and not now.zombie
        return False

    def inherited(self, mark: str) -> bool:
        """Whether the environment at its start contains the text `mark`."""
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
        """The part of pss_bytes that is not backed by files: heap and stacks.

        The rest depends on the number of other processes that map the same libraries.
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
    """`root`, its descendants, its session, and processes with `mark` in their environment.

    Descent alone misses the orphans of an ended process; the environment alone misses processes
    that overwrite it with a title.
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
