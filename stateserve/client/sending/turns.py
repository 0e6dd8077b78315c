"""A fair limit on the requests that one client has in flight."""

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
    """At most `most` turns at a time, first in, first out.

    httpx's queue for connections does not do: each change searches all of it, a timeout ends
    the wait, and its order is not fair.
    """

    def __init__(self, most: float, make_signal: Callable[[], S]) -> None:
        self._free = most
        self._make_signal = make_signal
        self._waiting: OrderedDict[S, None] = OrderedDict()
        self._lock = Lock()

    def ask(self, *, again: bool = False) -> S | None:
        """None if the turn begins at once, else a signal that is set when it begins.

        A retry (`again`) goes to the front of the queue.
        """
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
        """A context for the wait: if it is interrupted, the next in the queue gets the turn."""
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
        """End a turn, which begins the next."""
        with self._lock:
            if self._waiting:
                self._waiting.popitem(last=False)[0].set()
            else:
                self._free += 1
