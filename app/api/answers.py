"""The answers of /predict as JSON, written from whole columns: no dict per row."""

from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from typing import Any

import msgspec
import numpy as np

from app.card import Card
from app.inference import Prediction
from app.instance_decoder import InstanceDecoder
from app.instances import Instances
from app.predictor import Predictor

_encode = msgspec.json.Encoder().encode


class Answer(msgspec.Struct, gc=False, rename={"label": "class"}):
    label: str
    index: int
    probabilities: Any
    warnings: list[dict[str, Any]]
    log_probabilities: Any = msgspec.UNSET
    model: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class JsonFormat:
    """JSON bodies of one predictor, both ways."""

    media_type = "application/json"

    def __init__(self, predictor: Predictor, max_instances: int) -> None:
        self._card = predictor.card
        self._by_class = _record(predictor.card.classes)
        self._model = msgspec.Raw(_encode(model_reference(predictor)))
        self.decode = InstanceDecoder(predictor.card, max_instances).decode

    def encode(
        self, predictions: Iterable[Prediction], instances: Instances, log_probabilities: bool
    ) -> bytes:
        """One answer for one bare instance, else the answers in order."""
        lists = [list(self._answers(part, log_probabilities)) for part in predictions]
        if instances.single:
            answer = lists[0][0]
            answer.model = self._model
            return _encode(answer)
        answers = b",".join(memoryview(_encode(part))[1:-1] for part in lists)
        return b'{"predictions":[%b],"model":%b}' % (answers, bytes(self._model))

    def _answers(self, prediction: Prediction, log_probabilities: bool) -> Iterator[Answer]:
        indices = prediction.indices.tolist()
        columns: list[Iterable[Any]] = [
            map(self._card.classes.__getitem__, indices),
            indices,
            map(self._by_class, *prediction.probabilities.T.tolist()),
            _warnings(prediction, self._card),
        ]
        if log_probabilities:
            logs = prediction.log_probabilities.T.astype(np.float64)
            columns.append(map(self._by_class, *logs.tolist()))
        return map(Answer, *columns)


def model_reference(predictor: Predictor) -> dict[str, str]:
    """Which model answered: name, version, and the first 12 digits of the state's SHA-256."""
    return {
        "name": predictor.name,
        "version": predictor.version,
        "state_sha256": predictor.state_sha256[:12],
    }


def _record(names: list[str]) -> Callable[..., Any]:
    """A constructor of JSON objects with these names from as many values."""
    fields = [f"f{column}" for column in range(len(names))]
    try:
        rename = dict(zip(fields, names, strict=True))
        return msgspec.defstruct("Record", fields, rename=rename, gc=False)
    except ValueError:
        # msgspec takes no quote, backslash or control character in a name.
        return lambda *values: dict(zip(names, values, strict=True))


def _warnings(prediction: Prediction, card: Card) -> Iterable[list[dict[str, Any]]]:
    if prediction.outside is None:
        return repeat([])
    warnings: list[list[dict[str, Any]]] = [[] for _ in prediction.rows]
    for row, column in np.argwhere(prediction.outside).tolist():
        feature = card.features[column]
        unit = f" {feature.unit}" if feature.unit else ""
        span = f"{feature.minimum:g} to {feature.maximum:g}{unit}"
        warnings[row].append(
            {
                "feature": feature.name,
                # The shortest text that reads back as the same float32: 5.1, not 5.0999999.
                "value": float(str(prediction.rows[row, column])),
                "detail": f"outside the training range {span}",
            }
        )
    return warnings
