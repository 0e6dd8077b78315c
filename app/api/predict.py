"""POST /predict: flowers in, classes and probabilities out."""

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from app.api.body import read_json_body
from app.api.dependencies import ServiceDep
from app.api.schemas import PREDICTION_RESPONSES, problems
from app.inference import Prediction
from app.instances import parse_instances
from app.predictor import Predictor

router = APIRouter(tags=["predict"])


class PredictQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    log_probabilities: bool = False


@router.post(
    "/predict",
    summary="Classify one flower or many",
    responses=PREDICTION_RESPONSES | problems(400, 413, 415, 422),
)
async def predict(
    request: Request, service: ServiceDep, query: Annotated[PredictQuery, Query()]
) -> JSONResponse:
    body = await read_json_body(request, service.settings.max_body_bytes)
    card = service.inference.predictor.card
    instances = parse_instances(body, card, service.settings.max_instances)
    prediction = service.inference.predict(instances.rows)
    answers = _answers(prediction, query.log_probabilities)
    model = model_reference(prediction.predictor)
    if instances.single:
        return JSONResponse(answers[0] | {"model": model})
    return JSONResponse({"predictions": answers, "model": model})


def model_reference(predictor: Predictor) -> dict[str, str]:
    """Which model answered: name, version, and the first 12 digits of the state's SHA-256."""
    return {
        "name": predictor.name,
        "version": predictor.version,
        "state_sha256": predictor.state_sha256[:12],
    }


def _answers(prediction: Prediction, log_probabilities: bool) -> list[dict[str, Any]]:
    card = prediction.predictor.card
    # In float64, so that the probabilities of a row sum to 1 to the last digits shown.
    logs = prediction.log_probabilities.astype(np.float64)
    answers: list[dict[str, Any]] = [
        {
            "class": card.classes[index],
            "index": index,
            "probabilities": dict(zip(card.classes, row, strict=True)),
            "warnings": [],
        }
        for index, row in zip(prediction.indices, np.exp(logs).tolist(), strict=True)
    ]
    if log_probabilities:
        for answer, row in zip(answers, logs.tolist(), strict=True):
            answer["log_probabilities"] = dict(zip(card.classes, row, strict=True))
    for warning in prediction.warnings:
        feature = card.features[warning.column]
        answers[warning.row]["warnings"].append(
            {
                "feature": feature.name,
                "value": warning.value,
                "detail": f"outside the training range {feature.minimum:g} to {feature.maximum:g}"
                + (f" {feature.unit}" if feature.unit else ""),
            }
        )
    return answers
