"""Metrics that compare a canary or shadow with the default version, over all processes."""

from collections.abc import Sequence
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from app.monitor.metrics import LATENCY_BUCKETS, Metrics
from app.monitor.output_differences import TOLERANCE, OutputDifferences

PAIR = ["model", "default", "shadow"]
Indices = NDArray[np.int64]


class RolloutCounts:
    """The metrics of all canaries and shadows of one service."""

    def __init__(self, metrics: Metrics) -> None:
        self._add_answers(metrics.registry)
        self._add_classes(metrics.registry)
        self._add_outputs(metrics.registry)

    def _add_answers(self, registry: CollectorRegistry) -> None:
        self.answers = Counter(
            "rollout_requests_total",
            "Prediction requests to a model with a canary or shadow, by answering version.",
            ["model", "version", "status"],
            registry=registry,
        )
        self.latency = Histogram(
            "rollout_request_duration_seconds",
            "Seconds from a request's headers to its answer, by answering version.",
            ["model", "version"],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.mirrored = Counter(
            "shadow_requests_total",
            "Requests of the default version by the shadow's result: compared, shed or failed. "
            "A large request counts once for each forward pass.",
            [*PAIR, "result"],
            registry=registry,
        )

    def _add_classes(self, registry: CollectorRegistry) -> None:
        self.rows = Counter(
            "shadow_rows_total",
            "Compared rows by the predicted classes of the default version and the shadow.",
            [*PAIR, "default_class", "shadow_class"],
            registry=registry,
        )
        self.disagreements = Counter(
            "shadow_disagreements_total",
            "Compared rows for which the two versions predicted different classes.",
            PAIR,
            registry=registry,
        )
        self.distance = Counter(
            "shadow_probability_difference_total",
            "Sum over rows of the mean absolute difference of the classes' probabilities.",
            PAIR,
            registry=registry,
        )

    def _add_outputs(self, registry: CollectorRegistry) -> None:
        output = [*PAIR, "output"]
        self.output_rows = Counter(
            "shadow_output_rows_total",
            "Compared rows of an output without classes.",
            output,
            registry=registry,
        )
        self.output_close = Counter(
            "shadow_output_close_rows_total",
            f"Of these rows, those whose values differ by at most {TOLERANCE:g} of the largest.",
            output,
            registry=registry,
        )
        self.output_distance = Counter(
            "shadow_output_difference_total",
            "Sum over these rows of the mean absolute difference of the values.",
            output,
            registry=registry,
        )
        self.output_largest, self.output_largest_relative = (
            Gauge(
                f"shadow_output_largest_{kind}_difference",
                f"The largest {kind} difference of these rows.",
                output,
                multiprocess_mode="max",
                registry=registry,
            )
            for kind in ("absolute", "relative")
        )


class VersionCounts:
    """The counters of one version's answers."""

    def __init__(self, counts: RolloutCounts, model: str, version: str) -> None:
        self._of_status = cache(partial(counts.answers.labels, model, version))
        self._latency = counts.latency.labels(model, version)

    def add(self, status: int, seconds: float) -> None:
        self._of_status(status).inc()
        self._latency.observe(seconds)


class ShadowCounts:
    """The counters of one default version and one shadow of the same signature."""

    def __init__(
        self, counts: RolloutCounts, pair: tuple[str, str, str], classes: Sequence[str]
    ) -> None:
        self.compared, self.shed, self.failed = (
            counts.mirrored.labels(*pair, result) for result in ("compared", "shed", "failed")
        )
        self._rows = counts.rows
        self._disagreements = counts.disagreements.labels(*pair)
        self._distance = counts.distance.labels(*pair)
        self._pair = pair
        self._classes = classes
        self._counts = counts
        self._largest: dict[str, tuple[float, float]] = {}

    def add_classes(self, default: Indices, shadow: Indices, distance: float) -> None:
        """Count rows by predicted class indices, int64 (rows,), of both versions.

        `distance` is the sum over rows of the mean absolute difference of probabilities.
        """
        n_classes = len(self._classes)
        confusion = np.bincount(default * n_classes + shadow, minlength=n_classes**2)
        for index in np.flatnonzero(confusion).tolist():
            classes = (self._classes[each] for each in divmod(index, n_classes))
            self._rows.labels(*self._pair, *classes).inc(int(confusion[index]))
        self._disagreements.inc(int(np.count_nonzero(default != shadow)))
        self._distance.inc(distance)

    def add_values(self, output: str, found: OutputDifferences) -> None:
        """Count the rows of an output without classes."""
        counts, labels = self._counts, (*self._pair, output)
        counts.output_rows.labels(*labels).inc(found.rows)
        counts.output_close.labels(*labels).inc(found.close)
        counts.output_distance.labels(*labels).inc(found.absolute)
        absolute, relative = self._largest.get(output, (0.0, 0.0))
        absolute = max(absolute, found.largest_absolute)
        relative = max(relative, found.largest_relative)
        self._largest[output] = absolute, relative
        counts.output_largest.labels(*labels).set(absolute)
        counts.output_largest_relative.labels(*labels).set(relative)
