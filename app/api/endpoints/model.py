"""GET /model: the model card, the signature, and the layers of the module; an input to try, and
the training rows."""

import io
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.dependencies import LayersDep, ModelDep
from app.api.negotiation import compress
from app.api.openapi.schemas import problems
from app.errors import InvalidQuery, NotProvided
from app.explain import unexplained
from app.predict import JSON, choose_media_type
from app.predict.pictures import to_pixels
from app.query_number import WholeNumber
from stateserve.checkpoint import Array
from stateserve.inspect import totals
from stateserve.model import (
    AnyCard,
    Card,
    Input,
    ModelView,
    TensorModel,
    TrainingRows,
    describe_architecture,
    example_json,
)
from stateserve.text import did_you_mean

PNG = "image/png"
router = APIRouter(tags=["model"])


class ModelQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    training_rows: bool = Field(
        default=True, description="false: the card's training rows are left out, which may be many"
    )


@router.get(
    "/model",
    summary="The model card, signature and layers",
    response_model=ModelView,
    responses=problems(422),
)
def read_model(
    request: Request, model: ModelDep, layers: LayersDep, query: Annotated[ModelQuery, Query()]
) -> Response:
    module, signature = model.module, model.signature
    view = ModelView(
        name=model.name,
        version=model.version,
        state_sha256=model.state_sha256,
        architecture=describe_architecture(module),
        layers=layers,
        totals=totals(model.outline),
        trainable=sum(each.numel() for each in module.parameters() if each.requires_grad),
        card=model.card,
        warnings=model.warnings,
        signature=signature,
        backend=model.backend_name,
        example=example_json(signature, model.example),
        example_is_noise=isinstance(model, TensorModel) and model.example_is_noise,
        training_rows=_count_rows(model.card),
        unexplained=unexplained(model),
        loaded=datetime.fromtimestamp(model.loaded, UTC).isoformat(timespec="milliseconds"),
    )
    left_out = None if query.training_rows else {"training_rows"}
    written = {"card": model.card.model_dump(exclude=left_out), "signature": signature.model_dump()}
    sums = {"layers": [*map(asdict, layers)], "totals": asdict(view.totals)}
    # Training rows are many digits, which shrink to a third.
    return compress(request, JSONResponse(vars(view) | written | sums))


@router.get(
    "/model/example",
    summary="An input to try, a body of /predict",
    response_class=Response,
    responses={**problems(406, 501), 200: {"content": {JSON: {}, PNG: {}}}},
)
def read_example(request: Request, model: ModelDep) -> Response:
    """A PNG of a model whose only input is a picture, and else JSON."""
    inputs = model.signature.inputs
    offered = [PNG, JSON] if len(inputs) == 1 and inputs[0].image else [JSON]
    accept = request.headers.get("accept", "*/*")
    if choose_media_type(accept, offered) == PNG:
        return Response(_draw(inputs[0], model.example[inputs[0].name][0]), media_type=PNG)
    example = example_json(model.signature, model.example)
    if example is None:
        raise NotProvided("the example is too large for JSON, or has numbers that JSON lacks")
    return JSONResponse(example)


def _draw(given: Input, instance: Array) -> bytes:
    try:
        from PIL import Image
    except ImportError:
        raise NotProvided("pictures need Pillow: pip install '.[images]'") from None
    pixels = to_pixels(instance, given)
    stream = io.BytesIO()
    Image.fromarray(pixels if pixels.shape[-1] > 1 else pixels[..., 0]).save(stream, "PNG")
    return stream.getvalue()


class RowsQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    feature: list[str] = Field(default=[], description="names; absent: all features")
    row: list[WholeNumber] = Field(default=[], description="places from 0; absent: all rows")
    columns: bool = Field(default=True, description="false: labels and separation only")


class RowsView(BaseModel):
    """Columns of the training rows in the card, which are a sample if `total` is larger.

    `labels` are the class indices of the rows. `separation` has, for each feature of the card, the
    variance of all its rows, divided by the mean variance within a class; 1 where that is 0.
    """

    total: int
    labels: list[int]
    separation: list[float]
    columns: dict[str, list[float]]


@router.get(
    "/model/training_rows",
    summary="Columns of the training rows in the model card",
    response_model=RowsView,
    responses=problems(422, 501),
)
def read_training_rows(
    request: Request, model: ModelDep, query: Annotated[RowsQuery, Query()]
) -> Response:
    card, kept = _training_rows(model.card)
    places = {feature.name: place for place, feature in enumerate(card.features)}
    for name in query.feature:
        if name not in places:
            raise InvalidQuery(f"feature: {name!r:.200} is no feature{did_you_mean(name, places)}")
    for row in query.row:
        if not 0 <= row < len(kept.rows):
            raise InvalidQuery(f"row: {row}; the card has rows 0 to {len(kept.rows) - 1}")
    rows = query.row or range(len(kept.rows))
    columns = {
        name: [_short(kept.rows[row][places[name]]) for row in rows]
        for name in (query.feature or places if query.columns else ())
    }
    view = {
        "total": kept.total,
        "labels": [kept.labels[row] for row in rows],
        "separation": _separation(kept),
        "columns": columns,
    }
    return compress(request, JSONResponse(view))


def _short(value: float) -> float:
    """With the digits of the float32 that the model gets."""
    return float(str(np.float32(value)))


def _count_rows(card: AnyCard) -> int:
    kept = card.training_rows if isinstance(card, Card) else None
    return len(kept.rows) if kept else 0


def _training_rows(card: AnyCard) -> tuple[Card, TrainingRows]:
    """Raises NotProvided."""
    if not isinstance(card, Card) or card.training_rows is None:
        raise NotProvided("the model card holds no training rows")
    return card, card.training_rows


def _separation(kept: TrainingRows) -> list[float]:
    rows, labels = np.array(kept.rows), np.array(kept.labels)
    within = np.zeros(rows.shape[1])
    for label in np.unique(labels):
        of_class = rows[labels == label]
        within += len(of_class) * of_class.var(axis=0)
    whole = len(rows) * rows.var(axis=0)
    return np.divide(whole, within, out=np.ones_like(whole), where=within > 0).tolist()  # type: ignore[no-any-return]
