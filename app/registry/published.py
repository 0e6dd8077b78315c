"""The endpoints that requests get; a reload replaces one reference."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from app.predict import AnyEndpoint, Endpoint
from app.registry.versions import Versions

if TYPE_CHECKING:
    from prometheus_client import Gauge

# From a model's default version, its ready versions, and the present endpoint to the new one.
Rollout = Callable[[AnyEndpoint, Mapping[str, AnyEndpoint], Endpoint | None], Endpoint]


class Published:
    """`current` has the default version of each model, `served` every ready version.

    `rollout` makes the endpoint of the default; `default_version` shows its number.
    """

    def __init__(self, default_version: "Gauge", rollout: Rollout | None) -> None:
        self.current: dict[str, Endpoint] = {}
        self.served: dict[tuple[str, str], AnyEndpoint] = {}
        self._rollout = rollout
        self._default_version = default_version
        # By model: its versions in `served`.
        self._versions: dict[str, frozenset[str]] = {}

    def publish(self, versions: Versions) -> None:
        """Publish the ready versions of a model; only this method replaces references."""
        name, ready, default = versions.name, versions.ready, versions.default
        for version in self._versions.get(name, frozenset()) - ready.keys():
            del self.served[name, version]
        self.served.update({(name, version): each for version, each in ready.items()})
        self._versions[name] = frozenset(ready)
        if default is None:
            self.current.pop(name, None)
        elif self._rollout is None:
            self.current[name] = ready[default]
        else:
            self.current[name] = self._rollout(ready[default], ready, self.current.get(name))
        self._default_version.labels(name).set(int(default or 0))
