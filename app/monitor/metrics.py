"""The service's Prometheus metrics; each app has its own registry."""

import os
from functools import partial
from threading import Lock
from typing import Protocol
from weakref import WeakSet

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from app.monitor.metric_files import DIRECTORY
from app.monitor.process_metrics import ProcessMetrics
from app.monitor.snapshot import VERSION, Snapshot

LATENCY_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
BATCH_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 1000, 10_000, 100_000)


class Buffered(Protocol):
    """Keeps counts of its own until `flush` adds them to the metrics."""

    def flush(self) -> None: ...


class Metrics:
    """Labels hold only names from the router or the card, never text from the client."""

    def __init__(self) -> None:
        # Whether the metrics of several processes are summed.
        self.shared = DIRECTORY in os.environ
        self._buffered: WeakSet[Buffered] = WeakSet()
        self._lock = Lock()
        self.registry = CollectorRegistry()
        self._counter = partial(Counter, registry=self.registry)
        self._gauge = partial(Gauge, registry=self.registry)
        self._histogram = partial(Histogram, registry=self.registry)
        self._add_requests()
        self._add_passes()
        self._add_rows()
        self._add_models()
        self._add_logs()
        self._add_processes()
        self.note_process_id()
        if not self.shared:
            ProcessCollector(registry=self.registry)

    def render(self) -> bytes:
        """The text exposition format, with the sums over all processes.

        Takes milliseconds, as `snapshot` does: call it in a thread, not on the event loop.
        """
        return generate_latest(self._whole())

    def snapshot(self) -> Snapshot:
        """All metrics now; with several processes it reads the files of each."""
        return Snapshot(self._whole())

    def note_process_id(self) -> None:
        """Record the id of this process; to be called in each forked process."""
        self._process_id.set(os.getpid())

    def flush_before_reading(self, buffered: Buffered) -> None:
        """Flush `buffered` before any metric is read, as long as it lives."""
        with self._lock:
            self._buffered.add(buffered)

    def _add_requests(self) -> None:
        self.requests = self._counter(
            "http_requests_total", "Requests answered.", ["method", "route", "status"]
        )
        self.latency = self._histogram(
            "http_request_duration_seconds",
            "Seconds from the request's headers to the answer's last byte.",
            ["method", "route"],
            buckets=LATENCY_BUCKETS,
        )
        self.rpcs = self._counter(
            "grpc_requests_total",
            "gRPC calls answered, by the name of their status.",
            ["method", "status"],
        )
        self.rpc_latency = self._histogram(
            "grpc_request_duration_seconds",
            "Seconds from a gRPC call's message to its answer.",
            ["method"],
            buckets=LATENCY_BUCKETS,
        )

    def _add_passes(self) -> None:
        self.batch_size = self._histogram(
            "prediction_batch_size", "Rows in one forward pass.", VERSION, buckets=BATCH_BUCKETS
        )
        self.inferences = self._counter(
            "inference_requests_total",
            "Requests that reached the model, by result: success or fail.",
            [*VERSION, "result"],
        )
        self.inference_seconds = self._counter(
            "inference_seconds_total",
            "Seconds of these requests by stage; each request counts its whole forward pass.",
            [*VERSION, "stage"],
        )
        self.passes = self._counter(
            "forward_passes_total",
            "Forward passes by their rows; beyond 64 these are rounded up to a power of two.",
            [*VERSION, "rows"],
        )
        self.pass_seconds = self._counter(
            "forward_pass_seconds_total",
            "Seconds of these forward passes, by stage.",
            [*VERSION, "rows", "stage"],
        )
        self.last_inference = self._gauge(
            "last_inference_timestamp_seconds",
            "When the latest forward pass ended, in Unix time.",
            VERSION,
            multiprocess_mode="max",
        )

    def _add_rows(self) -> None:
        self.predictions = self._counter(
            "predictions_total", "Rows predicted, by predicted class.", ["model", "class"]
        )
        self.out_of_range = self._counter(
            "out_of_range_inputs_total",
            "Input values outside the feature's training range.",
            ["model", "feature"],
        )
        self.missing = self._counter(
            "missing_inputs_total",
            "Input values that were missing, of features that accept it.",
            ["model", "feature"],
        )

    def _add_models(self) -> None:
        self.reloads = self._counter(
            "model_reloads_total",
            "Versions read from disk, at the start and since, by result: loaded or refused.",
            ["model", "result"],
        )
        self.default_version = self._gauge(
            "model_default_version",
            "The version that answers when a request names none; 0 if there is none.",
            ["model"],
            # All workers serve the same version; the maximum would hide a rollback.
            multiprocess_mode="mostrecent",
        )
        self.backend = self._gauge(
            "model_backend_info",
            "1 for the program that runs each loaded version.",
            [*VERSION, "backend"],
            multiprocess_mode="max",
        )

    def _add_logs(self) -> None:
        self.log_written = self._counter(
            "prediction_log_written_total", "Predictions written to the prediction log."
        )
        self.log_dropped = self._counter(
            "prediction_log_dropped_total",
            "Predictions not written to the prediction log, by reason.",
            ["reason"],
        )
        self.log_lines_dropped = self._counter(
            "log_lines_dropped_total",
            "Log lines dropped because the reader was too slow or the disk was full.",
        )

    def _add_processes(self) -> None:
        self.processes = self._gauge(
            "worker_processes", "Serving processes.", multiprocess_mode="livesum"
        )
        self.processes.set(1)
        self.restarts = self._counter(
            "worker_restarts_total",
            "Worker processes that were replaced, by reason: died, or hung and was killed.",
            ["reason"],
        )
        for reason in ("died", "hung"):
            self.restarts.labels(reason)
        self._process_id = self._gauge(
            "process_id",
            "The process id.",
            # Its label `pid` is the process name, which also names the metric files.
            multiprocess_mode="all",
        )

    def _whole(self) -> CollectorRegistry:
        with self._lock:
            buffered = list(self._buffered)
        for each in buffered:
            each.flush()
        if not self.shared:
            return self.registry
        whole = CollectorRegistry()
        MultiProcessCollector(whole)  # type: ignore[no-untyped-call]
        ids = Snapshot(whole).of("process_id")
        processes = {labels["pid"]: int(process_id) for labels, process_id in ids}
        whole.register(ProcessMetrics(lambda: processes))
        return whole
