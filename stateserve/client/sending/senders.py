"""Run an exchange: send its requests, each when it is its turn, and return its result."""

import threading
import time
from collections.abc import Callable

import anyio
import httpx
from anyio.lowlevel import EventLoopToken, current_token

from stateserve.client.connection import require_open, seconds_of
from stateserve.client.failures import FAILURES, AnswerTooSlow
from stateserve.client.retries import BEGAN, Exchange, Outcome, T
from stateserve.client.sending.time_limit import limited, watch
from stateserve.client.sending.turns import Turns
from stateserve.errors import ClientError


class Sender:
    """For threads. At most `most` requests are in flight, each for `total_timeout` seconds with its
    answer and all attempts. Raises ClientError for another total_timeout."""

    def __init__(self, http: httpx.Client, most: float, total_timeout: float | None) -> None:
        self._http, self._seconds = http, seconds_of(total_timeout)
        self._turns = Turns(most, threading.Event)
        watch(http)

    def run(self, exchange: Exchange[T]) -> T:
        try:
            outcome = self._send(lambda: next(exchange).request)
            while True:
                pause, request = exchange.send(outcome)
                time.sleep(pause)
                outcome = self._send(lambda: request, again=pause > 0)  # noqa: B023
        except StopIteration as end:
            value: T = end.value
            return value

    def _send(self, build: Callable[[], httpx.Request], *, again: bool = False) -> Outcome:
        if signal := self._turns.ask(again=again):
            with self._turns.waiting(signal):
                signal.wait()
        try:
            require_open(self._http)
            request = build()
            end = request.extensions.setdefault(BEGAN, time.monotonic()) + self._seconds
            try:
                with limited(end, self._seconds):
                    return self._http.send(request)
            except FAILURES as error:
                return error
        finally:
            self._turns.end()


class AsyncSender:
    """The same for the tasks of the event loop that first uses it."""

    def __init__(self, http: httpx.AsyncClient, most: float, total_timeout: float | None) -> None:
        self._http, self._seconds = http, seconds_of(total_timeout)
        self._turns = Turns(most, anyio.Event)
        self._loop: EventLoopToken | None = None

    async def run(self, exchange: Exchange[T]) -> T:
        loop = current_token()
        if self._loop not in (None, loop):
            raise ClientError("this client's connections are of another event loop; make one here")
        self._loop = loop
        outcome = await self._send(lambda: next(exchange).request)
        try:
            while True:
                pause, request = exchange.send(outcome)
                await anyio.sleep(pause)
                outcome = await self._send(lambda: request, again=pause > 0)  # noqa: B023
        except StopIteration as end:
            value: T = end.value
            return value

    async def _send(self, build: Callable[[], httpx.Request], *, again: bool = False) -> Outcome:
        if signal := self._turns.ask(again=again):
            with self._turns.waiting(signal):
                await signal.wait()
        try:
            require_open(self._http)
            request = build()
            end = request.extensions.setdefault(BEGAN, time.monotonic()) + self._seconds
            try:
                with anyio.move_on_after(end - time.monotonic()):
                    return await self._http.send(request)
                return AnswerTooSlow.after(self._seconds)
            except FAILURES as error:
                return error
        finally:
            self._turns.end()
