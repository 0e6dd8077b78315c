"""Reads and writes the JSON bodies of a model with any module."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np

from app.errors import InvalidInstances, NotProvided
from app.predict.codecs.json_answer import model_reference
from app.predict.codecs.json_request import require_at_most
from app.predict.codecs.json_text import JsonObject, describe, escape, parse_json
from app.predict.codecs.tensor_json_reader import read_instance
from app.predict.codecs.tensor_values import dtype_of, require_valid
from app.predict.headers import Body
from app.predict.instances import Instances
from app.predict.media_types import JSON
from app.predict.options import Options
from app.predict.tensor_prediction import TensorPrediction, log_probabilities
from app.predict.tensor_rows import TensorRows
from stateserve.errors import Fault
from stateserve.model import Arrays, Input, Output, TensorModel

_encode = msgspec.json.Encoder().encode
ITEM = {"b": bool, "i": int, "u": int}


class TensorJson:
    """In: one instance, or `{"instances": [instance, ...]}`; an instance as in read_instance.

    Out: the class and the probabilities, if the model's one output has them; else
    `{"outputs": {name: nested list}}`.
    """

    media_type = JSON

    def __init__(self, model: TensorModel, max_instances: int) -> None:
        self._inputs = model.signature.inputs
        self._limit = max_instances
        self._outputs = model.signature.outputs
        self._model = msgspec.Raw(_encode(model_reference(model)))
        self._fast = _decoder_of_many(self._inputs)

    def decode(self, body: Body) -> Instances[TensorRows]:
        """Raises MalformedBody, InvalidInstances with a JSON pointer, or BodyTooLarge."""
        return self._decode(body) or self._parse(body)

    def _decode(self, body: Body) -> Instances[TensorRows] | None:
        """In one typed pass; None unless the body is surely valid."""
        if self._fast is None:
            return None
        try:
            values = self._fast.decode(body).instances
            given = self._inputs[0]
            with np.errstate(over="ignore"):
                array = np.array(values, dtype_of(given.dtype))
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, OverflowError):
            return None
        require_at_most(self._limit, len(values))
        if not values or not given.fits(array.shape) or body.count(b'"') != 2:
            return None
        try:
            require_valid(given, array, "/instances")
        except InvalidInstances:
            # Written again by the parser, which knows the number as it was sent.
            return None
        return Instances(TensorRows([{given.name: array}]), False)

    def _parse(self, body: Body) -> Instances[TensorRows]:
        value = parse_json(bytes(body))
        many = self._many(value)
        if many is None:
            return Instances(_grouped([read_instance(value, self._inputs, "")]), True)
        require_at_most(self._limit, len(many))
        if not many:
            fault = Fault("/instances", "empty; at least one instance is needed")
            raise InvalidInstances([fault])
        instances = [
            read_instance(each, self._inputs, f"/instances/{index}")
            for index, each in enumerate(many)
        ]
        return Instances(_grouped(instances), False)

    def _many(self, value: Any) -> list[Any] | None:
        """The value of `instances`, or None for a bare instance."""
        if not isinstance(value, JsonObject):
            return None
        names = [name for name, _ in value]
        if "instances" not in names:
            return None
        if len(names) > 1:
            other = next((name for name in names if name != "instances"), "instances")
            detail = "unknown field" if other != "instances" else "stands twice"
            raise InvalidInstances([Fault(f"/{escape(other)}", detail)])
        many = value[0][1]
        if not isinstance(many, list) or isinstance(many, JsonObject):
            detail = f"{describe(many)} where a list of instances belongs"
            raise InvalidInstances([Fault("/instances", detail)])
        return many

    def encode(
        self,
        predictions: Iterable[TensorPrediction],
        instances: Instances[TensorRows],
        options: Options,
        /,
    ) -> bytes | memoryview:
        """One answer for a bare instance, else a list of answers in order."""
        answers = in_order(
            [each for part in predictions for each in self._answers(part, options)],
            instances.rows.places,
        )
        if instances.single:
            (answer,) = answers
            return _encode(answer | {"model": self._model})
        return _encode({"predictions": answers, "model": self._model})

    def _answers(self, prediction: TensorPrediction, options: Options) -> list[dict[str, Any]]:
        if len(self._outputs) == 1 and self._outputs[0].classifies:
            return _classes(self._outputs[0], prediction, options)
        if options.log_probabilities or options.top:
            name = "log_probabilities" if options.log_probabilities else "top"
            raise NotProvided(f"{name}: the model has no classes; its outputs are tensors")
        columns = {o.name: _lists(prediction.output(o.name)) for o in self._outputs}
        rows = zip(*columns.values(), strict=True)
        return [{"outputs": dict(zip(columns, row, strict=True))} for row in rows]


def _classes(
    output: Output, prediction: TensorPrediction, options: Options
) -> list[dict[str, Any]]:
    for name in ("calibrated", "out_of_distribution"):
        if getattr(options, name):
            raise NotProvided(f"{name}: the model card holds no training data for it")
    logs = log_probabilities(output, prediction.output(output.name))
    names = output.classes or [str(index) for index in range(logs.shape[1])]
    indices = logs.argmax(axis=1).tolist()
    shown = [np.exp(logs), logs] if options.log_probabilities else [np.exp(logs)]
    order = np.argsort(-logs, axis=1, kind="stable")[:, : options.top] if options.top else None
    answers = []
    for row, index in enumerate(indices):
        places: Sequence[int] = range(len(names)) if order is None else order[row].tolist()
        by_class = [
            dict(zip(map(names.__getitem__, places), values[row, places].tolist(), strict=True))
            for values in shown
        ]
        titled = zip(("probabilities", "log_probabilities"), by_class, strict=False)
        answers.append({"class": names[index], "index": index, **dict(titled), "warnings": []})
    return answers


def _lists(array: np.ndarray) -> list[Any]:
    values = array if array.dtype.kind in "biu" else array.astype(np.float64)
    found: list[Any] = values.tolist()
    return found


def in_order(answers: list[Any], places: Sequence[int] | None) -> list[Any]:
    """The answers of grouped instances, in the order of the request."""
    if places is None:
        return answers
    ordered = dict(zip(places, answers, strict=True))
    return [ordered[place] for place in range(len(answers))]


def _grouped(instances: list[Arrays]) -> TensorRows:
    """The instances in groups of equal shapes."""
    groups: dict[object, list[int]] = defaultdict(list)
    for place, arrays in enumerate(instances):
        groups[tuple(array.shape for array in arrays.values())].append(place)
    stacked = [
        {name: np.stack([instances[place][name] for place in places]) for name in instances[0]}
        for places in groups.values()
    ]
    if len(stacked) == 1:
        return TensorRows(stacked)
    return TensorRows(stacked, [place for places in groups.values() for place in places])


def _decoder_of_many(inputs: Sequence[Input]) -> "msgspec.json.Decoder[Any] | None":
    """Decodes the instances of a model with one plain input, if they are plain lists."""
    if len(inputs) > 1 or inputs[0].features:
        return None
    kind: Any = ITEM.get(dtype_of(inputs[0].dtype).kind, float)
    for _ in inputs[0].row_shape:
        kind = list[kind]
    many = [("instances", list[kind])]
    return msgspec.json.Decoder(
        msgspec.defstruct("Instances", many, forbid_unknown_fields=True, gc=False)
    )
