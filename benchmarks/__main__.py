"""`python -m benchmarks`, also `make bench`: every ratio of the service, in one run."""

import os
from typing import Annotated

import typer

from benchmarks import (
    bodies,
    client,
    prediction_log,
    single,
    start,
    state,
    training,
    workers,
)
from benchmarks.longest_wait import measurement as longest_wait
from benchmarks.ratio import Ratio, print_table
from benchmarks.tensors import ratios as tensors


def bench(
    rounds: Annotated[int, typer.Option(min=1, help="How often each ratio is taken.")] = 5,
    seconds: Annotated[int, typer.Option(min=1, help="Length of one load.")] = 3,
) -> None:
    """Measure the service as ratios: two servers, or a server and its parts, side by side."""
    print(f"load average before: {os.getloadavg()[0]:.2f}; other work shows in the spread\n")
    ratios: list[Ratio] = []
    ratios += single.measure(rounds, seconds)
    ratios += prediction_log.measure(rounds, seconds)
    ratios += bodies.measure(rounds)
    ratios += client.measure(rounds)
    ratios += longest_wait.measure()
    ratios += start.measure(rounds)
    ratios += workers.measure(rounds, seconds)
    ratios += training.measure(rounds)
    ratios += state.measure(rounds)
    ratios += tensors.measure(rounds, seconds)
    print_table(ratios)


if __name__ == "__main__":
    typer.run(bench)
