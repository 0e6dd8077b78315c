"""The endpoint of a model with a canary or a shadow."""

import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TypeVar

from app.errors import SettingsError, VersionNotFound
from app.monitor import RolloutCounts, ShadowCounts, VersionCounts
from app.predict import AnyEndpoint, Call, Deadline, Endpoint, TabularEndpoint, TensorEndpoint
from app.registry.published import Rollout
from app.registry.registry import Registry
from app.registry.shadow import Mirror
from app.registry.shadow_comparison import TabularComparison, TensorComparison, why_not_comparable
from app.settings import Settings, Target, both_names
from stateserve.errors import StateserveError
from stateserve.model import AnyModel, Predictor

Result = TypeVar("Result")
# The status that answers an error.
StatusOf = Callable[[type[StateserveError]], HTTPStatus]
Trials = list[tuple[Target, AnyEndpoint]]


class RolloutEndpoint:
    """Gives each request to the version that its id chooses, and counts that version's answer."""

    def __init__(
        self, default: AnyEndpoint, trials: Trials, counts: RolloutCounts, status_of: StatusOf
    ) -> None:
        self._status_of = status_of
        self.model, self.v2_model = default.model, default.v2_model
        self.parts = default, trials
        self._default = default
        self._choices: Trials = [
            (target, trial if target.kind == "canary" else _mirrored(default, trial, counts))
            for target, trial in trials
        ]
        self._counts = {
            each.version: VersionCounts(counts, each.name, each.version)
            for each in (default.model, *(trial.model for _, trial in self._choices))
        }

    @property
    def predictor(self) -> Predictor:
        return self._default.predictor

    def warm_up(self) -> None:
        self._default.warm_up()

    def media_types(self) -> Sequence[str]:
        return self._default.media_types()

    def answer_types(self) -> Sequence[str]:
        return self._default.answer_types()

    def choose(self, request_id: bytes | None) -> AnyEndpoint:
        """The same model for an id in every process; a random one without an id."""
        for target, model in self._choices:
            if target.takes(request_id):
                return model
        return self._default

    def count(self, chosen: AnyEndpoint, status: int, seconds: float) -> None:
        self._counts[chosen.model.version].add(status, seconds)

    async def serve(
        self, call: Call[Result], request_id: bytes | None, deadline: Deadline | None
    ) -> Result:
        chosen = self.choose(request_id)
        started = time.perf_counter()
        try:
            content = await chosen.serve(call, request_id, deadline)
        except Exception as error:
            known = type(error) if isinstance(error, StateserveError) else StateserveError
            self.count(chosen, self._status_of(known), time.perf_counter() - started)
            raise
        self.count(chosen, HTTPStatus.OK, time.perf_counter() - started)
        return content


def rollout_of(settings: Settings, counts: RolloutCounts, status_of: StatusOf) -> Rollout:
    """The Rollout of a service with canaries or shadows.

    If none of them is used, it returns the default version's own endpoint.
    """

    def assemble(
        default: AnyEndpoint, ready: Mapping[str, AnyEndpoint], before: Endpoint | None
    ) -> Endpoint:
        trials = [
            (target, trial)
            for target in settings.targets
            if target.name == default.model.name
            and (trial := ready.get(target.version))
            and not _why_idle(default.model, trial.model)
        ]
        if isinstance(before, RolloutEndpoint) and before.parts == (default, trials):
            return before
        return RolloutEndpoint(default, trials, counts, status_of) if trials else default

    return assemble


def why_not(target: Target, registry: Registry) -> str | None:
    """Why a canary or shadow is not used at present; None if it is used."""
    try:
        versions = [each.version for each in registry.statuses(target.name)]
        if target.version not in versions:
            return str(VersionNotFound(target.name, target.version, versions))
        ours = registry.current(target.name).model
        theirs = registry.get(target.name, target.version).model
    except StateserveError as error:
        return str(error)
    return _why_idle(ours, theirs)


def require_targets(settings: Settings, registry: Registry) -> None:
    """Raise SettingsError unless every canary and shadow is used."""
    for target in settings.targets:
        if reason := why_not(target, registry):
            raise SettingsError(f"{both_names(target.kind)}: {reason}")


def _why_idle(ours: AnyModel, theirs: AnyModel) -> str | None:
    if theirs.version == ours.version:
        return f"version {ours.version} of {ours.name} is the default itself"
    return why_not_comparable(ours, theirs)


def _mirrored(default: AnyEndpoint, shadow: AnyEndpoint, counts: RolloutCounts) -> AnyEndpoint:
    ours = default.model
    counted = ShadowCounts(counts, (ours.name, ours.version, shadow.model.version), ours.classes)
    if isinstance(default, TensorEndpoint) and isinstance(shadow, TensorEndpoint):
        tensors = TensorComparison(shadow.pipeline.model, counted)
        return default.observed_by(Mirror(tensors, counted))
    if isinstance(default, TabularEndpoint):
        return default.observed_by(Mirror(TabularComparison(shadow.predictor, counted), counted))
    raise TypeError(f"no shadow compares {ours.name}")
