"""Rates of requests, each one rate over all processes that are forked afterwards.

By the generic cell rate algorithm in its virtual scheduling form (ITU-T I.371, annex A), which
keeps one number of a rate: when the next request would arrive if all came evenly. Times are whole
nanoseconds of the monotonic clock, which all processes of a machine share: sums are exact.
"""

import fcntl
import hashlib
import mmap
import os
import time
from pathlib import Path
from typing import NamedTuple, Self

from app.errors import SettingsError

SLOTS = 2**14
SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
# Of a turn that takes a microsecond: then the other process stands still, and nobody waits for it.
PATIENCE_SECONDS = 0.1
DISTRUST_SECONDS = 1.0


class Quota(NamedTuple):
    """`limit` requests in `period` seconds, of which `burst` may come at once."""

    limit: int
    period: int
    burst: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """From such as 100/minute, or 100/minute burst 10."""
        rate, _, burst = text.partition(" burst ")
        limit, _, unit = rate.partition("/")
        return cls(int(limit), SECONDS[unit], int(burst or limit))


class Rates:
    """Made before the fork, with a `lock_file` that is used for nothing else.

    The memory is no file's, so that no full disk can be in the way. Without `lock_file` it is for
    one process alone. All methods are for one thread of each process.
    """

    def __init__(self, lock_file: Path | None = None) -> None:
        # Two numbers of each rate: which one it is, and its next arrival.
        self._table = memoryview(mmap.mmap(-1, 16 * SLOTS)).cast("Q")
        # Open as long as the process is there: to close it would end all of its turns.
        self._file = None
        if lock_file:
            self._file = os.open(lock_file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._distrust_until = 0.0

    def limit(self, owner: str, quota: Quota) -> "Limit":
        """The rate of `owner`: the same again for the same quota. Raises SettingsError."""
        name = f"{owner} {quota}".encode()
        tag = int.from_bytes(hashlib.sha256(name).digest()[:8]) or 1
        locked = self._lock(SLOTS)
        try:
            for step in range(SLOTS):
                slot = (tag + step) % SLOTS
                if self._table[2 * slot] in (0, tag):
                    self._table[2 * slot] = tag
                    return Limit(self, slot, quota)
        finally:
            if locked:
                self._unlock(SLOTS)
        raise SettingsError(f"more than {SLOTS} rates since the start")

    def next_arrival(self, slot: int, now: int, interval: int, room: int) -> int:
        """Move the next arrival on by `interval`, unless it is then more than `room` from now.

        Returns how long it is too early, 0 if it is not.
        """
        # Spelled out: a context manager costs each request more than all the rest of this.
        locked = self._file is not None and self._lock(slot)
        try:
            arrival = max(self._table[2 * slot + 1], now) + interval
            early = arrival - now - room
            if early > 0:
                return early
            self._table[2 * slot + 1] = arrival
        finally:
            if locked:
                self._unlock(slot)
        return 0

    def _unlock(self, slot: int) -> None:
        if self._file is not None:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, slot)

    def _lock(self, slot: int) -> bool:
        """Whether the lock was had; the kernel takes it from a process that dies.

        From one that is stopped in its turn it is not to be had. Then a request too many may pass.
        """
        if self._file is None:
            return False
        begun = time.monotonic()
        while True:
            try:
                # Of a range, and not flock: a forked process has the same open file.
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
                return True
            except BlockingIOError:
                now = time.monotonic()
                if now < self._distrust_until:
                    return False
                if now > begun + PATIENCE_SECONDS:
                    self._distrust_until = now + DISTRUST_SECONDS
                    return False
                time.sleep(0.0001)


class Limit:
    """One rate."""

    def __init__(self, rates: Rates, slot: int, quota: Quota) -> None:
        self.quota = quota
        self._rates = rates
        self._slot = slot
        # Rounded up: a rate is not exceeded.
        self._interval = -(-quota.period * 10**9 // quota.limit)
        # A sum of both is a number of 64 bits.
        self._room = min(quota.burst * self._interval, 2**63)

    def take(self, now: int | None = None) -> int:
        """Count a request: 0, or nanoseconds until there is room for it; then it is not counted.

        `now` is of the monotonic clock, in nanoseconds.
        """
        now = time.monotonic_ns() if now is None else now
        return self._rates.next_arrival(self._slot, now, self._interval, self._room)
