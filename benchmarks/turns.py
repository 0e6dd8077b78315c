"""Load several servers in turn, for a second each.

So other work of the machine, which changes each second, affects all of them equally.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import mean, median

from benchmarks.load import LOAD_CORE, Load, run_load
from benchmarks.request import Request


@dataclass(frozen=True)
class Turns:
    """The loads of one server, of a second each."""

    loads: list[Load] = field(default_factory=list)

    @property
    def throughput(self) -> float:
        """Correct answers a second."""
        return mean(load.throughput for load in self.loads)

    @property
    def tail(self) -> float:
        """The ratio of p99 to p50."""
        return median(load.p99_ms / load.p50_ms for load in self.loads)


def take_turns(
    requests: Mapping[str, Request], *, connections: int, seconds: int, core: int | str = LOAD_CORE
) -> dict[str, Turns]:
    """Load each server for a second, `seconds` times. An answer that is not 2xx is an error."""
    turns = {name: Turns() for name in requests}
    for _ in range(seconds):
        for name, request in requests.items():
            load = run_load(request, connections=connections, seconds=1, core=core)
            if load.fault:
                raise SystemExit(f"{name}: {load.fault}")
            turns[name].loads.append(load)
    return turns
