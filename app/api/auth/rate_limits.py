"""Rate limits that all worker processes share.

The generic cell rate algorithm in its virtual scheduling form (ITU-T I.371, annex A) keeps one
number for each rate: the time at which the next of evenly spaced requests would arrive. Times are
integer nanoseconds of the monotonic clock, which all processes share, so sums are exact.
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
# A lock is held for about 1 µs. After this time its process counts as stopped, and for the
# second time below, requests do not wait for the lock.
PATIENCE_SECONDS = 0.1
DISTRUST_SECONDS = 1.0


class Quota(NamedTuple):
    """`limit` requests in `period` seconds, up to `burst` of them at once."""

    limit: int
    period: int
    burst: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse for example 100/minute, or 100/minute burst 10."""
        rate, _, burst = text.partition(" burst ")
        limit, _, unit = rate.partition("/")
        return cls(int(limit), SECONDS[unit], int(burst or limit))


class Rates:
    """The states of all rates in shared memory; created before the fork.

    The memory has no file, so that a full disk does no harm. `lock_file` must not be used
    otherwise; without it, there is only one process. Only one thread of a process may use it.
    """

    def __init__(self, lock_file: Path | None = None) -> None:
        # Two numbers for each rate: a hash of its name, and its next arrival.
        self._table = memoryview(mmap.mmap(-1, 16 * SLOTS)).cast("Q")
        # Never closed: a close would release all locks of the process on this file.
        self._file = None
        if lock_file:
            self._file = os.open(lock_file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._distrust_until = 0.0

    def limit(self, owner: str, quota: Quota) -> "Limit":
        """The limit of `owner`, the same one for the same quota. Raises SettingsError."""
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
        """Add `interval` to the next arrival, unless it is then more than `room` after `now`.

        Returns 0, or the nanoseconds by which the request is too early.
        """
        # Without a context manager, which would cost more than the rest of this method.
        locked = self._file is not None and self._lock(slot)
        try:
            arrival = self._table[2 * slot + 1]
            # Without `max`, which takes longer.
            arrival = (arrival if arrival > now else now) + interval
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
        """Whether the lock is held now. The kernel releases the lock of a process that dies.

        A stopped process may keep the lock. Then too many requests may pass.
        """
        if self._file is None:
            return False
        begun = time.monotonic()
        while True:
            try:
                # A range lock, not flock, whose locks forked processes share.
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
    """The limit of one rate."""

    def __init__(self, rates: Rates, slot: int, quota: Quota) -> None:
        self.quota = quota
        self._rates = rates
        self._slot = slot
        # Rounded up, so that the rate is not exceeded.
        self._interval = -(-quota.period * 10**9 // quota.limit)
        # Bounded, so that sums with it fit into 64 bits.
        self._room = min(quota.burst * self._interval, 2**63)

    def take(self, now: int | None = None) -> int:
        """Count a request and return 0, or return the nanoseconds until the rate allows it.

        `now` is in nanoseconds of the monotonic clock.
        """
        now = time.monotonic_ns() if now is None else now
        return self._rates.next_arrival(self._slot, now, self._interval, self._room)
