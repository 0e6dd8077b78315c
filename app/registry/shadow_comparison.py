"""Compares the predictions of a default version with those of its shadow, row by row."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

import numpy as np

from app.monitor import OutputDifferences, ShadowCounts
from app.predict import CHUNK_ROWS, Prediction, TensorPrediction
from stateserve.model import (
    AnyModel,
    Arrays,
    Output,
    Predictor,
    TensorModel,
    classified_output,
    log_probabilities,
)

Predicted = TypeVar("Predicted", contravariant=True)
# Rows of tensors in one pass of a shadow.
TENSOR_ROWS = 64


class Comparison(Protocol[Predicted]):
    """Predicts with the shadow and counts the differences.

    `most_rows` bounds the rows of one call, `most_waiting` the sum of the weights of waiting
    predictions.
    """

    most_rows: int
    most_waiting: int

    def weight(self, prediction: Predicted, /) -> int: ...

    def __call__(self, batch: Sequence[Predicted], /) -> None:
        """Raises any error of the shadow; then nothing is counted."""


class TabularComparison:
    """Compares tabular classifiers; a prediction weighs its rows."""

    most_rows = CHUNK_ROWS
    # All rows of a large request are added at once, after its answer.
    most_waiting = 8 * CHUNK_ROWS

    def __init__(self, shadow: Predictor, counts: ShadowCounts) -> None:
        self._shadow = shadow
        self._counts = counts

    def weight(self, prediction: Prediction) -> int:
        return prediction.end - prediction.start

    def __call__(self, batch: Sequence[Prediction]) -> None:
        logs = self._shadow.log_probabilities(
            np.concatenate([whole.rows[start:end] for whole, start, end in batch])
        )
        if not np.isfinite(logs).all():
            raise OverflowError("the shadow's forward pass overflows")
        probabilities, indices = (
            np.concatenate([getattr(whole, name)[start:end] for whole, start, end in batch])
            for name in ("probabilities", "indices")
        )
        distance = np.abs(np.exp(logs, dtype=np.float64) - probabilities).mean(axis=1).sum()
        self._counts.add_classes(indices, logs.argmax(axis=1), float(distance))
        self._counts.compared.inc(len(batch))


class TensorComparison:
    """Compares models of one signature: classes, and the values of all other outputs.

    A prediction weighs its bytes.
    """

    most_rows = TENSOR_ROWS
    most_waiting = 64 * 2**20

    def __init__(self, shadow: TensorModel, counts: ShadowCounts) -> None:
        self._shadow = shadow
        self._counts = counts
        self._outputs = shadow.signature.outputs
        self._classified = classified_output(self._outputs)

    def weight(self, prediction: TensorPrediction) -> int:
        rows, whole = prediction.end - prediction.start, prediction.whole
        arrays = [*whole.inputs.values(), *whole.outputs.values()]
        return rows * sum(array.nbytes // max(1, len(array)) for array in arrays)

    def __call__(self, batch: Sequence[TensorPrediction]) -> None:
        groups: dict[object, list[TensorPrediction]] = defaultdict(list)
        for each in batch:
            groups[tuple(array.shape[1:] for array in each.whole.inputs.values())].append(each)
        compared = [self._predict(group) for group in groups.values()]
        for ours, theirs in compared:
            self._count(ours, theirs)
        self._counts.compared.inc(len(batch))

    def _predict(self, group: list[TensorPrediction]) -> tuple[Arrays, Arrays]:
        """The outputs of both versions for the rows of a group."""
        inputs, ours = (
            {
                name: np.concatenate(
                    [getattr(each.whole, part)[name][each.start : each.end] for each in group]
                )
                for name in getattr(group[0].whole, part)
            }
            for part in ("inputs", "outputs")
        )
        theirs = self._shadow.run(inputs)
        for output in self._outputs:
            found = theirs[output.name]
            if found.shape != ours[output.name].shape:
                raise ValueError(f"the shadow's output {output.name!r} has another shape")
            # As of the default version (TensorPipeline).
            if output.kind != "tensor" and not np.isfinite(found).all():
                raise OverflowError("the shadow's forward pass overflows")
        return ours, theirs

    def _count(self, ours: Arrays, theirs: Arrays) -> None:
        if self._classified is not None:
            self._count_classes(self._classified, ours, theirs)
        for output in self._outputs:
            if output is not self._classified:
                name = output.name
                self._counts.add_values(name, OutputDifferences.between(ours[name], theirs[name]))

    def _count_classes(self, output: Output, ours: Arrays, theirs: Arrays) -> None:
        a, b = (log_probabilities(output, each[output.name]) for each in (ours, theirs))
        distance = np.abs(np.exp(a) - np.exp(b)).mean(axis=1).sum()
        self._counts.add_classes(a.argmax(axis=1), b.argmax(axis=1), float(distance))


def why_not_comparable(default: AnyModel, trial: AnyModel) -> str | None:
    """Why a canary or shadow cannot answer the default's requests; None if it can.

    Rows and probabilities have no names in many formats, so their order counts, too.
    """
    if isinstance(default, Predictor) != isinstance(trial, Predictor):
        return "only one of the two versions is a tabular classifier"
    for (what, ours), (_, theirs) in zip(_compared(default), _compared(trial), strict=True):
        if ours != theirs:
            return f"its {what} are {', '.join(theirs)}; those of the default {', '.join(ours)}"
    return None


def _compared(model: AnyModel) -> Iterator[tuple[str, list[str]]]:
    if isinstance(model, Predictor):
        yield "features", model.features
    else:
        for what in ("inputs", "outputs"):
            tensors = getattr(model.signature, what)
            yield what, [f"{each.name} {each.dtype} {each.shape}" for each in tensors]
    yield "classes", model.classes
