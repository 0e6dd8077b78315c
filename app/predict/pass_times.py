"""Where the time of one version's requests goes: waiting, and each part of the forward pass."""

import asyncio
import time
from collections import defaultdict
from threading import Lock

from app.monitor import Metrics
from app.predict.batching import Waited

STAGES = ("compute_input", "compute_infer", "compute_output")
# Where several processes serve, another one may be asked; these sums reach it so much later.
MOMENT_SECONDS = 0.01
# Passes of up to so many rows are counted by their size, larger ones by the next power of two:
# a version may see thousands of sizes.
EXACT_ROWS = 64


class PassTimes:
    """Sums the times of one version, and adds them to the metrics before these are read.

    Prometheus's own counters would cost each forward pass more than it costs itself. Passes may
    run in threads.
    """

    def __init__(self, metrics: Metrics, model: str, version: str) -> None:
        self.waited = Waited()
        self._metrics = metrics
        self._labels = model, version
        self._lock = Lock()
        self._timed = False
        self._waited_before = 0.0
        self._forget()
        metrics.before_collecting(self)

    def _forget(self) -> None:
        self._answered = self._failed = 0
        self._failed_seconds = self._last = 0.0
        self._stages = [0.0, 0.0, 0.0]
        # Of each number of rows: passes, and the seconds of each stage.
        self._passes: dict[int, list[float]] = defaultdict(lambda: [0, 0.0, 0.0, 0.0])

    def passed(
        self, rows: int, requests: int, began: float, started: float, computed: float
    ) -> None:
        """A pass over `rows` of so many whole requests, or of a part of one (0), is done.

        It began at a time of time.perf_counter(), had its input at `started` and what the model
        says at `computed`. Each request counts all of it.
        """
        ended = time.perf_counter()
        read, ran, wrote = started - began, computed - started, ended - computed
        shares = requests or 1
        with self._lock:
            self._answered += requests
            total = self._stages
            total[0] += shares * read
            total[1] += shares * ran
            total[2] += shares * wrote
            size = self._passes[rows if rows <= EXACT_ROWS else 1 << (rows - 1).bit_length()]
            size[0] += 1
            size[1] += read
            size[2] += ran
            size[3] += wrote
            self._last = ended
        if self._metrics.shared and not self._timed:
            self._tell_soon()

    def answered(self) -> None:
        """All parts of a request are."""
        with self._lock:
            self._answered += 1

    def failed(self, seconds: float) -> None:
        """A request failed so long after it was made."""
        with self._lock:
            self._failed += 1
            self._failed_seconds += seconds

    def _tell_soon(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            # A thread, and so a pass that takes longer than this does.
            self.tell()
        else:
            self._timed = True
            loop.call_later(MOMENT_SECONDS, self._tell_in_time)

    def _tell_in_time(self) -> None:
        self._timed = False
        self.tell()

    def tell(self) -> None:
        """Add to the metrics what they do not have yet; from any thread."""
        with self._lock:
            waited = self.waited.seconds
            requests = {"success": self._answered, "fail": self._failed}
            seconds = dict(zip(STAGES, self._stages, strict=True))
            seconds |= {"queue": waited - self._waited_before, "fail": self._failed_seconds}
            passes, last = self._passes, self._last
            self._waited_before = waited
            self._forget()
        metrics, labels = self._metrics, self._labels
        for result, count in requests.items():
            if count:
                metrics.inferences.labels(*labels, result).inc(count)
        for stage, amount in seconds.items():
            if amount:
                metrics.inference_seconds.labels(*labels, stage).inc(amount)
        for rows, (number, *stages) in passes.items():
            metrics.passes.labels(*labels, str(rows)).inc(number)
            for stage, amount in zip(STAGES, stages, strict=True):
                metrics.pass_seconds.labels(*labels, str(rows), stage).inc(amount)
        if last:
            unix = time.time() - (time.perf_counter() - last)
            metrics.last_inference.labels(*labels).set(unix)
