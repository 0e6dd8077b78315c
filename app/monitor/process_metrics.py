"""process_*: processor time, memory and open files of each process of the server."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from prometheus_client import Metric, ProcessCollector
from prometheus_client.registry import Collector


class ProcessMetrics(Collector):
    """prometheus_client's process metrics, with the process name as the label `process`.

    A sum would be wrong: processes share memory, and a counter would lose the processor time of
    a dead process. `processes` returns the id of each process by its name.
    """

    def __init__(self, processes: Callable[[], Mapping[str, int]]) -> None:
        self._processes = processes

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        for name, process_id in self._processes().items():
            # A process that has ended yields no metrics.
            for family in ProcessCollector(pid=partial(int, process_id), registry=None).collect():
                whole = Metric(family.name, family.documentation, family.type)
                whole = families.setdefault(family.name, whole)
                for sample in family.samples:
                    whole.add_sample(sample.name, {"process": name}, sample.value)
        yield from families.values()
