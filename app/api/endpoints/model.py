"""GET /model: the model card and the layers of the module."""

from collections.abc import Iterable
from dataclasses import asdict

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from torch import Tensor

from app.api.dependencies import EntriesDep, ModelDep
from stateserve.inspect import totals
from stateserve.model import Layer, ModelView

router = APIRouter(tags=["model"])


@router.get("/model", summary="The model card and architecture", response_model=ModelView)
def read_model(model: ModelDep, entries: EntriesDep) -> JSONResponse:
    module = model.module
    layers = [
        Layer(name, type(m).__name__, str(m), _count(m.parameters()), _count(m.buffers()))
        for name, m in module.named_children()
    ]
    view = ModelView(
        model.name,
        model.version,
        model.state_sha256,
        str(module),
        layers,
        totals(entries),
        _count(p for p in module.parameters() if p.requires_grad),
        model.card,
        model.card.warnings,
    )
    return JSONResponse(asdict(view) | {"card": model.card.model_dump()})


def _count(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors)
