"""GET /model: the card, and the module as code sees it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from torch import Tensor

from app.api.dependencies import EntriesDep, PredictorDep
from app.card import Card
from app.inspection import Totals, totals

router = APIRouter(tags=["model"])


@dataclass(frozen=True)
class Layer:
    """One submodule, with the elements that it alone holds."""

    name: str
    type: str
    text: str
    parameters: int
    buffers: int


@dataclass(frozen=True)
class ModelView:
    """`trainable` of the parameters are what an optimizer would change.

    `warnings` say what is not known of the model, as where it has no card.
    """

    name: str
    version: str
    state_sha256: str
    architecture: str
    layers: list[Layer]
    totals: Totals
    trainable: int
    card: Card
    warnings: list[str] = field(default_factory=list)


@router.get("/model", summary="The model card and architecture", response_model=ModelView)
def read_model(predictor: PredictorDep, entries: EntriesDep) -> JSONResponse:
    module = predictor.module
    layers = [
        Layer(name, type(m).__name__, str(m), _count(m.parameters()), _count(m.buffers()))
        for name, m in module.named_children()
    ]
    view = ModelView(
        predictor.name,
        predictor.version,
        predictor.state_sha256,
        str(module),
        layers,
        totals(entries),
        _count(p for p in module.parameters() if p.requires_grad),
        predictor.card,
        predictor.card.warnings,
    )
    return JSONResponse(asdict(view) | {"card": predictor.card.model_dump()})


def _count(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors)
