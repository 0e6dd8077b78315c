"""POST /feedback: attaches the true class or value to a logged prediction."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from app.api.body import read_json
from app.api.dependencies import ServiceDep
from app.api.openapi.schemas import problems
from app.monitor.prediction_log import (
    PREDICTION_ID,
    Feedback,
    attach,
    logged_values,
    parse_feedback,
)
from app.predict import JSON, PARAMETER, Deadline
from app.text_form import TextForm

# Enough for an id and a class, or some values.
MOST_BYTES = 4096
router = APIRouter(tags=["monitoring"])


ID_WORDS = "an X-Prediction-ID, a colon and the number of the instance, from 0"
PredictionId = Annotated[str, TextForm(PREDICTION_ID.pattern, ID_WORDS)]


class FeedbackBody(BaseModel):
    """`prediction_id`: the answer's X-Prediction-ID, a colon, and the instance's number from 0."""

    model_config = ConfigDict(extra="forbid")

    prediction_id: PredictionId
    true_class: str = Field(alias="class")


class ValueFeedbackBody(BaseModel):
    """As FeedbackBody, with the values of the model's first output without classes."""

    model_config = ConfigDict(extra="forbid")

    prediction_id: PredictionId
    value: float | list[float | list[float]]


class JudgedPrediction(BaseModel):
    """A version's prediction and its time; `state_sha256` is null for logs of an older release."""

    model: str
    version: str
    state_sha256: str | None
    predicted: str = Field(alias="class")
    correct: bool | None
    absolute_error: float | None
    time: datetime


class FeedbackView(BaseModel):
    """`replaced` is the class of earlier feedback, null if there was none.

    `correct` is about a class, `absolute_error`, the mean over the values, about a value.

    `predictions` has one element, except for ids of an older release, which several versions
    could share.
    """

    prediction_id: str
    true_class: str | None = Field(alias="class")
    value: list[float] | None
    replaced: str | None
    predictions: list[JudgedPrediction]


SCHEMAS = [each.model_json_schema() for each in (FeedbackBody, ValueFeedbackBody)]
BODY = {"required": True, "content": {JSON: {"schema": {"anyOf": SCHEMAS}}}}


@router.post(
    "/feedback",
    summary="Attach the true class or value to a logged prediction",
    responses=problems(400, 404, 413, 415, 422, 501, 503, 504),
    openapi_extra={"requestBody": BODY, "parameters": [PARAMETER]},
)
async def give_feedback(request: Request, service: ServiceDep) -> FeedbackView:
    log, settings = service.require_log(), service.settings
    deadline = Deadline.of(dict(request.scope["headers"]), settings.request_timeout_seconds)
    feedback = parse_feedback(await read_json(request, min(MOST_BYTES, settings.max_body_bytes)))
    rows = await log.ask(deadline.at if deadline else None, attach, log, feedback)
    return FeedbackView.model_validate(
        {
            "prediction_id": feedback.prediction_id,
            "class": feedback.true_class,
            "value": feedback.true_value,
            "replaced": rows[0].true_class,
            "predictions": [
                {
                    "model": row.model,
                    "version": row.version,
                    "state_sha256": row.state_sha256 and row.state_sha256[:12],
                    "class": row.predicted,
                    **_judgement(row, feedback),
                    "time": datetime.fromtimestamp(row.time, UTC),
                }
                for row in rows
            ],
        }
    )


def _judgement(row: Any, feedback: Feedback) -> dict[str, object]:
    if feedback.true_value is None:
        return {"correct": row.predicted == feedback.true_class, "absolute_error": None}
    pairs = zip(logged_values(row.outputs) or (), feedback.true_value, strict=True)
    errors = [abs(found - true) for found, true in pairs]
    return {"correct": None, "absolute_error": sum(errors) / len(errors)}
