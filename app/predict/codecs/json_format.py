"""Writes the answers of /predict as JSON, from whole columns, without a dict per row."""

import math
from collections.abc import Iterable
from dataclasses import asdict
from itertools import repeat
from typing import Any

import msgspec
import numpy as np

from app.predict.codecs.json_decoder import InstanceDecoder
from app.predict.codecs.json_request import TableRows
from app.predict.codecs.table_answer import about_table
from app.predict.media_types import JSON
from app.predict.options import DEFAULT_OPTIONS, NOVELTY_FIELDS, Options, Shown, show
from app.predict.prediction import Prediction
from stateserve.client import RangeWarning, record_type
from stateserve.model import AnyModel, Feature, Predictor
from stateserve.text import shortest

# Encoding them takes about 10 ms, and blocks all other requests.
VALUES_AT_ONCE = 2**14
_encode = msgspec.json.Encoder().encode


class Answer(msgspec.Struct, gc=False, rename={"label": "class"}):
    label: str
    index: int
    probabilities: Any
    warnings: list[RangeWarning]
    log_probabilities: Any = msgspec.UNSET
    novelty: Any = msgspec.UNSET
    model: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class JsonFormat:
    """Reads and writes the JSON bodies of one predictor."""

    media_type = JSON

    def __init__(self, predictor: Predictor, max_instances: int) -> None:
        self._predictor = predictor
        self._classes = predictor.card.classes
        self._by_class = record_type(predictor.card.classes)
        self._ranges = [
            (feature.name, outside_range(feature)) for feature in predictor.card.features
        ]
        self._model = msgspec.Raw(_encode(model_reference(predictor)))
        # An answer holds a few values for each class.
        self._rows_at_once = max(1, VALUES_AT_ONCE // len(self._classes))
        self.decode = InstanceDecoder(predictor.card, max_instances).decode

    def encode(
        self, predictions: Iterable[Prediction], instances: TableRows, options: Options, /
    ) -> bytes | memoryview:
        """One answer for a bare instance, else a list of answers in order."""
        if instances.single:
            (prediction,) = predictions
            (answer,) = self._answers(prediction, options)
            answer.model = self._model
            return _encode(answer)
        content = bytearray(b'{"predictions":[')
        table = instances.table
        labels: list[str] = []
        for prediction in predictions:
            if table is not None:
                whole, start, end = prediction
                labels += [self._classes[index] for index in whole.indices[start:end].tolist()]
            for part in prediction.parts(self._rows_at_once):
                content += memoryview(_encode(self._answers(part, options)))[1:-1]
                content += b","
        content[-1:] = b'],"model":%b' % bytes(self._model)
        content += b"}" if table is None else about_table(table, labels, None) + b"}"
        return memoryview(content)

    def _answers(self, prediction: Prediction, options: Options) -> list[Answer]:
        whole, start, end = prediction
        by_class = self._by_class
        indices, probabilities = whole.lists()
        indices = indices[start:end]
        columns: list[Iterable[object]] = [
            map(self._classes.__getitem__, indices),
            indices,
            [by_class(*row) for row in probabilities[start:end]],
            self._warnings(prediction),
        ]
        answers = list(map(Answer, *columns))
        if options is not DEFAULT_OPTIONS:
            self._add(answers, show(prediction, options, self._predictor), options)
        return answers

    def _add(self, answers: list[Answer], shown: Shown, options: Options) -> None:
        by_class = self._by_class
        if options.top:
            self._add_top(answers, shown, options)
        elif options.calibrated:
            for answer, row in zip(answers, shown.probabilities.tolist(), strict=True):
                answer.probabilities = by_class(*row)
        if options.log_probabilities and not options.top:
            for answer, row in zip(answers, shown.log_probabilities.tolist(), strict=True):
                answer.log_probabilities = by_class(*row)
        if shown.novelty is not None:
            columns = asdict(shown.novelty)
            rows = zip(*(column.tolist() for column in columns.values()), strict=True)
            for answer, row in zip(answers, rows, strict=True):
                answer.novelty = dict(zip(NOVELTY_FIELDS, row, strict=True))

    def _add_top(self, answers: list[Answer], shown: Shown, options: Options) -> None:
        """Replace the values of all classes by those of the most probable, highest first."""
        logs = shown.log_probabilities
        order = np.argsort(-logs, axis=1, kind="stable")[:, : options.top]
        rows = zip(
            answers,
            order.tolist(),
            np.take_along_axis(shown.probabilities, order, axis=1).tolist(),
            np.take_along_axis(logs, order, axis=1).tolist(),
            strict=True,
        )
        for answer, indices, probabilities, log_probabilities in rows:
            names = [self._classes[index] for index in indices]
            answer.probabilities = dict(zip(names, probabilities, strict=True))
            if options.log_probabilities:
                answer.log_probabilities = dict(zip(names, log_probabilities, strict=True))

    def _warnings(self, prediction: Prediction) -> Iterable[list[RangeWarning]]:
        whole, start, end = prediction
        outside = whole.outside
        if outside is None:
            return repeat([])
        warnings: list[list[RangeWarning]] = [[] for _ in range(start, end)]
        for row, column in np.argwhere(outside[start:end]).tolist():
            feature, detail = self._ranges[column]
            # The shortest text that reads back as the same float32: 5.1, not 5.0999999.
            value = float(str(whole.rows[start + row, column]))
            warnings[row].append(RangeWarning(feature, value, detail))
        return warnings


def model_reference(model: AnyModel) -> dict[str, str]:
    """The model that answered: name, version, first 12 digits of the state's SHA-256."""
    return {"name": model.name, "version": model.version, "state_sha256": model.state_sha256[:12]}


def outside_range(feature: Feature) -> str:
    """The text of a warning about a value of this feature."""
    unit = f" {feature.unit}" if feature.unit else ""
    low, high = feature.range or (-math.inf, math.inf)
    return f"outside the training range {shortest(low)} to {shortest(high)}{unit}"
