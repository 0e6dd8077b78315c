"""A ratio of two measurements, repeated several times: its median and spread."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ratio:
    """One line of a report. `goal` is the required bound, in words."""

    name: str
    values: list[float]
    goal: str

    def __str__(self) -> str:
        low, middle, high = min(self.values), statistics.median(self.values), max(self.values)
        return f"| {self.name} | {middle:.2f} | {low:.2f} to {high:.2f} | {self.goal} |"


def timed(call: Callable[[], object]) -> float:
    """The seconds of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def print_table(ratios: list[Ratio]) -> None:
    print("| ratio | median | spread | goal |\n| --- | ---: | ---: | --- |")
    for ratio in ratios:
        print(ratio)
