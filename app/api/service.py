"""The state of one running service, which every endpoint gets."""

from dataclasses import dataclass, field

from app.errors import NotProvided, NotReady
from app.monitor import Metrics, ServerStatistics, statistics_of
from app.monitor.prediction_log import PredictionLog
from app.predict import Endpoint, LargeRequests, TensorEndpoint
from app.registry import Registry, Verbs
from app.settings import Settings


@dataclass
class Service:
    settings: Settings
    metrics: Metrics
    registry: Registry
    large: LargeRequests
    # If it is set, every prediction is logged, so no code may bypass the pipeline.
    log: PredictionLog | None = None
    verbs: Verbs = field(init=False)
    warmed_up: bool = field(default=False, init=False)
    draining: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.verbs = self.registry

    def endpoint(self, name: str | None = None, version: str | None = None) -> Endpoint:
        """The endpoint of a version of a model; without names, of the default ones.

        Raises ModelNotFound, VersionNotFound or ModelUnavailable.
        """
        name = name or self.registry.repository.default
        return self.registry.get(name, version) if version else self.registry.current(name)

    def statistics(self, name: str | None = None, version: str | None = None) -> ServerStatistics:
        """The statistics of this name and version, or of all if None; call it in a thread."""
        served = [(each.model.name, each.model.version) for each in self.registry.served()]
        return statistics_of(
            self.metrics,
            [each for each in served if name in (None, each[0]) and version in (None, each[1])],
        )

    def require_log(self) -> PredictionLog:
        """The prediction log. Raises NotProvided if predictions are not logged."""
        if self.log is None:
            raise NotProvided(
                "the prediction log is off; `stateserve serve --prediction-log "
                "sqlite:////FOLDER/FILE.db` turns it on"
            )
        return self.log

    def warm_up(self) -> None:
        """Run golden inputs again: of the default, to warm up caches for the first request, and
        of every tensor model, to open its backend in this process. Raises CardMismatch."""
        default = self.endpoint()
        default.warm_up()
        for endpoint in self.registry.served():
            if isinstance(endpoint, TensorEndpoint) and endpoint.model is not default.model:
                endpoint.warm_up()
        self.warmed_up = True

    def require_ready(self) -> None:
        """Raise NotReady before the warm-up and while draining, or ModelUnavailable."""
        if self.draining:
            raise NotReady("draining: the service is about to stop")
        if not self.warmed_up:
            raise NotReady("the model has not answered its warm-up prediction yet")
        self.endpoint()
