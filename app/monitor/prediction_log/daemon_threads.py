"""A thread pool whose threads do not delay the end of the process."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

Job = tuple[Future[object], Callable[..., object], tuple[object, ...]]


class DaemonThreads:
    """As ThreadPoolExecutor, whose threads the interpreter joins at its end; these it does not."""

    def __init__(self, count: int, name: str) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._count = count
        for number in range(count):
            thread = threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True)
            thread.start()

    def submit(self, function: Callable[..., object], *arguments: object) -> Future[Any]:
        future: Future[object] = Future()
        self._jobs.put((future, function, arguments))
        return future

    def close(self) -> None:
        """Each thread ends after its current call."""
        for _ in range(self._count):
            self._jobs.put(None)

    def _run(self) -> None:
        while job := self._jobs.get():
            future, function, arguments = job
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function(*arguments))
                except Exception as error:
                    future.set_exception(error)
