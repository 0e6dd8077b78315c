"""POST /explain of a model with any module: gradients as JSON, npy or a picture; activations."""

from typing import Any, Literal

import msgspec
import numpy as np
from fastapi import Request
from fastapi.responses import Response
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from app.api.body import declared_type, found_type, read_body
from app.api.service import Service
from app.errors import InvalidInstances, InvalidQuery, NotProvided
from app.explain import Question, TensorExplanation, draw_heatmap, explain_tensors
from app.predict import JSON, NPY, Deadline, Instances, TensorEndpoint, choose_media_type
from app.predict.codecs import model_reference
from app.predict.pictures import to_pixels
from app.query_number import WholeNumber
from stateserve.checkpoint import Array, stream_npy
from stateserve.errors import Fault
from stateserve.inspect import json_values
from stateserve.model import Arrays, Input, TensorModel

PNG = "image/png"
# The most attributions in JSON.
MOST_VALUES = 100_000
# The axes of a picture with so many channels.
CHANNELS = (1, 3, 4)
Pixels = NDArray[np.uint8]
_encode = msgspec.json.Encoder().encode


class ExplainQuery(BaseModel):
    """`neighbours` is for a tabular classifier, all others for a model with any module."""

    model_config = ConfigDict(extra="forbid")

    target: str | None = Field(
        default=None,
        description="class, by name or index; without classes, the place of an element in the flat"
        " output, or its index on each axis, as in 1,3,0; absent: the highest",
    )
    output: str | None = Field(default=None, description="absent: the first with classes")
    input: str | None = Field(
        default=None, description="input whose attributions are sent as npy or as a picture"
    )
    method: Literal["integrated_gradients", "saliency", "shapley", "none"] | None = Field(
        default=None,
        description="absent: shapley for a table with categories or missing values, and for one"
        " that training wrote; integrated_gradients for any other model",
    )
    activations: str | None = Field(
        default=None, description="a layer, by its name in GET /model, or * for every layer"
    )
    neighbours: WholeNumber | None = Field(
        default=None,
        ge=0,
        description="the number of most probable classes whose nearest training rows are sent;"
        " absent: all",
    )

    def question(self) -> Question:
        return Question(self.output, self.target, self.method, self.activations)


class ActivationView(BaseModel):
    """A tensor that a layer returned; `values` are null for a large one."""

    layer: str
    type: str
    shape: list[int]
    dtype: str
    statistics: dict[str, float | int | None]
    values: Any


class TensorExplanationView(BaseModel):
    """Attributions of the element `index` of the flat output, whose class is `class`.

    Integrated gradients and Shapley values sum to `score` - `baseline_score` +
    `convergence_delta`. The baseline is all zeros; for Shapley values, medians and no category.
    `attributions` are by input, those of a table by the names of its columns; null if
    they are too many for JSON, and with `method=none`.
    """

    output: str
    index: int
    class_: str | None = Field(alias="class")
    method: str
    attributions: dict[str, Any] | None
    score: float | None
    baseline_score: float | None
    convergence_delta: float | None
    activations: list[ActivationView] | None
    model: dict[str, str]


async def explain_instance(
    request: Request, service: Service, model: TensorModel, query: ExplainQuery
) -> Response:
    """Raises the errors of the body, InvalidQuery, NotProvided, ForwardFailed, or
    DeadlineExceeded between two passes."""
    if query.neighbours is not None:
        raise InvalidQuery("neighbours: only a tabular classifier has training rows in its card")
    headers = dict(request.scope["headers"])
    deadline = Deadline.of(headers, service.settings.request_timeout_seconds)
    endpoint = service.endpoint(model.name, model.version)
    if not isinstance(endpoint, TensorEndpoint):
        raise NotProvided(f"another version of {model.name} was loaded meanwhile; try again")
    accepted = endpoint.media_types()
    declared = declared_type(headers, accepted)
    target = choose_media_type(headers.get(b"accept", b"*/*").decode("latin-1"), [JSON, NPY, PNG])
    body = await read_body(request.receive, headers, service.settings.max_body_bytes)
    source = found_type(declared, body, headers, accepted)

    def answer() -> Response:
        instances = endpoint.reader(source.essence).decode(body, source.parameters)
        endpoint.lengths.require(instances)
        inputs = _only(instances)
        chosen = _chosen(model, query.input)
        if target == PNG and _layout(chosen) is None:
            raise NotProvided(f"input {chosen.name!r} is no picture; ask for {JSON} or {NPY}")

        def check() -> None:
            if deadline is not None:
                deadline.require()

        found = explain_tensors(model, inputs, query.question(), check)
        if target == JSON:
            content = _encode(_view(found, query, model))
            return Response(content, media_type=JSON)
        if found.attributions is None or chosen.name not in found.attributions.values:
            raise InvalidQuery(f"{target} has attributions, and input {chosen.name!r} has none")
        values = found.attributions.values[chosen.name]
        if target == NPY:
            return Response(b"".join(stream_npy(values.astype(np.float32)).chunks), media_type=NPY)
        return Response(_draw(chosen, values, inputs[chosen.name][0]), media_type=PNG)

    return await service.large.run_in_turn(answer)


def _only(instances: Instances[Any]) -> Arrays:
    rows = instances.rows
    if len(rows) != 1:
        raise InvalidInstances([Fault("/instances", "one instance is explained at a time")])
    arrays: Arrays = rows.arrays
    return arrays


def _chosen(model: TensorModel, name: str | None) -> Input:
    """The input to show: the one named, else the first picture, else the first of floats."""
    inputs = model.signature.inputs
    if name is None:
        floats = [each for each in inputs if "float" in each.dtype]
        return next(filter(_layout, floats), (floats or inputs)[0])
    for each in inputs:
        if each.name == name:
            return each
    names = ", ".join(each.name for each in inputs)
    raise InvalidQuery(f"input: no input {name[:200]!r}; known: {names}")


def _layout(given: Input) -> Literal["CHW", "HWC", "HW"] | None:
    """The order of a picture's axes; without a word of the card, by the number of channels."""
    if given.image is not None:
        return given.image.layout
    shape = given.row_shape
    if given.features or len(shape) not in (2, 3):
        return None
    if len(shape) == 2:
        return "HW"
    if shape[0] in CHANNELS:
        return "CHW"
    return "HWC" if shape[-1] in CHANNELS else None


def _draw(given: Input, values: Array, instance: Array) -> bytes:
    layout = _layout(given)
    if layout is None:
        raise NotProvided(f"input {given.name!r} is no picture")
    return draw_heatmap(values, layout, _pixels(given, layout, instance))


def _pixels(given: Input, layout: str, instance: Array) -> Pixels:
    if given.image is not None:
        return to_pixels(instance, given)
    numbers = np.nan_to_num(instance.astype(np.float64))
    spread = np.ptp(numbers) or 1.0
    grey = (numbers - numbers.min()) / spread * 255
    planes = grey[..., None] if layout == "HW" else grey
    planes = np.moveaxis(planes, 0, -1) if layout == "CHW" else planes
    pixels: Pixels = planes.round().astype(np.uint8)
    return pixels


def _by_feature(given: Input, values: Any) -> object:
    """The values of an instance; those of a table by the names of its columns."""
    names = [feature.name for feature in given.features or ()]
    return dict(zip(names, values, strict=True)) if names else values


def _view(found: TensorExplanation, query: ExplainQuery, model: TensorModel) -> dict[str, object]:
    given = found.attributions
    values = None
    if given and sum(each.size for each in given.values.values()) <= MOST_VALUES:
        values = {
            each.name: _by_feature(each, json_values(given.values[each.name]))
            for each in model.signature.inputs
            if each.name in given.values
        }
    scores = ("score", "baseline_score", "convergence_delta")
    return {
        "output": found.output.name,
        "index": found.index,
        "class": found.label,
        "method": found.method,
        "attributions": values,
        **{name: getattr(given, name, None) for name in scores},
        "activations": found.activations,
        "model": model_reference(model),
    }
