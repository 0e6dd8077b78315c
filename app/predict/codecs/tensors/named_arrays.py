"""Arrays by name: those of a request's body as instances, and the outputs of an answer."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from app.errors import MAX_FAULTS, InvalidInstances, InvalidQuery
from app.predict.codecs.json_request import require_at_most
from app.predict.codecs.tensors.input_values import as_input, describe_shape
from app.predict.headers import Body
from app.predict.instances import Instances
from app.predict.json_pointer import escape
from app.predict.options import DEFAULT_OPTIONS, Options, ranked, without_classes
from app.predict.tensors.prediction import TensorPrediction
from app.predict.tensors.rows import TensorRows
from stateserve.checkpoint import Array
from stateserve.errors import Fault
from stateserve.model import Arrays, Input, Output, TensorModel, log_probabilities
from stateserve.text import did_you_mean


class NamedArraysFormat(ABC):
    """In: all inputs by name, with a batch axis, or without it for one instance.

    Out: all outputs by name, with a batch axis if the inputs have it.
    """

    media_type: str

    def __init__(self, model: TensorModel, max_instances: int) -> None:
        self._inputs = model.signature.inputs
        self._outputs = model.signature.outputs
        self._limit = max_instances

    def decode(self, body: Body, _parameters: Mapping[str, str] = {}, /) -> Instances[TensorRows]:
        """Raises MalformedBody, InvalidInstances or BodyTooLarge."""
        return read_arrays(self._read(body), self._inputs, self._limit)

    def encode(
        self,
        predictions: Iterable[TensorPrediction],
        instances: Instances[TensorRows],
        options: Options,
        /,
    ) -> memoryview:
        """Raises InvalidQuery."""
        found = output_arrays(predictions, instances, self._outputs, options, self.media_type)
        return self._write(found)

    @abstractmethod
    def _read(self, body: Body) -> Mapping[str, Array]:
        """The arrays of all inputs. Raises as `decode` does."""

    @abstractmethod
    def _write(self, found: Arrays) -> memoryview: ...


def require_names(names: Sequence[str], inputs: Sequence[Input]) -> None:
    """Raise InvalidInstances unless each input is given once, and nothing else."""
    known = [each.name for each in inputs]
    listed = ", ".join(f"{each.name} ({describe_shape(each)})" for each in inputs)
    faults = []
    seen: set[str] = set()
    for name in names:
        if name not in known:
            detail = f"unknown input; the inputs are {listed}{did_you_mean(name, known)}"
            faults.append(Fault(f"/{escape(name)}", detail))
        elif name in seen:
            faults.append(Fault(f"/{escape(name)}", "stands twice"))
        seen.add(name)
    faults += [
        Fault(f"/{escape(each.name)}", f"missing; {describe_shape(each)} is needed")
        for each in inputs
        if each.name not in seen
    ]
    if faults:
        raise InvalidInstances(faults[:MAX_FAULTS])


def read_arrays(
    arrays: Mapping[str, Array], inputs: Sequence[Input], limit: int
) -> Instances[TensorRows]:
    """The instances of all inputs, with a batch axis; or of one instance, without it.

    Raises InvalidInstances or BodyTooLarge.
    """
    single = all(arrays[each.name].ndim == len(each.row_shape) for each in inputs)
    found: Arrays = {}
    rows: int | None = None
    for given in inputs:
        at = "" if len(inputs) == 1 else f"/{escape(given.name)}"
        array = arrays[given.name][None] if single else arrays[given.name]
        if array.ndim:
            require_at_most(limit, len(array))
        array = as_input(given, array, at)
        if rows not in (None, len(array)):
            detail = f"{len(array)} rows; {inputs[0].name} has {rows}"
            raise InvalidInstances([Fault(at, detail)])
        rows = len(array)
        found[given.name] = array
    return Instances(TensorRows([found]), single)


def output_arrays(
    predictions: Iterable[TensorPrediction],
    instances: Instances[TensorRows],
    outputs: Sequence[Output],
    options: Options,
    media_type: str,
) -> Arrays:
    """Each output over all instances, in their order, or of the one instance.

    With `top`, an output with classes has the shape (rows, top, 2): the index and the probability
    of the most probable classes. Raises InvalidQuery for other options, and for outputs of
    different shapes; NotProvided for `top` without classes.
    """
    if options is not DEFAULT_OPTIONS:
        _require(options, outputs, media_type)
    parts = list(predictions)
    places = instances.rows.places
    order = None if places is None else np.argsort(places)
    found: Arrays = {}
    for output in outputs:
        array = _joined(output.name, parts, media_type)
        array = array if order is None else array[order]
        if options.top and output.classifies:
            array = _most_probable(output, array, options.top)
        found[output.name] = array[0, ...] if instances.single else array
    return found


def _joined(name: str, parts: Sequence[TensorPrediction], media_type: str) -> Array:
    if len(parts) == 1:
        return parts[0].output(name)
    arrays = [part.output(name) for part in parts]
    if len({array.shape[1:] for array in arrays}) > 1:
        raise InvalidQuery(
            f"{media_type}: output {name} has other shapes for some instances; "
            "application/json can hold them"
        )
    return np.concatenate(arrays)


def _most_probable(output: Output, values: Array, top: int) -> Array:
    probabilities = np.exp(log_probabilities(output, values))
    found = ranked(values.astype(np.float64), probabilities, top)
    return found if values.dtype == np.float64 else found.astype(np.float32)


def _require(options: Options, outputs: Sequence[Output], media_type: str) -> None:
    if options != DEFAULT_OPTIONS.model_copy(update={"top": options.top}):
        raise InvalidQuery(f"{media_type} has no place for the parts that the query asks for")
    if options.top and not any(output.classifies for output in outputs):
        raise without_classes("top", outputs)
