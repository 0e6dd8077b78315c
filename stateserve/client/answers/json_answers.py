"""Readers of the answers of /predict in JSON."""

from collections.abc import Callable

import httpx

from stateserve.client.answers.checks import require_answers
from stateserve.client.predictions import (
    Prediction,
    PredictionList,
    PredictOptions,
)


def _id(response: httpx.Response) -> str | None:
    found: str | None = response.headers.get("x-prediction-id")
    return found


def reader(
    decode: Callable[[bytes, str | None], list[Prediction]],
    details: PredictOptions,
    rows: int | None = None,
) -> Callable[[httpx.Response], PredictionList]:
    """Reads the answers to `rows` instances, or to any number of them."""

    def read(response: httpx.Response) -> PredictionList:
        answers = decode(response.content, _id(response))
        top = details.get("top")
        require_answers(answers, rows, None if top is None else int(top))
        return PredictionList(answers)

    return read
