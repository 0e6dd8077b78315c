"""Load on a service: a closed loop keeps requests in flight, an open loop sends at a rate."""

import asyncio
import time
from array import array
from collections import Counter, deque
from dataclasses import dataclass, field

from app.cli.bench.connection import Connection
from app.cli.bench.target import BenchFailed, Target

NO_ANSWER, CLOSED, REFUSED = "no answer in time", "connection closed", "connection refused"
# Timers of the event loop are coarser than this: the rest of a pause is spent in its turns.
TIMER_SECONDS = 0.002
LOOK_SECONDS = 0.1


@dataclass
class Measured:
    """`latencies` in seconds are of successful answers; in an open loop from the time when the
    request should have been sent, so that a stalled service cannot hide its stall.

    `busy` is the processor time of this program over the time that passed, `behind` the longest
    delay, in seconds, of its own schedule.
    """

    latencies: "array[float]" = field(default_factory=lambda: array("d"))
    statuses: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    busy: float = 0.0
    behind: float = 0.0


class Load:
    """Sends `message` to a target over `connections`, for `seconds`; see `run`.

    With a `rate`, so many requests a second are due, whether or not others are answered; one that
    finds no free connection waits, and its latency contains the wait.
    """

    def __init__(
        self,
        target: Target,
        message: bytes,
        *,
        connections: int,
        seconds: float,
        rate: float | None,
        timeout: float,
    ) -> None:
        self._target = target
        self._message = message
        self._connections = connections
        self._seconds = seconds
        self._rate = rate
        self._timeout = timeout
        self._measured = Measured()
        self._busy: set[Connection] = set()
        self._free: deque[Connection] = deque()
        # The times of requests that wait for a connection.
        self._waiting: deque[float] = deque()
        self._paced = 0
        self._opening: set[asyncio.Task[None]] = set()

    async def run(self) -> Measured:
        """Raises BenchFailed if the first connections cannot be opened."""
        try:
            opened = [await self._open() for _ in range(self._connections)]
        except OSError as error:
            raise BenchFailed(f"{self._target.url}: {error.strerror or error}") from None
        self._begin, used = time.perf_counter(), time.process_time()
        self._end = self._last = self._begin + self._seconds
        if self._rate:
            self._free.extend(opened)
            self._pace()
        else:
            for connection in opened:
                self._send(connection, self._begin)
        await self._wait_for_answers()
        self._measured.seconds = self._last - self._begin
        elapsed = time.perf_counter() - self._begin
        self._measured.busy = (time.process_time() - used) / elapsed
        for connection in (*self._busy, *self._free):
            connection.sent = 0.0
            connection.abort()
        return self._measured

    async def _open(self) -> Connection:
        target = self._target
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: Connection(self._message, self._answered),
            target.host,
            target.port,
            ssl=target.tls,
        )
        return connection

    def _send(self, connection: Connection, due: float) -> None:
        self._busy.add(connection)
        connection.send(due, time.perf_counter())

    def _answered(self, connection: Connection, status: int | None) -> None:
        now = time.perf_counter()
        self._busy.discard(connection)
        if status is None:
            overdue = now - connection.sent >= self._timeout
            self._measured.faults[NO_ANSWER if overdue else CLOSED] += 1
        else:
            self._measured.statuses[status] += 1
            if status < 300:
                self._measured.latencies.append(now - connection.due)
        connection.due = connection.sent = 0.0
        self._last = max(now, self._end)
        if connection.open:
            self._use(connection, now)
        elif now < self._end or self._waiting:
            self._reopen()

    def _use(self, connection: Connection, now: float) -> None:
        """Send the next request over a free connection, if one is due."""
        if self._waiting:
            self._send(connection, self._waiting.popleft())
        elif not self._rate and now < self._end:
            self._send(connection, now)
        else:
            self._free.append(connection)

    def _pace(self) -> None:
        """Send what is due, and come back when the next request is."""
        if not self._rate:
            return
        now = time.perf_counter()
        while (due := self._begin + self._paced / self._rate) <= now and due < self._end:
            self._paced += 1
            self._measured.behind = max(self._measured.behind, now - due)
            self._waiting.append(due)
        while self._waiting and self._free:
            connection = self._free.popleft()
            if connection.open:
                self._send(connection, self._waiting.popleft())
            else:
                self._reopen()
        if due < self._end:
            pause, loop = due - now - TIMER_SECONDS, asyncio.get_running_loop()
            if pause > 0:
                loop.call_later(pause, self._pace)
            else:
                loop.call_soon(self._pace)

    def _reopen(self) -> None:
        task = asyncio.get_running_loop().create_task(self._open_again())
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open_again(self) -> None:
        while time.perf_counter() < self._end or self._waiting:
            try:
                self._use(await self._open(), time.perf_counter())
                return
            except OSError:
                self._measured.faults[REFUSED] += 1
                await asyncio.sleep(LOOK_SECONDS)

    async def _wait_for_answers(self) -> None:
        """Until all is answered, or for the timeout after the end; closes what is overdue."""
        while (now := time.perf_counter()) < self._end or self._busy or self._waiting:
            for connection in [each for each in self._busy if now - each.sent > self._timeout]:
                connection.abort()
            if now > self._end + self._timeout:
                self._measured.faults[NO_ANSWER] += len(self._busy) + len(self._waiting)
                break
            left = self._end - now
            await asyncio.sleep(min(LOOK_SECONDS, left) if left > 0 else LOOK_SECONDS / 20)
        self._waiting.clear()
        for task in self._opening:
            task.cancel()
