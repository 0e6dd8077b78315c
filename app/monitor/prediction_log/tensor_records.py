"""Records of predictions of a model with any module: small tensors whole, others as a summary."""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np

from app.monitor.prediction_log.records import Row, Share, identities, shortest
from app.predict import TensorPrediction
from stateserve.checkpoint import Array
from stateserve.inspect import json_values
from stateserve.model import Input, TensorModel, log_probabilities, named_values

# The most numbers of a tensor that are stored; of others a hash and figures.
MOST_NUMBERS = 64
# The most classes whose probabilities are stored; of others the most probable.
MOST_CLASSES = 100
_encode = msgspec.json.Encoder().encode


class TensorLogRows:
    """How the rows of one version are written."""

    def __init__(self, model: TensorModel) -> None:
        self._identity = model.name, model.version, model.state_sha256
        self._inputs = model.signature.inputs
        outputs = model.signature.outputs
        self._classified = next((each for each in outputs if each.classifies), None)
        self._others = [each for each in outputs if each is not self._classified]

    def record(self, prediction: TensorPrediction, time: float, share: Share) -> "TensorRecord":
        """The rows of one request, written out at once: its tensors may be large."""
        whole, start, end = prediction
        inputs = [
            _text({each.name: _input(each, whole.inputs[each.name][row]) for each in self._inputs})
            for row in range(start, end)
        ]
        found = [self._answer(whole.outputs, row) for row in range(start, end)]
        return TensorRecord(self, time, end - start, [share], inputs, found)

    def of(self, records: Sequence["TensorRecord"]) -> Iterator[Row]:
        inputs = (text for each in records for text in each.inputs)
        found = [answer for each in records for answer in each.found]
        probabilities, labels, outputs = zip(*found, strict=True)
        columns = identities(self._identity, records)
        return zip(*columns, inputs, probabilities, labels, outputs, strict=True)

    def _answer(self, outputs: Mapping[str, Array], row: int) -> tuple[str, str, str]:
        """Probabilities and outputs as JSON, and the class, which is empty without classes."""
        summaries = {each.name: describe(outputs[each.name][row]) for each in self._others}
        if self._classified is None:
            return "{}", "", _text(summaries)
        output = self._classified
        values = outputs[output.name][row : row + 1]
        probabilities = np.exp(log_probabilities(output, values))[0]
        labels = output.labels
        places = range(len(labels))
        if len(labels) > MOST_CLASSES:
            places = np.argsort(-probabilities, kind="stable")[:MOST_CLASSES].tolist()
            summaries[output.name] = {"classes": len(labels)}
        shown = {labels[place]: float(probabilities[place]) for place in places}
        return _text(shown), labels[int(probabilities.argmax())], _text(summaries)


class TensorRecord(msgspec.Struct, gc=False):
    """The rows of one request: `inputs` as JSON, and probabilities, class and outputs of each."""

    rows: TensorLogRows
    time: float
    size: int
    shares: list[Share]
    inputs: list[str]
    found: list[tuple[str, str, str]]


def _input(given: Input, row: Array) -> object:
    value = describe(row)
    if given.features and isinstance(value, list):
        # JSON has null where a value is missing.
        numbers = [math.nan if each is None else each for each in value]
        return named_values(given.features, numbers)
    return value


def describe(row: Array) -> object:
    """The values of a small tensor as nested lists, else a hash and figures."""
    if row.size <= MOST_NUMBERS:
        return json_values(_plain(row))
    content = np.ascontiguousarray(row)
    found = {
        "dtype": row.dtype.name,
        "shape": list(row.shape),
        "sha256": hashlib.sha256(content.reshape(-1).view(np.uint8).data).hexdigest(),
    }
    numbers = content.astype(np.float64)
    figures = [numbers.min(), numbers.max(), numbers.mean(), np.linalg.norm(numbers)]
    # NaN and infinity are null in JSON.
    return found | dict(zip(("min", "max", "mean", "norm"), map(float, figures), strict=True))


def _plain(row: Array) -> Array:
    if row.dtype.kind in "biu" or row.dtype == np.float64:
        return row
    return shortest(row.astype(np.float32))


def _text(value: object) -> str:
    return _encode(value).decode()
