"""/predict for the default version of a model beside which a canary or a shadow stands."""

import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope

from app.errors import SettingsError
from app.monitor import RolloutCounts, ShadowCounts, VersionCounts
from app.predict import NOTHING_MORE, Asked, Headers, PredictFace
from app.registry.registry import Combine, Registry
from app.registry.shadow import Mirror, why_not_comparable
from app.settings import Settings, Target, variable
from stateserve.errors import StateserveError
from stateserve.model import Predictor

T = TypeVar("T")
REQUEST_ID = b"x-request-id"
# The status that answers an error.
StatusOf = Callable[[type[StateserveError]], HTTPStatus]
Beside = list[tuple[Target, PredictFace]]


class RolloutFace:
    """Has each request answered by the face that its id chooses; all else is the default's."""

    def __init__(
        self,
        default: PredictFace,
        beside: Beside,
        settings: Settings,
        counts: RolloutCounts,
        status_of: StatusOf,
    ) -> None:
        self._status_of = status_of
        self.inference = default.inference
        self.open_model = default.open_model
        self.parts = default, beside
        self._default = default
        self._choices: Beside = []
        for target, face in beside:
            chosen = face if target.kind == "canary" else _mirrored(default, face, settings, counts)
            self._choices.append((target, chosen))
        predictors = [face.inference.predictor for face in (default, *dict(self._choices).values())]
        self._counts = {
            each.version: VersionCounts(counts, each.name, each.version) for each in predictors
        }

    def choose(self, headers: Headers) -> PredictFace:
        """The face that answers the request: the same for an X-Request-ID, in every process."""
        request_id = headers.get(REQUEST_ID)
        for target, face in self._choices:
            if target.takes(request_id):
                return face
        return self._default

    def counts_of(self, face: PredictFace) -> VersionCounts:
        """The counters of a face that was chosen."""
        return self._counts[face.inference.predictor.version]

    async def respond(
        self, scope: Scope, receive: Receive, asked: Asked = NOTHING_MORE
    ) -> Response:
        """Raises what the face that was chosen raises."""
        return await self.answered(
            dict(scope["headers"]), lambda face: face.respond(scope, receive, asked)
        )

    async def answered(self, headers: Headers, ask: Callable[[PredictFace], Awaitable[T]]) -> T:
        """What the face that is chosen says when asked so; counted as its answer."""
        face = self.choose(headers)
        counts = self.counts_of(face)
        started = time.perf_counter()
        try:
            answer = await ask(face)
        except ClientDisconnect:
            raise
        except Exception as error:
            failure = type(error) if isinstance(error, StateserveError) else StateserveError
            counts.add(self._status_of(failure), time.perf_counter() - started)
            raise
        counts.add(HTTPStatus.OK, time.perf_counter() - started)
        return answer


def combine_for(settings: Settings, counts: RolloutCounts, status_of: StatusOf) -> Combine[Any]:
    """What the registry makes of a default version and the versions that are ready beside it.

    Where none of these takes part, it is the default itself.
    """

    def combine(default: PredictFace, ready: Mapping[str, PredictFace], before: Any) -> Any:
        ours = default.inference.predictor
        beside = [
            (target, face)
            for target in settings.beside
            if target.name == ours.name
            and (face := ready.get(target.version))
            and not _why_idle(target, ours, face.inference.predictor)
        ]
        if isinstance(before, RolloutFace) and before.parts == (default, beside):
            return before
        return RolloutFace(default, beside, settings, counts, status_of) if beside else default

    return combine


def why_not(target: Target, registry: Registry[Any]) -> str | None:
    """Why a canary or shadow takes no part at present; None where it does."""
    try:
        ours = registry.current(target.name).inference.predictor
        theirs = registry.get(target.name, target.version).inference.predictor
    except StateserveError as error:
        return str(error)
    return _why_idle(target, ours, theirs)


def require_beside(settings: Settings, registry: Registry[Any]) -> None:
    """Raise SettingsError unless every canary and shadow takes part."""
    for target in settings.beside:
        if reason := why_not(target, registry):
            raise SettingsError(f"setting {variable(target.kind)}: {reason}")


def _why_idle(target: Target, ours: Predictor, theirs: Predictor) -> str | None:
    if theirs.version == ours.version:
        return f"version {ours.version} of {ours.name} is the default itself"
    return why_not_comparable(ours, theirs) if target.kind == "shadow" else None


def _mirrored(
    default: PredictFace, shadow: PredictFace, settings: Settings, counts: RolloutCounts
) -> PredictFace:
    ours, theirs = default.inference.predictor, shadow.inference.predictor
    pair = ours.name, ours.version, theirs.version
    mirror = Mirror(theirs, ShadowCounts(counts, pair, ours.card.classes))
    return PredictFace(default.inference.observed_by(mirror), settings, default.large)
