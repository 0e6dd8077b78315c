"""GET /model: the model card, the signature, and the layers of the module."""

from dataclasses import asdict

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from app.api.dependencies import EntriesDep, LayersDep, ModelDep
from stateserve.inspect import totals
from stateserve.model import ModelView, describe_architecture, example_json

router = APIRouter(tags=["model"])


@router.get("/model", summary="The model card, signature and layers", response_model=ModelView)
def read_model(model: ModelDep, entries: EntriesDep, layers: LayersDep) -> JSONResponse:
    module, signature = model.module, model.signature
    view = ModelView(
        name=model.name,
        version=model.version,
        state_sha256=model.state_sha256,
        architecture=describe_architecture(module),
        layers=layers,
        totals=totals(entries),
        trainable=sum(each.numel() for each in module.parameters() if each.requires_grad),
        card=model.card,
        warnings=model.warnings,
        signature=signature,
        backend=model.backend_name,
        example=example_json(signature, model.example),
    )
    written = {"card": model.card.model_dump(), "signature": signature.model_dump()}
    return JSONResponse(
        vars(view) | written | {"layers": [*map(asdict, layers)], "totals": asdict(view.totals)}
    )
