"""What endpoints ask for by type."""

from typing import Annotated

from fastapi import Depends, Request

from app.predictor import Predictor
from app.service import Service


def _service(request: Request) -> Service:
    return request.app.state.service  # type: ignore[no-any-return]


def _predictor(service: Annotated[Service, Depends(_service)]) -> Predictor:
    return service.inference.predictor


ServiceDep = Annotated[Service, Depends(_service)]
PredictorDep = Annotated[Predictor, Depends(_predictor)]
