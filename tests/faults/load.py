"""Clients that send one prediction request soon after the other during a fault."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests import rest
from tests.process import wait_until
from tests.project import SETOSA

CLIENTS = 4
# A client that never waits would keep a processor busy as long as the fault lasts.
PAUSE_SECONDS = 0.05


@dataclass
class Load:
    """The number of answers by status, and of other outcomes by name."""

    ends: Counter[int | str] = field(default_factory=Counter)

    def wait_for_more(self, count: int = 3 * CLIENTS) -> None:
        """Wait for `count` further answers, so that the fault affects some requests."""
        enough = self.ends.total() + count
        wait_until(lambda: self.ends.total() >= enough)


@contextmanager
def under_load(url: str) -> Iterator[Load]:
    load, stop, lock = Load(), threading.Event(), threading.Lock()

    def ask() -> None:
        with rest.client(url, timeout=30) as client:
            while not stop.wait(PAUSE_SECONDS):
                try:
                    end: int | str = client.post("/predict", json=SETOSA).status_code
                except httpx.HTTPError as error:
                    end = type(error).__name__
                with lock:
                    load.ends[end] += 1

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        load.wait_for_more()
        yield load
        load.wait_for_more()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
