"""The forward pass of any module over the rows of several requests, checked and observed."""

import time
from collections.abc import Hashable, Sequence
from itertools import accumulate, pairwise

import numpy as np

from app.errors import InvalidInstances
from app.predict.observer import Observer, PassRecord, QueuedRequest
from app.predict.pipeline import Item
from app.predict.tensors.padding import Padding
from app.predict.tensors.pass_cost import PassCost
from app.predict.tensors.prediction import TensorPass, TensorPrediction
from app.predict.tensors.rows import TensorRows
from app.predict.tensors.training_ranges import TrainingRanges
from stateserve.errors import Fault
from stateserve.model import ANY, Arrays, TensorModel, classified_output

Items = Sequence[Item[TensorRows]]


class TensorForward:
    """Runs a model on rows that may share a pass: of one shape, or of one that `padding` makes."""

    def __init__(self, model: TensorModel, observers: Sequence[Observer[TensorPrediction]]) -> None:
        self.cost = PassCost()
        self._model = model
        self._observers = observers
        self._padding: Padding | None = None
        self._prepared = False
        self._varies = any(ANY in each.row_shape for each in model.signature.inputs)
        outputs = model.signature.outputs
        # A `tensor` may hold anything.
        self._finite = [output.name for output in outputs if output.kind != "tensor"]
        classified = classified_output(outputs)
        self._classified = classified.name if classified else None
        self._ranges = TrainingRanges.of(model.signature.inputs)

    def prepare(self) -> None:
        """Measure the forward pass and try padding, in the process that serves the model."""
        if not self._prepared:
            self._prepared = True
            self.cost.measure(self._model)
            self._padding = Padding.of(self._model)

    def key_of(self, rows: TensorRows) -> Hashable:
        """Rows with equal keys may share a pass. Their dtypes are those of the signature."""
        if not self._varies:
            return None
        arrays = rows.arrays
        bucket = self._padding.bucket(arrays) if self._padding else None
        return bucket or tuple(array.shape[1:] for array in arrays.values())

    def together(self, items: Items) -> Sequence[TensorPrediction | Exception]:
        """The prediction or the error of each item, in order."""
        self.prepare()
        try:
            outputs = self._pass_over(items)
        except Exception as error:
            if len(items) == 1:
                return [error]
            # One item may cause the error; the half without it succeeds.
            half = len(items) // 2
            return [*self.together(items[:half]), *self.together(items[half:])]
        return self._checked(outputs, items, self._shares(outputs, items))

    def _pass_over(self, items: Items) -> Arrays:
        began = time.perf_counter()
        waited = 0.0
        rows = requests = size = 0
        queued: list[QueuedRequest] = []
        for part, since, followed in items:
            waited += began - since
            rows += len(part)
            size += part.nbytes
            requests += part.last
            if followed is not None:
                followed.passes += 1
                queued.append(followed)
        started = ended = time.perf_counter()
        error: Exception | None = None
        try:
            found = self._model.run(self._joined([part.arrays for part, _, _ in items]))
            # A module may return its input, a parameter or a buffer, which it changes later.
            outputs = {name: array.copy() for name, array in found.items()}
            ended = time.perf_counter()
            self.cost.learn(size, ended - began, sum(array.nbytes for array in outputs.values()))
            return outputs
        except Exception as raised:
            error, ended = raised, time.perf_counter()
            raise
        finally:
            record = PassRecord(
                rows, requests, waited, began, started, ended, time.perf_counter(), error, queued
            )
            for observer in self._observers:
                observer.passed(record)

    def _joined(self, parts: Sequence[Arrays]) -> Arrays:
        """Arrays of their own, since a module may write to its inputs."""
        if self._padding and len(parts) > 1:
            return self._padding.join(parts)
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _shares(self, outputs: Arrays, items: Items) -> list[TensorPrediction]:
        parts = [part.arrays for part, _, _ in items]
        ends = list(accumulate(len(part) for part, _, _ in items))
        rows = list(pairwise([0, *ends]))
        if self._padding:
            lengths = list(map(self._padding.length, parts))
            if len(set(lengths)) > 1:
                return [
                    self._share_of(self._padding.cut(outputs, slice(*own), length or 0), part)
                    for own, length, part in zip(rows, lengths, parts, strict=True)
                ]
        whole = TensorPass(parts, outputs, self._classified, self._ranges)
        return [TensorPrediction(whole, start, end) for start, end in rows]

    def _share_of(self, outputs: Arrays, part: Arrays) -> TensorPrediction:
        whole = TensorPass([part], outputs, self._classified, self._ranges)
        return TensorPrediction(whole, 0, len(next(iter(outputs.values()))))

    def _checked(
        self, outputs: Arrays, items: Items, shares: list[TensorPrediction]
    ) -> Sequence[TensorPrediction | Exception]:
        # A search in the bytes takes a third of the time of np.all or np.any.
        wrong = [n for n in self._finite if b"\0" in np.isfinite(outputs[n]).tobytes()]
        if not wrong:
            return shares
        return [
            self._fault(wrong, share, part) or share
            for share, (part, _, _) in zip(shares, items, strict=True)
        ]

    def _fault(
        self, names: list[str], share: TensorPrediction, part: TensorRows
    ) -> InvalidInstances | None:
        for name in names:
            finite = np.isfinite(share.output(name))
            if not finite.all():
                place = part.place(int(np.argwhere(~finite)[0, 0]))
                detail = f"the model's output {name!r} is NaN or infinite for this instance"
                return InvalidInstances([Fault(f"/instances/{place}", detail)])
        return None
