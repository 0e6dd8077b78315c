"""The named input and output tensors of a model in the Open Inference Protocol."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from app.errors import InvalidInference, InvalidTensor
from app.predict.codecs.json_request import require_at_most
from app.predict.codecs.v2_tensors import BYTES, DTYPES, Array, Tensor, bytes_array
from app.predict.prediction import Prediction
from app.predict.rows import as_float32
from stateserve.model import Predictor
from stateserve.model.architectures import FloatArray

PLATFORM = "pytorch_state_dict"
INPUT = "input"
CLASSIFIABLE = ("probabilities", "log_probabilities")


@dataclass(frozen=True)
class TensorInfo:
    """-1 in `shape` means any number of rows."""

    name: str
    datatype: str
    shape: list[int]


@dataclass(frozen=True)
class WantedOutput:
    """An output by name; `classification` is the number of most probable classes, as BYTES."""

    name: str
    classification: int | None = None

    @classmethod
    def of(cls, name: str, parameters: Mapping[str, Any]) -> Self:
        """An output with its parameters in the request. Raises InvalidTensor."""
        count = parameters.get("classification")
        if count is not None and (type(count) is not int or count < 1):
            raise InvalidTensor(name, f"classification {count!r}; a number of classes is taken")
        return cls(name, count)


class OpenModel:
    """One predictor's inputs and outputs.

    In: `input`, numbers (rows, n_features) in the card's order. Out: `probabilities` and
    `log_probabilities` FP32 (rows, n_classes), `index` INT64 and `label` BYTES (rows,), and
    `out_of_range` BOOL (rows, n_features), true where a value is beyond the training range.
    """

    def __init__(self, predictor: Predictor, max_instances: int) -> None:
        card = predictor.card
        self.name, self.version = predictor.name, predictor.version
        self._classes = [label.encode() for label in card.classes]
        self._features = [feature.name for feature in card.features]
        self._width = len(card.features)
        self._limit = max_instances
        n_classes = len(card.classes)
        self.inputs = [TensorInfo(INPUT, "FP32", [-1, self._width])]
        self.outputs = [
            TensorInfo("probabilities", "FP32", [-1, n_classes]),
            TensorInfo("log_probabilities", "FP32", [-1, n_classes]),
            TensorInfo("index", "INT64", [-1]),
            TensorInfo("label", BYTES, [-1]),
            TensorInfo("out_of_range", "BOOL", [-1, self._width]),
        ]

    def require_inputs(self, given: Sequence[TensorInfo]) -> None:
        """Check name, datatype and shape before the data. Raises InvalidTensor, BodyTooLarge."""
        if [info.name for info in given] != [INPUT]:
            names = ", ".join(repr(info.name[:100]) for info in given[:8]) or "none"
            raise InvalidTensor(INPUT, f"the one input; given: {names}")
        datatype, shape = given[0].datatype, given[0].shape
        if datatype not in DTYPES or datatype == "BOOL":
            raise InvalidTensor(
                INPUT, f"datatype {datatype[:100]!r}; numbers such as FP32 are taken"
            )
        if len(shape) != 2 or shape[1] != self._width or shape[0] < 1:
            raise InvalidTensor(INPUT, f"shape {shape[:8]}; [rows, {self._width}] is taken")
        require_at_most(self._limit, shape[0])

    def rows(self, inputs: Iterable[Tensor]) -> FloatArray:
        """The rows of checked inputs, float32 (rows, n_features).

        Raises InvalidInstances for a value that is not finite in float32.
        """
        (tensor,) = inputs
        return as_float32(tensor.array, self._features)

    def wanted(self, outputs: Iterable[WantedOutput]) -> list[WantedOutput]:
        """These outputs, or all if none is given. Raises InvalidInference or InvalidTensor."""
        known = {info.name for info in self.outputs}
        wanted = list(outputs) or [WantedOutput(info.name) for info in self.outputs]
        # Otherwise a short request could have an answer of any length.
        if len(wanted) > len(known) or len({output.name for output in wanted}) < len(wanted):
            raise InvalidInference(f"{len(wanted)} outputs; each of {len(known)} is given once")
        for output in wanted:
            if output.name not in known:
                raise InvalidTensor(output.name, f"no output; there are {', '.join(sorted(known))}")
            if output.classification is not None and output.name not in CLASSIFIABLE:
                of = " and ".join(CLASSIFIABLE)
                raise InvalidTensor(output.name, f"classification is of {of}")
        return wanted

    def tensors(
        self, predictions: Iterable[Prediction], wanted: Iterable[WantedOutput]
    ) -> list[Tensor]:
        """The wanted outputs, each over the rows of all predictions."""
        parts = list(predictions)
        return [self._tensor(parts, output) for output in wanted]

    def _tensor(self, parts: list[Prediction], output: WantedOutput) -> Tensor:
        info = next(info for info in self.outputs if info.name == output.name)
        array = np.concatenate([self._column(output.name, part) for part in parts])
        if output.classification is not None:
            return Tensor(info.name, BYTES, self._classify(array, output.classification))
        if info.datatype != BYTES:
            array = array.astype(DTYPES[info.datatype], copy=False)
        return Tensor(info.name, info.datatype, array)

    def _classify(self, values: Array, count: int) -> Array:
        """The `count` highest values of each row, as `value:index:label`, highest first."""
        order = np.argsort(-values, axis=1, kind="stable")[:, :count]
        found = np.empty(order.shape, object)
        for row, column in np.ndindex(*order.shape):
            index = order[row, column]
            text = f"{values[row, index]:f}:{index}:".encode()
            found[row, column] = text + self._classes[index]
        return found

    def _column(self, name: str, prediction: Prediction) -> Array:
        whole, start, end = prediction
        if name == "label":
            return bytes_array([self._classes[i] for i in whole.indices[start:end].tolist()])
        if name == "out_of_range" and whole.outside is None:
            return np.zeros((end - start, self._width), bool)
        columns = {
            "probabilities": whole.probabilities,
            "log_probabilities": whole.log_probabilities,
            "index": whole.indices,
            "out_of_range": whole.outside,
        }
        return columns[name][start:end]  # type: ignore[index, no-any-return]
