"""The figures of a load: rates, percentiles of latencies, failures."""

import math
from array import array
from typing import TypedDict

from app.cli.bench.load import Measured

# Above this share of a core the program that sends may be slower than the service.
BUSY = 0.9
# An open loop whose own schedule was later than this does not measure what it says.
MOST_BEHIND_SECONDS = 0.02
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


class Figures(TypedDict):
    """The result for programs. Rates count successful answers, latencies are milliseconds."""

    seconds: float
    requests: int
    requests_per_second: float
    rows_per_second: float | None
    latency_ms: dict[str, float | None]
    errors: dict[str, int]
    client_busy: float
    client_behind_ms: float


def figures(measured: Measured, rows: int | None) -> Figures:
    done = len(measured.latencies)
    rate = done / measured.seconds if measured.seconds else 0.0
    failed = {str(status): n for status, n in measured.statuses.items() if status >= 300}
    return {
        "seconds": round(measured.seconds, 3),
        "requests": done,
        "requests_per_second": round(rate, 1),
        "rows_per_second": None if rows is None else round(rate * rows, 1),
        "latency_ms": percentiles(measured.latencies),
        "errors": {**failed, **measured.faults},
        "client_busy": round(measured.busy, 2),
        "client_behind_ms": round(measured.behind * 1000, 2),
    }


def percentiles(latencies: "array[float]") -> dict[str, float | None]:
    """In milliseconds, by nearest rank: the least latency that a share of all does not exceed."""
    ordered = sorted(latencies)
    return {
        name: round(ordered[math.ceil(share * len(ordered)) - 1] * 1000, 3) if ordered else None
        for name, share in PERCENTILES.items()
    }


def doubts(measured: Measured, *, paced: bool) -> list[str]:
    """Why the figures may be those of this program instead of the service's."""
    if not paced and measured.busy > BUSY:
        return [
            f"this program used {measured.busy:.0%} of a core: the service may be faster than that"
        ]
    if paced and measured.behind > MOST_BEHIND_SECONDS:
        behind = f"{measured.behind * 1000:.0f} ms"
        return [f"this program was up to {behind} behind its schedule: other work took its core"]
    return []
