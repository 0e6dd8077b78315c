"""GET /models/{model}/comparison: compares a canary or shadow with the default version."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from app.api.dependencies import ServiceDep
from app.api.endpoints.models import ModelName
from app.api.openapi.schemas import problems
from app.api.service import Service
from app.monitor import TOLERANCE, Snapshot
from app.registry import why_not
from app.settings import Target

router = APIRouter(tags=["models"])


class Answers(BaseModel):
    """The requests without a version that this version answered; errors are 4xx and 5xx."""

    version: str
    requests: int
    errors: int
    mean_seconds: float | None


class Part(BaseModel):
    """`reason` says why the version is not used at present; null if it is used."""

    version: str
    share: float
    reason: str | None


class Canary(Part):
    answers: list[Answers]


class OutputDifference(BaseModel):
    """The differences of an output's values, over `rows` rows of both versions.

    A row's relative difference is the Euclidean norm of the difference, divided by the larger
    norm. A row is close if no value differs by more than `tolerance` of its largest value, or of 1.
    """

    name: str
    rows: int
    mean_absolute: float | None
    largest_absolute: float
    largest_relative: float
    close_share: float | None
    tolerance: float = TOLERANCE


class Shadow(Part):
    """Its predictions for rows that the default version answered; no request waits for them.

    `requests` were compared, `shed` were dropped because the shadow's queue was full, `failed`
    ended in an error of the shadow. `confusion` counts rows by the default's class, then by the
    shadow's. `outputs` compares the values of outputs without classes.
    """

    requests: int
    shed: int
    failed: int
    rows: int
    disagreements: int
    disagreement_share: float | None = Field(description="disagreements / rows")
    mean_absolute_difference: float | None = Field(description="of the probabilities")
    confusion: dict[str, dict[str, int]]
    outputs: list[OutputDifference]


class RolloutView(BaseModel):
    name: str
    default_version: str | None
    canary: Canary | None = None
    shadow: Shadow | None = None


@router.get(
    "/models/{model}/comparison",
    summary="Compare a canary or shadow with the default version",
    responses=problems(404),
)
async def compare_versions(service: ServiceDep, model: ModelName) -> RolloutView:
    statuses = service.registry.statuses(model)
    default = next((each.version for each in statuses if each.default), None)
    view = RolloutView(name=model, default_version=default)
    counts = await run_in_threadpool(service.metrics.snapshot)
    for target in service.settings.targets:
        if target.name == model and target.kind == "canary":
            view.canary = _canary(service, counts, target, default)
        elif target.name == model:
            view.shadow = _shadow(service, counts, target, default)
    return view


def _canary(service: Service, counts: Snapshot, target: Target, default: str | None) -> Canary:
    versions = dict.fromkeys([default, target.version]) if default else [target.version]
    answers = [_answers(counts, target.name, str(version)) for version in versions]
    return Canary(
        version=target.version,
        share=target.share,
        reason=why_not(target, service.registry),
        answers=answers,
    )


def _answers(counts: Snapshot, model: str, version: str) -> Answers:
    requests = errors = 0
    for labels, value in counts.of("rollout_requests_total", model=model, version=version):
        requests += int(value)
        errors += int(value) if int(labels["status"]) >= 400 else 0
    name = "rollout_request_duration_seconds_sum"
    seconds = sum(value for _, value in counts.of(name, model=model, version=version))
    return Answers(
        version=version,
        requests=requests,
        errors=errors,
        mean_seconds=seconds / requests if requests else None,
    )


def _shadow(service: Service, counts: Snapshot, target: Target, default: str | None) -> Shadow:
    def samples(name: str, **labels: str) -> Iterator[tuple[dict[str, str], float]]:
        pair = {"model": target.name, "default": str(default), "shadow": target.version}
        return counts.of(name, **pair, **labels)

    def total(name: str, **labels: str) -> float:
        return sum(value for _, value in samples(name, **labels))

    confusion: dict[str, dict[str, int]] = defaultdict(dict)
    for labels, value in samples("shadow_rows_total"):
        confusion[labels["default_class"]][labels["shadow_class"]] = int(value)
    outputs = [
        _output(labels["output"], int(rows), partial(total, output=labels["output"]))
        for labels, rows in samples("shadow_output_rows_total")
    ]
    classified = sum(sum(row.values()) for row in confusion.values())
    disagreements = int(total("shadow_disagreements_total"))
    distance = total("shadow_probability_difference_total")
    return Shadow(
        version=target.version,
        share=target.share,
        reason=why_not(target, service.registry),
        requests=int(total("shadow_requests_total", result="compared")),
        shed=int(total("shadow_requests_total", result="shed")),
        failed=int(total("shadow_requests_total", result="failed")),
        rows=max([classified, *(each.rows for each in outputs)]),
        disagreements=disagreements,
        disagreement_share=disagreements / classified if classified else None,
        mean_absolute_difference=distance / classified if classified else None,
        confusion=confusion,
        outputs=outputs,
    )


def _output(name: str, rows: int, total: Callable[[str], float]) -> OutputDifference:
    return OutputDifference(
        name=name,
        rows=rows,
        mean_absolute=total("shadow_output_difference_total") / rows if rows else None,
        largest_absolute=total("shadow_output_largest_absolute_difference"),
        largest_relative=total("shadow_output_largest_relative_difference"),
        close_share=total("shadow_output_close_rows_total") / rows if rows else None,
    )
