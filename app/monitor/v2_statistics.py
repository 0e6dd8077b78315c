"""The Open Inference Protocol's statistics of a version's requests, for HTTP and gRPC."""

from collections.abc import Iterable, Mapping

from pydantic import BaseModel

from app.monitor.metrics import Metrics
from app.monitor.model_metrics import STAGES
from app.monitor.snapshot import Snapshot

NANOSECONDS = 1e9


class Duration(BaseModel):
    count: int = 0
    ns: int = 0


class InferenceStatistics(BaseModel):
    """Each answered request counts once in `success`, `queue` and each of `compute_*`.

    Each request of a shared forward pass counts its whole time. `success` has the sum of the
    four, `fail` the time to the failure. There is no cache.
    """

    success: Duration
    fail: Duration
    queue: Duration
    compute_input: Duration
    compute_infer: Duration
    compute_output: Duration
    cache_hit: Duration = Duration()
    cache_miss: Duration = Duration()


class BatchStatistics(BaseModel):
    """Forward passes of `batch_size` rows; above 64 it is rounded up to a power of two."""

    batch_size: int
    compute_input: Duration
    compute_infer: Duration
    compute_output: Duration


class ModelStatistics(BaseModel):
    """Over all worker processes since the start; `last_inference` is in Unix milliseconds.

    `inference_count` is the number of rows predicted, `execution_count` that of forward passes.
    """

    name: str
    version: str
    last_inference: int
    inference_count: int
    execution_count: int
    inference_stats: InferenceStatistics
    batch_stats: list[BatchStatistics]


class ServerStatistics(BaseModel):
    model_stats: list[ModelStatistics]


def statistics_of(metrics: Metrics, versions: Iterable[tuple[str, str]]) -> ServerStatistics:
    """The statistics of `versions`, each a name and a number; call it in a thread."""
    counts = metrics.snapshot()
    return ServerStatistics(model_stats=[_of(*each, counts) for each in versions])


def _of(name: str, version: str, counts: Snapshot) -> ModelStatistics:
    of = {"model": name, "version": version}

    def total(metric: str, **labels: str) -> float:
        return sum(value for _, value in counts.of(metric, **of, **labels))

    def seconds(stage: str) -> float:
        return total("inference_seconds_total", stage=stage)

    answered, failed = (
        int(total("inference_requests_total", result=result)) for result in ("success", "fail")
    )
    stages = {stage: seconds(stage) for stage in ("queue", *STAGES)}
    return ModelStatistics(
        name=name,
        version=version,
        last_inference=int(total("last_inference_timestamp_seconds") * 1000),
        inference_count=int(total("prediction_batch_size_sum")),
        execution_count=int(total("prediction_batch_size_count")),
        inference_stats=InferenceStatistics(
            success=_duration(answered, sum(stages.values())),
            fail=_duration(failed, seconds("fail")),
            **{stage: _duration(answered, amount) for stage, amount in stages.items()},
        ),
        batch_stats=list(_batches(of, counts)),
    )


def _batches(of: Mapping[str, str], counts: Snapshot) -> Iterable[BatchStatistics]:
    stages = {
        (labels["rows"], labels["stage"]): value
        for labels, value in counts.of("forward_pass_seconds_total", **of)
    }
    passes = {labels["rows"]: value for labels, value in counts.of("forward_passes_total", **of)}
    for rows, count in sorted(passes.items(), key=lambda each: int(each[0])):
        durations = {stage: _duration(int(count), stages[rows, stage]) for stage in STAGES}
        yield BatchStatistics(batch_size=int(rows), **durations)


def _duration(count: int, seconds: float) -> Duration:
    return Duration(count=count, ns=round(seconds * NANOSECONDS))
