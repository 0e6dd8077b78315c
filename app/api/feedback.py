"""POST /feedback: what a prediction should have said."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from app.api.body import read_json
from app.api.dependencies import ServiceDep
from app.api.negotiation import JSON
from app.api.schemas import problems
from app.log.feedback import PREDICTION_ID, attach, parse_feedback

# An id and a class.
MOST_BYTES = 4096
router = APIRouter(tags=["monitoring"])


class FeedbackBody(BaseModel):
    """`prediction_id`: the answer's X-Request-ID, a colon, and the instance's number from 0."""

    model_config = ConfigDict(extra="forbid")

    prediction_id: str = Field(pattern=f"^{PREDICTION_ID.pattern}$")
    true_class: str = Field(alias="class")


class JudgedPrediction(BaseModel):
    """One version's prediction: what it said, and when."""

    model: str
    version: str
    predicted: str = Field(alias="class")
    correct: bool
    time: datetime


class FeedbackView(BaseModel):
    """`replaced` is the class that earlier feedback named, null if there was none.

    There are several predictions where several versions answered the request.
    """

    prediction_id: str
    true_class: str = Field(alias="class")
    replaced: str | None
    predictions: list[JudgedPrediction]


BODY = {"required": True, "content": {JSON: {"schema": FeedbackBody.model_json_schema()}}}


@router.post(
    "/feedback",
    summary="Attach the true class to a logged prediction",
    responses=problems(400, 404, 413, 415, 422, 501, 503),
    openapi_extra={"requestBody": BODY},
)
async def give_feedback(request: Request, service: ServiceDep) -> FeedbackView:
    log = service.require_log()
    feedback = parse_feedback(
        await read_json(request, min(MOST_BYTES, service.settings.max_body_bytes))
    )
    rows = await log.ask(attach, log, feedback)
    return FeedbackView.model_validate(
        {
            "prediction_id": feedback.prediction_id,
            "class": feedback.true_class,
            "replaced": rows[0].true_class,
            "predictions": [
                {
                    "model": row.model,
                    "version": row.version,
                    "class": row.predicted,
                    "correct": row.predicted == feedback.true_class,
                    "time": datetime.fromtimestamp(row.time, UTC),
                }
                for row in rows
            ],
        }
    )
