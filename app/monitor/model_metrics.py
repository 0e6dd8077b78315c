"""The metrics of one version: its answers, and the time of its requests by stage."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from prometheus_client import Counter

from app.monitor.metrics import Metrics
from app.predict import (
    Answered,
    ForwardPass,
    Observer,
    PassRecord,
    Prediction,
    QueuedRequest,
    TensorPass,
    TensorPrediction,
)
from stateserve.model import AnyModel, TensorModel

Share = Prediction | TensorPrediction
STAGES = ("compute_input", "compute_infer", "compute_output")
# With several processes, another one may answer a scrape; the sums are written after this time.
MOMENT_SECONDS = 0.01
# Passes of up to this many rows are counted by their size, larger ones by the next power of two:
# there may be thousands of sizes.
EXACT_ROWS = 64


class ModelMetrics(Observer[Share]):
    """Counts answers and sums times, and adds them to the metrics before these are read.

    Prometheus's counters would take longer than the forward pass itself.
    """

    def __init__(self, metrics: Metrics, model: AnyModel) -> None:
        self._metrics = metrics
        self._labels = name, version = model.name, model.version
        metrics.backend.labels(name, version, model.backend_name).set(1)
        self._batch_size = metrics.batch_size.labels(name, version)
        self._by_class = [metrics.predictions.labels(name, each) for each in model.classes]
        self._by_feature = [metrics.out_of_range.labels(name, each) for each in model.features]
        # By input: the columns that may be missing, and their counters.
        self._by_missing = [
            (given.name, places, [metrics.missing.labels(name, features[p].name) for p in places])
            for given in (model.signature.inputs if isinstance(model, TensorModel) else ())
            if (features := given.features or [])
            and (places := [place for place, each in enumerate(features) if each.missing])
        ]
        self._lock = Lock()
        self._timed = False
        self._forget()
        metrics.flush_before_reading(self)

    def _forget(self) -> None:
        self._answered = self._failed = 0
        self._failed_seconds = self._waited = self._last = 0.0
        self._stages = [0.0, 0.0, 0.0]
        # By number of rows: the passes, and the seconds of each stage.
        self._passes: dict[int, list[float]] = defaultdict(lambda: [0, 0.0, 0.0, 0.0])

    def passed(self, record: PassRecord) -> None:
        """Add a pass; each of its requests counts the whole time."""
        rows, requests, waited, began, started, computed, ended, error, _ = record
        if error is not None:
            return
        self._batch_size.observe(rows)
        read, ran, wrote = started - began, computed - started, ended - computed
        shares = requests or 1
        with self._lock:
            self._answered += requests
            self._waited += waited
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
            self._flush_soon()

    def answered(self, answered: Sequence[Answered[Share]]) -> None:
        # Adjacent requests of a forward pass are counted together, in half the time.
        whole, start, end = answered[0][1]
        end = start
        for _, prediction, _ in answered:
            if prediction.whole is not whole or prediction.start != end:
                self._count(whole, start, end)
                whole, start, end = prediction
            end = prediction.end
        self._count(whole, start, end)

    def failed(self, error: BaseException, seconds: float, _queued: QueuedRequest | None) -> None:
        if isinstance(error, asyncio.CancelledError):
            return
        with self._lock:
            self._failed += 1
            self._failed_seconds += seconds

    def flush(self) -> None:
        """Add the sums to the metrics and reset them; may be called from any thread."""
        with self._lock:
            requests = {"success": self._answered, "fail": self._failed}
            seconds = dict(zip(STAGES, self._stages, strict=True))
            seconds |= {"queue": self._waited, "fail": self._failed_seconds}
            passes, last = self._passes, self._last
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

    def _flush_soon(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            # In a thread: the pass takes longer than this call.
            self.flush()
        else:
            self._timed = True
            loop.call_later(MOMENT_SECONDS, self._flush_in_time)

    def _flush_in_time(self) -> None:
        self._timed = False
        self.flush()

    def _count(self, whole: ForwardPass | TensorPass, start: int, end: int) -> None:
        indices = whole.indices
        if indices is None:
            pass
        elif end - start == 1:
            self._by_class[indices[start]].inc()
        else:
            counts = np.bincount(indices[start:end], minlength=len(self._by_class))
            _increase(self._by_class, counts)
        if whole.outside is not None:
            _increase(self._by_feature, whole.outside[start:end].sum(axis=0))
        if self._by_missing and isinstance(whole, TensorPass):
            for name, places, counters in self._by_missing:
                _increase(counters, np.isnan(whole.inputs[name][start:end, places]).sum(axis=0))


def _increase(counters: list[Counter], counts: NDArray[np.int64]) -> None:
    for counter, count in zip(counters, counts.tolist(), strict=True):
        if count:
            counter.inc(count)
