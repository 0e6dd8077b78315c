"""POST /predict: classes and probabilities of one flower or many."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.api.dependencies import FaceDep
from app.api.openapi.schemas import PREDICTION_RESPONSES, problems
from app.predict import PARAMETER, Asked, PredictFace

router = APIRouter(tags=["predict"])


@router.post(
    PredictFace.path,
    summary="Classify one flower or many",
    responses=PREDICTION_RESPONSES | problems(400, 406, 413, 415, 422, 501, 503, 504),
    openapi_extra={"parameters": [PARAMETER]},
)
async def predict(request: Request, face: FaceDep, asked: Annotated[Asked, Query()]) -> Response:
    return await face.respond(request.scope, request.receive, asked)
