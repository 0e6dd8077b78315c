"""How many requests one client has under way at a time, and in which order the others follow."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Generic, Protocol, TypeVar


class Signal(Protocol):
    """threading.Event, or anyio.Event."""

    def set(self) -> object: ...
    def is_set(self) -> bool: ...


S = TypeVar("S", bound=Signal)


class Turns(Generic[S]):
    """At most `most` turns at a time, given in the order in which they are asked for.

    httpx's own queue for a connection is no place to wait: it is searched whole at each change,
    ends after a timeout, and is not fair.
    """

    def __init__(self, most: float, make_signal: Callable[[], S]) -> None:
        self._free = most
        self._make_signal = make_signal
        self._waiting: OrderedDict[S, None] = OrderedDict()
        self._lock = Lock()

    def ask(self, *, again: bool = False) -> S | None:
        """None for a turn at once, else what is set when it comes. Who asks `again` goes first."""
        with self._lock:
            if self._free:
                self._free -= 1
                return None
            signal = self._make_signal()
            self._waiting[signal] = None
            self._waiting.move_to_end(signal, last=not again)
            return signal

    @contextmanager
    def waiting(self, signal: S) -> Iterator[None]:
        """Around the wait for a signal: who is interrupted takes no turn from the others."""
        try:
            yield
        except BaseException:
            with self._lock:
                came = signal not in self._waiting
                self._waiting.pop(signal, None)
            if came:
                self.end()
            raise

    def end(self) -> None:
        """End a turn: the next one begins."""
        with self._lock:
            if self._waiting:
                self._waiting.popitem(last=False)[0].set()
            else:
                self._free += 1
