"""A ratio of two measurements, taken several times: its median, and how far it spreads."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ratio:
    """One line of a report. `goal` is a bound in words, as issue or README put it."""

    name: str
    values: list[float]
    goal: str

    def __str__(self) -> str:
        low, middle, high = min(self.values), statistics.median(self.values), max(self.values)
        return f"| {self.name} | {middle:.2f} | {low:.2f} to {high:.2f} | {self.goal} |"


def timed(call: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def print_table(ratios: list[Ratio]) -> None:
    print("| ratio | median | spread | goal |\n| --- | ---: | ---: | --- |")
    for ratio in ratios:
        print(ratio)
