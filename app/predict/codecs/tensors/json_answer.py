"""Writes the answers of a model with any module as JSON."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.errors import NotProvided
from app.predict.codecs.json_format import VALUES_AT_ONCE, model_reference, outside_range
from app.predict.codecs.table_answer import about_table
from app.predict.codecs.tensors.short_floats import lists_of, widen
from app.predict.instances import Instances
from app.predict.options import Options, without_classes
from app.predict.tensors.prediction import TensorPrediction
from app.predict.tensors.row_groups import in_order
from app.predict.tensors.rows import TensorRows
from app.predict.tensors.training_ranges import TrainingRanges
from stateserve.checkpoint import Array
from stateserve.client import RangeWarning
from stateserve.model import Output, TensorModel, log_probabilities
from stateserve.tables import TableInstances

_encode = msgspec.json.Encoder().encode


class AnswerWriter:
    """An output that classifies is written as class, index and probabilities, others as nested
    lists; NaN and infinity as null. Values outside of their training range give warnings.

    A model whose one output classifies answers that object; else `{"outputs": {name: ...}}`, and
    `units` of the outputs that have one.
    """

    def __init__(self, model: TensorModel) -> None:
        self._outputs = model.signature.outputs
        self._classes = {each.name: each.labels for each in self._outputs if each.classifies}
        about: dict[str, object] = {"model": msgspec.Raw(_encode(model_reference(model)))}
        units = {output.name: output.unit for output in self._outputs if output.unit}
        self._about = {"units": units, **about} if units else about
        self._alone = len(self._outputs) == 1 and bool(self._classes)
        self._ranges = TrainingRanges.of(model.signature.inputs)

    def write(
        self,
        predictions: Iterable[TensorPrediction],
        instances: Instances[TensorRows],
        options: Options,
    ) -> bytes | memoryview:
        """One answer for a bare instance, else a list of answers in order. Raises NotProvided."""
        self._require(options)
        if instances.single:
            (prediction,) = predictions
            (answer,) = self._answers(prediction, options)
            return _encode(answer | self._about)
        places = instances.rows.places
        pieces = [
            memoryview(_encode(part))[1:-1]
            for prediction in predictions
            for part in self._parts(prediction, options, by_one=places is not None)
        ]
        content = bytearray(b'{"predictions":[')
        for piece in in_order(pieces, places):
            content += piece
            content += b","
        content[-1:] = b"]," + _encode(self._about)[1:]
        if instances.table is not None:
            content[-1:] = self._about_table(instances.table, predictions) + b"}"
        return memoryview(content)

    def _about_table(self, table: TableInstances, predictions: Iterable[TensorPrediction]) -> bytes:
        """`predictions` are in the order of the rows, since these have one shape."""
        of_rows = (each for each in self._outputs if each.classifies or not each.shape[1:])
        scored = next(of_rows, None)
        if scored is None:
            return about_table(table, None, None)
        found = np.concatenate([each.output(scored.name) for each in predictions])
        if not scored.classifies:
            return about_table(table, None, found.astype(np.float64).tolist())
        indices = found.astype(np.float32).argmax(axis=1).tolist()
        return about_table(table, [scored.labels[index] for index in indices], None)

    def _require(self, options: Options) -> None:
        for name in ("calibrated", "out_of_distribution"):
            if getattr(options, name):
                raise NotProvided(
                    f"{name}: the model card holds no training data for it; predictions without "
                    f"{name} work"
                )
        for name in ("log_probabilities", "top"):
            if getattr(options, name) and not self._classes:
                raise without_classes(name, self._outputs)

    def _parts(
        self, prediction: TensorPrediction, options: Options, *, by_one: bool
    ) -> Iterable[list[dict[str, object]]]:
        """The answers in lists of about VALUES_AT_ONCE values, or of one answer."""
        whole, start, end = prediction
        values = sum(array[:1].size for array in whole.outputs.values())
        most = 1 if by_one else max(1, VALUES_AT_ONCE // max(values, 1))
        for first in range(start, end, most):
            last = min(first + most, end)
            yield self._answers(TensorPrediction(whole, first, last), options)

    def _answers(self, prediction: TensorPrediction, options: Options) -> list[dict[str, object]]:
        columns: dict[str, list[Any]] = {}
        for output in self._outputs:
            values = prediction.output(output.name)
            classes = self._classes.get(output.name)
            columns[output.name] = (
                _nested(values) if classes is None else _classify(output, values, classes, options)
            )
        if self._alone:
            (answers,) = columns.values()
        else:
            rows = zip(*columns.values(), strict=True)
            answers = [{"outputs": dict(zip(columns, row, strict=True))} for row in rows]
        if self._alone or self._ranges:
            for answer, warnings in zip(answers, self._warnings(prediction), strict=True):
                answer["warnings"] = warnings
        return answers

    def _warnings(self, prediction: TensorPrediction) -> list[list[RangeWarning]]:
        whole, start, end = prediction
        warnings: list[list[RangeWarning]] = [[] for _ in range(start, end)]
        if self._ranges is not None and whole.outside is not None:
            for row, number in np.argwhere(whole.outside[start:end]).tolist():
                name, place, feature = self._ranges.columns[number]
                # The shortest text that reads back as the same number: 5.1, not 5.0999999.
                value = float(str(whole.inputs[name][start + row, place]))
                warnings[row].append(RangeWarning(feature.name, value, outside_range(feature)))
        return warnings


def _classify(
    output: Output, values: Array, classes: Sequence[str], options: Options
) -> list[dict[str, object]]:
    logs = log_probabilities(output, values)
    shown = {
        "probabilities": values if output.kind == "probabilities" else _as(values, np.exp(logs))
    }
    if options.log_probabilities:
        given = output.kind == "log_probabilities"
        shown["log_probabilities"] = values if given else _as(values, logs)
    wide = values.astype(np.float64)
    indices = wide.argmax(axis=1).tolist()
    answers: list[dict[str, object]] = [{"class": classes[i], "index": i} for i in indices]
    names: Iterable[Sequence[str]] = [classes] * len(answers)
    if options.top:
        order = np.argsort(-wide, axis=1, kind="stable")[:, : options.top]
        names = [[classes[index] for index in row] for row in order.tolist()]
        shown = {name: np.take_along_axis(each, order, axis=1) for name, each in shown.items()}
    for name, array in shown.items():
        rows = widen(array).tolist()
        for answer, row, keys in zip(answers, rows, names, strict=True):
            answer[name] = dict(zip(keys, row, strict=True))
    return answers


def _as(values: Array, computed: NDArray[np.float64]) -> Array:
    """Computed numbers without digits beyond the precision of `values`, but float32 at least."""
    return computed if values.dtype == np.float64 else computed.astype(np.float32)


def _nested(values: Array) -> list[object]:
    """The rows of an output as nested lists; rows with many values as JSON."""
    if values[:1].size > VALUES_AT_ONCE:
        return [msgspec.Raw(_write(row)) for row in values]
    return lists_of(values)


def _write(values: Array) -> bytes:
    """JSON in steps of up to VALUES_AT_ONCE values."""
    if values.size <= VALUES_AT_ONCE:
        return _encode(lists_of(values))
    if values.ndim > 1:
        return b"[%b]" % b",".join(map(_write, values))
    starts = range(0, values.size, VALUES_AT_ONCE)
    steps = [_encode(lists_of(values[start : start + VALUES_AT_ONCE]))[1:-1] for start in starts]
    return b"[%b]" % b",".join(steps)
