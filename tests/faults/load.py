"""Clients that ask one prediction after the other, while something fails."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.project import SETOSA

CLIENTS = 4


@dataclass
class Load:
    """How many answers of each status there were so far, and other ends by their name."""

    ends: Counter[int | str] = field(default_factory=Counter)

    def wait_for_more(self, count: int = 50) -> None:
        """Until `count` further requests were answered, so that the fault met some."""
        enough, deadline = self.ends.total() + count, time.monotonic() + 20
        while self.ends.total() < enough:
            assert time.monotonic() < deadline, self.ends
            time.sleep(0.01)


@contextmanager
def under_load(url: str) -> Iterator[Load]:
    load, stop, lock = Load(), threading.Event(), threading.Lock()

    def ask() -> None:
        with httpx.Client(base_url=url, timeout=30) as client:
            while not stop.is_set():
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
