"""POST /explain: why a model gives this answer for one instance."""

from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from app.api.body import declared_type, found_type, read_body
from app.api.dependencies import EndpointDep, ServiceDep
from app.api.endpoints.tensor_explain import (
    PNG,
    ExplainQuery,
    TensorExplanationView,
    explain_instance,
)
from app.api.negotiation import compress
from app.api.openapi.schemas import BINARY, problems, reference
from app.api.service import Service
from app.errors import InvalidInstances, InvalidQuery
from app.explain import FOUND, NONE_FOUND, Counterfactual, Explanation, Neighbour, explain
from app.predict import JSON, NPY, PARAMETER, Deadline, Headers
from app.predict.codecs import model_reference, most_bytes_of_one, parse_instances
from stateserve.errors import Fault
from stateserve.model import Card, Predictor, TensorModel

router = APIRouter(tags=["explain"])

Values = dict[str, float]


class AttributionsView(BaseModel):
    """The contribution of each feature to the predicted class's logit, from the baseline's.

    `features` sum to `logit` - `baseline_logit` + `convergence_delta`.
    """

    features: Values
    baseline: Values
    logit: float
    baseline_logit: float
    convergence_delta: float


class NeighbourView(BaseModel):
    """A training row; the distance is Euclidean, each feature in units of its training range."""

    features: Values
    distance: float


class CounterfactualView(NeighbourView):
    """An input of another class, found by search, and its `changes` from the given input.

    A nearer input of another class may exist. `/predict` answers `class` for `features`.
    """

    class_: str = Field(alias="class")
    changes: Values


class CounterfactualSearchView(BaseModel):
    """The result of the search for the counterfactual, in words."""

    statement: Literal[FOUND, NONE_FOUND]  # type: ignore[valid-type]


class TrainingRowsView(BaseModel):
    """The neighbours are the nearest of `searched` rows, a sample if `total` is larger."""

    searched: int
    total: int


class ModelReference(BaseModel):
    name: str
    version: str
    state_sha256: str


class ExplanationView(BaseModel):
    """`activations` by layer; `neighbours` by class, in the card's order, null if the card holds
    no training rows."""

    class_: str = Field(alias="class")
    index: int
    probabilities: Values
    attributions: AttributionsView
    activations: dict[str, list[float]]
    neighbours: dict[str, list[NeighbourView]] | None
    training_rows: TrainingRowsView | None
    counterfactual: CounterfactualView | None = Field(
        description="null: none found by search; an input of another class may exist"
    )
    counterfactual_search: CounterfactualSearchView
    model: ModelReference


@router.post(
    "/explain",
    name="explain",
    summary="Explain the class of one instance",
    response_model=ExplanationView | TensorExplanationView,
    responses=problems(400, 406, 413, 415, 422, 501, 504)
    | {200: {"content": {NPY: BINARY, PNG: BINARY}}},
    openapi_extra={
        "parameters": [PARAMETER],
        "requestBody": {"required": True, "content": {JSON: {"schema": reference("Instance")}}},
    },
)
async def explain_one(
    request: Request,
    service: ServiceDep,
    endpoint: EndpointDep,
    query: Annotated[ExplainQuery, Query()],
) -> Response:
    if isinstance(endpoint.model, TensorModel):
        return await explain_instance(request, service, endpoint.model, query)
    # A generated client sends the defaults, too.
    if chosen := query.model_dump(exclude_defaults=True, exclude={"neighbours"}):
        names = ", ".join(sorted(chosen))
        reason = "the explanation of a tabular classifier has no choice but neighbours"
        raise InvalidQuery(f"{names}: {reason}")
    return await _explain_flower(request, service, endpoint.predictor, query.neighbours)


async def _explain_flower(
    request: Request, service: Service, predictor: Predictor, neighbours: int | None
) -> Response:
    headers: Headers = dict(request.scope["headers"])
    deadline = Deadline.of(headers, service.settings.request_timeout_seconds)
    most = min(most_bytes_of_one(predictor.card), service.settings.max_body_bytes)
    declared = declared_type(headers, [JSON])
    body = await read_body(request.receive, headers, most, " where one flower is explained")
    found_type(declared, body, headers, [JSON])

    module, forward = predictor.module, predictor.log_probabilities

    def answer() -> Explanation:
        instances = parse_instances(body, predictor.card, service.settings.max_instances)
        if not instances.single:
            reason = "one flower is explained at a time; send it as a bare object"
            raise InvalidInstances([Fault("/instances", reason)])
        if deadline is not None:
            deadline.require()
        return explain(module, forward, predictor.card, instances.rows[0])

    # In a thread: attributions and the search take thousands of forward passes.
    found = await run_in_threadpool(answer)
    view = _view(found, predictor.card, neighbours) | {"model": model_reference(predictor)}
    return compress(request, JSONResponse(view))


def _view(found: Explanation, card: Card, neighbours: int | None) -> dict[str, object]:
    """With the neighbours of so many most probable classes, or of all for None."""
    attributions, counterfactual = found.attributions, found.counterfactual
    probabilities = np.exp(found.log_probabilities.astype(np.float64)).tolist()
    shown = np.argsort(-found.log_probabilities, kind="stable")[:neighbours]
    return {
        "class": card.classes[found.index],
        "index": found.index,
        "probabilities": dict(zip(card.classes, probabilities, strict=True)),
        "attributions": {
            "features": _by_feature(card, attributions.values),
            "baseline": _by_feature(card, attributions.baseline),
            "logit": attributions.logit,
            "baseline_logit": attributions.baseline_logit,
            "convergence_delta": attributions.convergence_delta,
        },
        "activations": {layer: values.tolist() for layer, values in found.activations.items()},
        "neighbours": found.neighbours
        and {
            card.classes[index]: [_neighbour(card, each) for each in found.neighbours[index]]
            for index in sorted(shown.tolist())
        },
        "training_rows": found.training_rows
        and dict(zip(("searched", "total"), found.training_rows, strict=True)),
        "counterfactual": counterfactual and _counterfactual(card, counterfactual),
        "counterfactual_search": {"statement": FOUND if counterfactual else NONE_FOUND},
    }


def _neighbour(card: Card, neighbour: Neighbour | Counterfactual) -> dict[str, object]:
    return {"features": _by_feature(card, neighbour.row), "distance": neighbour.distance}


def _counterfactual(card: Card, found: Counterfactual) -> dict[str, object]:
    return _neighbour(card, found) | {
        "class": card.classes[found.index],
        "changes": _by_feature(card, found.changes),
    }


def _by_feature(card: Card, values: NDArray[np.floating]) -> dict[str, float]:
    # The shortest text that reads back as the same number: 5.1, not 5.099999904632568.
    return {
        feature.name: float(str(value))
        for feature, value in zip(card.features, values, strict=True)
    }
