"""The pipeline of a model with any module: rows of equal dtypes and shapes share a pass."""

import time
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from app.errors import InvalidInstances
from app.predict.batching import Batcher
from app.predict.observer import Observer, PassRecord, QueuedRequest
from app.predict.pipeline import Item, Pipeline
from app.predict.tensor_prediction import TensorPass, TensorPrediction, classified_output
from app.predict.tensor_rows import TensorRows
from stateserve.errors import Fault
from stateserve.model import Arrays, TensorModel

# The most rows of one forward pass.
MAX_ROWS = 64
Items = list[Item[TensorRows]]


class TensorPipeline(Pipeline[TensorRows, TensorPrediction]):
    """Predicts rows of one group; a request in the queue has up to MAX_ROWS.

    Raises ForwardFailed, or InvalidInstances for an output that is not finite.
    """

    def __init__(
        self,
        model: TensorModel,
        observers: Sequence[Observer[TensorPrediction]] = (),
        max_pending: int = 4096,
    ) -> None:
        self.model = model
        forward = _Forward(model, tuple(observers))
        super().__init__(Batcher(forward.together, max_pending=max_pending), observers)


class _Forward:
    """The model's forward pass, checked and observed."""

    def __init__(self, model: TensorModel, observers: Sequence[Observer[TensorPrediction]]) -> None:
        self._model = model
        self._observers = observers
        outputs = model.signature.outputs
        # A `tensor` may hold anything.
        self._finite = [output.name for output in outputs if output.kind != "tensor"]
        classified = classified_output(outputs)
        self._classified = classified.name if classified else None

    def together(self, items: Items) -> list[TensorPrediction | Exception]:
        """The prediction or the error of each item, in order."""
        groups: dict[object, list[int]] = defaultdict(list)
        for place, (rows, _, _) in enumerate(items):
            groups[_key(rows.arrays)].append(place)
        found: dict[int, TensorPrediction | Exception] = {}
        for places in groups.values():
            batch: list[int] = []
            size = 0
            for place in places:
                if batch and size + len(items[place][0]) > MAX_ROWS:
                    found.update(self._attempt(items, batch))
                    batch, size = [], 0
                batch.append(place)
                size += len(items[place][0])
            found.update(self._attempt(items, batch))
        return [found[place] for place in range(len(items))]

    def _attempt(self, items: Items, places: list[int]) -> dict[int, TensorPrediction | Exception]:
        try:
            whole = self._pass_over([items[place] for place in places])
        except Exception as error:
            if len(places) == 1:
                return {places[0]: error}
            # One item may cause the error: run alone, only this item fails.
            alone = [self._attempt(items, [place]) for place in places]
            return {place: result for each in alone for place, result in each.items()}
        found: dict[int, TensorPrediction | Exception] = {}
        start = 0
        for place in places:
            end = start + len(items[place][0])
            found[place] = self._checked(TensorPrediction(whole, start, end))
            start = end
        return found

    def _pass_over(self, items: Items) -> TensorPass:
        began = time.perf_counter()
        waited = 0.0
        queued: list[QueuedRequest] = []
        for _, since, followed in items:
            waited += began - since
            if followed is not None:
                followed.passes += 1
                queued.append(followed)
        inputs = _joined([rows.arrays for rows, _, _ in items])
        rows = sum(len(each) for each, _, _ in items)
        started = ended = time.perf_counter()
        error: Exception | None = None
        try:
            outputs = self._model.run(inputs)
            ended = time.perf_counter()
            return TensorPass(inputs, outputs, self._classified)
        except Exception as raised:
            error, ended = raised, time.perf_counter()
            raise
        finally:
            record = PassRecord(
                rows, len(items), waited, began, started, ended, time.perf_counter(), error, queued
            )
            for observer in self._observers:
                observer.passed(record)

    def _checked(self, prediction: TensorPrediction) -> TensorPrediction | Exception:
        for name in self._finite:
            finite = np.isfinite(prediction.output(name))
            if not finite.all():
                row = int(np.argwhere(~finite)[0, 0])
                detail = f"the model's output {name!r} is NaN or infinite for this instance"
                return InvalidInstances([Fault(f"/instances/{row}", detail)])
        return prediction


def _key(arrays: Arrays) -> object:
    return tuple((array.dtype, array.shape[1:]) for array in arrays.values())


def _joined(parts: list[Arrays]) -> Arrays:
    """Arrays of their own, since a module may write to its inputs."""
    if len(parts) == 1:
        return {name: array.copy() for name, array in parts[0].items()}
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
