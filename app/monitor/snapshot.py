"""The values of all metrics at one moment."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.samples import Sample

# The labels of a metric of one version of a model.
VERSION = ("model", "version")
Version = tuple[str, str]


class Snapshot:
    """Every sample at one moment, with the same sums as `Metrics.render`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # Indexed with and without a version: a search for each of a thousand versions would
        # read all samples a thousand times.
        self._samples: dict[tuple[str, Version | None], list[Sample]] = defaultdict(list)
        for family in registry.collect():
            for sample in family.samples:
                self._samples[sample.name, None].append(sample)
                if version := _version_of(sample.labels):
                    self._samples[sample.name, version].append(sample)

    def of(self, name: str, **labels: str) -> Iterator[tuple[dict[str, str], float]]:
        """The labels and value of each sample `name` that has `labels`."""
        for sample in self._samples.get((name, _version_of(labels)), ()):
            if labels.items() <= sample.labels.items():
                yield sample.labels, sample.value


def _version_of(labels: Mapping[str, str]) -> Version | None:
    return (labels["model"], labels["version"]) if labels.keys() >= set(VERSION) else None
