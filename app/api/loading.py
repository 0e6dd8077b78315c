"""Loads the models and makes the endpoint of each, with its observers."""

import shlex
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi.concurrency import run_in_threadpool

from app.api.error_status import status_of
from app.api.service import Service
from app.errors import ModelNotFound, SettingsError
from app.monitor import Metrics, ModelMetrics, ModelSpans, RolloutCounts, open_prediction_log
from app.monitor.prediction_log import PredictionLog, PredictionRecorder, TensorRecorder
from app.predict import (
    AnyEndpoint,
    LargeRequests,
    Observer,
    Prediction,
    TabularEndpoint,
    TabularPipeline,
    TensorEndpoint,
    TensorPipeline,
    TensorPrediction,
)
from app.registry import (
    NO_MODEL,
    Registry,
    Repository,
    load_options,
    require_targets,
    rollout_of,
    take_turn,
)
from app.settings import Settings, VersionPolicy, both_names
from stateserve.errors import UnreadableCheckpoint
from stateserve.model import Predictor, TensorModel

if TYPE_CHECKING:
    from app.monitor import Tracing


def load_service(
    settings: Settings, tracing: "Tracing | None" = None, shared: Path | None = None
) -> Service:
    """Raises CheckpointError, ModelUnavailable, SettingsError or MissingExtra."""
    metrics = Metrics()
    log = open_prediction_log(settings, metrics)
    build = _Build(settings, metrics, log, tracing)
    registry = empty_registry(settings, metrics, build, shared)
    # First: a wrong name ends the start at once.
    choose_default(settings, registry)
    registry.load_all()
    require_targets(settings, registry)
    return Service(settings, metrics, registry, build.large, log)


def empty_registry(
    settings: Settings, metrics: Metrics, build: "_Build | None" = None, shared: Path | None = None
) -> Registry:
    """A registry that has loaded no model yet. Raises SettingsError or CheckpointError."""
    policy = VersionPolicy.parse(settings.version_policy)
    targets = settings.targets
    rollout = rollout_of(settings, RolloutCounts(metrics), status_of) if targets else None
    turn = partial(take_turn, shared / "loading.lock") if shared else nullcontext
    # Wrong settings end the start, also where the folder has no model yet.
    load_options(settings)
    repository, options = Repository.of(settings), partial(load_options, settings)
    build = build or _Build(settings, metrics)
    return Registry(repository, build, metrics, policy, targets, rollout, turn, options)


def choose_default(settings: Settings, registry: Registry) -> None:
    """The only model of a folder is the default one, if the settings name none.

    Raises SettingsError, or UnreadableCheckpoint for a folder without a model.
    """
    repository = registry.repository
    names = registry.names()
    if not names:
        raise UnreadableCheckpoint(f"{repository.folder}: {NO_MODEL}")
    if repository.default in names:
        return
    if "model" in settings.model_fields_set:
        raise SettingsError(f"{both_names('model')}: {ModelNotFound(repository.default, names)}")
    if len(names) > 1:
        raise SettingsError(
            f"{both_names('model')}: which is the default? There is {', '.join(names)}; "
            f"give --models {shlex.quote(str(repository.folder))} --model NAME"
        )
    repository.default = names[0]


class _Build:
    """Makes the endpoint of a loaded model."""

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        log: PredictionLog | None = None,
        tracing: "Tracing | None" = None,
    ) -> None:
        most_bytes = settings.max_large_requests * settings.max_body_bytes
        self.large = LargeRequests(settings.max_large_requests, run_in_threadpool, most_bytes)
        self._settings = settings
        self._metrics = metrics
        self._log = log
        self._tracing = tracing

    def __call__(self, model: Predictor | TensorModel) -> AnyEndpoint:
        return self._tabular(model) if isinstance(model, Predictor) else self._tensor(model)

    def _tabular(self, model: Predictor) -> TabularEndpoint:
        settings = self._settings
        observers: list[Observer[Prediction]] = [ModelMetrics(self._metrics, model)]
        if self._log:
            observers.append(PredictionRecorder(model, self._log.append))
        if self._tracing:
            observers.append(ModelSpans(self._tracing.tracer, model))
        pipeline = TabularPipeline(model, observers, settings.max_queued_requests)
        return TabularEndpoint(pipeline, settings.max_instances, self.large)

    def _tensor(self, model: TensorModel) -> TensorEndpoint:
        settings = self._settings
        observers: list[Observer[TensorPrediction]] = [ModelMetrics(self._metrics, model)]
        if self._log:
            observers.append(TensorRecorder(model, self._log.append))
        if self._tracing:
            observers.append(ModelSpans(self._tracing.tracer, model))
        pipeline = TensorPipeline(model, observers, settings.max_queued_requests)
        return TensorEndpoint(pipeline, settings.max_instances, self.large)
