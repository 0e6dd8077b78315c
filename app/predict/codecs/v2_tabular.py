"""A tabular classifier's input and output tensors in the Open Inference Protocol."""

from collections.abc import Iterable, Sequence

import numpy as np

from app.errors import InvalidTensor
from app.predict.codecs.json_request import TableRows, require_at_most
from app.predict.codecs.v2_model import TensorInfo, V2Model
from app.predict.codecs.v2_tensor_data import BYTES, DTYPES, Array, Tensor, bytes_array
from app.predict.prediction import Prediction
from app.predict.rows import as_float32
from stateserve.model import Predictor
from stateserve.model.architectures import FloatArray

INPUT = "input"
CLASSIFIABLE = ("probabilities", "log_probabilities")


class TabularV2(V2Model[FloatArray, Prediction]):
    """One predictor's inputs and outputs.

    In: `input`, numbers (rows, n_features) in the card's order. Out: `probabilities` and
    `log_probabilities` FP32 (rows, n_classes), `index` INT64 and `label` BYTES (rows,), and
    `out_of_range` BOOL (rows, n_features), true where a value is beyond the training range.
    """

    def __init__(self, predictor: Predictor, max_instances: int) -> None:
        card = predictor.card
        self._features = [feature.name for feature in card.features]
        self._labels = [label.encode() for label in card.classes]
        self._width, n_classes = len(card.features), len(card.classes)
        self._limit = max_instances
        outputs = [
            TensorInfo("probabilities", "FP32", [-1, n_classes]),
            TensorInfo("log_probabilities", "FP32", [-1, n_classes]),
            TensorInfo("index", "INT64", [-1]),
            TensorInfo("label", BYTES, [-1]),
            TensorInfo("out_of_range", "BOOL", [-1, self._width]),
        ]
        inputs = [TensorInfo(INPUT, "FP32", [-1, self._width])]
        super().__init__(predictor, inputs, outputs, dict.fromkeys(CLASSIFIABLE, card.classes))

    def require_inputs(self, given: Sequence[TensorInfo]) -> None:
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

    def instances(self, inputs: Iterable[Tensor]) -> TableRows:
        (tensor,) = inputs
        return TableRows(as_float32(tensor.array, self._features), False)

    def _column(self, name: str, prediction: Prediction) -> Array:
        whole, start, end = prediction
        if name == "label":
            return bytes_array([self._labels[i] for i in whole.indices[start:end].tolist()])
        if name == "out_of_range" and whole.outside is None:
            return np.zeros((end - start, self._width), bool)
        columns = {
            "probabilities": whole.probabilities,
            "log_probabilities": whole.log_probabilities,
            "index": whole.indices,
            "out_of_range": whole.outside,
        }
        return columns[name][start:end]  # type: ignore[index, no-any-return]
