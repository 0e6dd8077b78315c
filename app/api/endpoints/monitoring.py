"""GET /monitoring: drift of the features, class shares, and accuracy from feedback."""

import time
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from app.api.dependencies import ModelDep, ServiceDep
from app.api.endpoints.explain import ModelReference
from app.api.openapi.schemas import problems
from app.monitor import CategoryBins, Level
from app.monitor.prediction_log import Judged, Summary, summarize
from app.predict import PARAMETER, Deadline
from app.predict.codecs import model_reference
from app.query_number import DecimalNumber
from stateserve.model import AnyModel

router = APIRouter(tags=["monitoring"])
HOUR_SECONDS = 3600


class MonitoringQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    window_hours: DecimalNumber = Field(
        default=24.0, gt=0, le=8760, allow_inf_nan=False, description="length of the window"
    )


class Window(BaseModel):
    hours: float
    start: datetime
    end: datetime


class ClassCount(BaseModel):
    label: str = Field(alias="class")
    count: int
    share: float | None


class FeatureDrift(BaseModel):
    """Shares of the bins in training and in the window, and their difference.

    The bins of a number are between `edges`; those of a category or a boolean are its `values`, the
    most frequent of training rows, and perhaps "other values". psi is the population stability
    index, ks the Kolmogorov-Smirnov statistic over the bins of a number, p_value that of its test,
    or of the chi-square test. Null if no row was logged.
    """

    name: str
    unit: str | None
    psi: float | None = None
    ks: float | None = None
    p_value: float | None = None
    level: Level | None = None
    edges: list[float] | None
    values: list[str] | None
    training: list[float]
    training_missing: float
    window: list[float] | None = Field(default=None, validation_alias="shares")
    below: float | None = None
    above: float | None = None
    missing: float | None = None


class DriftView(BaseModel):
    """Drift over the newest `rows` of the window."""

    rows: int
    features: list[FeatureDrift]


class FeedbackSummary(BaseModel):
    """`confusion[i][j]` is the number of rows of true class i predicted as class j; empty for
    more than 1000 classes."""

    count: int
    accuracy: float | None
    confusion: list[list[int]]


class ValueErrorsView(BaseModel):
    """The errors of the first output without classes, over the newest `count` rows with a true
    value."""

    count: int
    mean_absolute: float
    root_mean_squared: float


class OtherState(BaseModel):
    """Predictions of another state of this version; its hash is null in logs of older releases."""

    state_sha256: str | None
    predictions: int
    with_feedback: int
    accuracy: float | None


class Monitoring(BaseModel):
    """All fields but `other_states` describe the state served now: `model.state_sha256`.

    `drift` is null if the model card has no histograms, `values` without feedback on values.
    """

    model: ModelReference
    window: Window
    predictions: int
    classes: list[ClassCount]
    drift: DriftView | None
    feedback: FeedbackSummary
    values: ValueErrorsView | None
    other_states: list[OtherState]


@router.get(
    "/monitoring",
    summary="Drift, class shares, and accuracy from feedback",
    responses=problems(400, 422, 501, 503, 504),
    openapi_extra={"parameters": [PARAMETER]},
)
async def read_monitoring(
    request: Request,
    service: ServiceDep,
    model: ModelDep,
    query: Annotated[MonitoringQuery, Query()],
) -> Monitoring:
    log, settings = service.require_log(), service.settings
    deadline = Deadline.of(dict(request.scope["headers"]), settings.request_timeout_seconds)
    end = time.time()
    start = end - query.window_hours * HOUR_SECONDS
    summary = await log.ask(
        deadline.at if deadline else None, summarize, log.database, model, start
    )
    return Monitoring(
        model=ModelReference(**model_reference(model)),
        window=Window(
            hours=query.window_hours,
            start=datetime.fromtimestamp(start, UTC),
            end=datetime.fromtimestamp(end, UTC),
        ),
        predictions=summary.predictions,
        classes=_classes(summary, model.classes),
        drift=_drift(summary, model),
        feedback=_feedback(summary),
        values=ValueErrorsView(**vars(summary.values)) if summary.values else None,
        other_states=[_other(*each) for each in summary.others.items()],
    )


def _other(state_sha256: str | None, judged: Judged) -> OtherState:
    return OtherState(
        state_sha256=state_sha256 and state_sha256[:12],
        predictions=judged.predictions,
        with_feedback=judged.with_feedback,
        accuracy=judged.right / judged.with_feedback if judged.with_feedback else None,
    )


def _classes(summary: Summary, classes: list[str]) -> list[ClassCount]:
    total = sum(summary.predicted)
    return [
        ClassCount(**{"class": label}, count=count, share=count / total if total else None)
        for label, count in zip(classes, summary.predicted, strict=True)
    ]


def _drift(summary: Summary, model: AnyModel) -> DriftView | None:
    if summary.drift is None:
        return None
    features = []
    for (feature, histogram), drift in zip(model.reference, summary.drift, strict=True):
        bins, counts, missing = None, histogram.counts, histogram.missing
        if histogram.edges is None:
            bins = CategoryBins.of(feature, histogram)
            counts, missing = bins.trained.tolist(), bins.trained_missing
        total = sum(counts) + missing
        features.append(
            FeatureDrift(
                name=feature.name,
                unit=feature.unit,
                edges=histogram.edges,
                values=bins and bins.names,
                training=[count / total for count in counts],
                training_missing=missing / total,
                **vars(drift) if drift else {},
            )
        )
    return DriftView(rows=summary.drift_rows, features=features)


def _feedback(summary: Summary) -> FeedbackSummary:
    confusion = summary.confusion
    count = sum(map(sum, confusion))
    right = sum(row[index] for index, row in enumerate(confusion))
    return FeedbackSummary(
        count=count, accuracy=right / count if count else None, confusion=confusion
    )
