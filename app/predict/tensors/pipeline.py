"""The pipeline of a model with any module: rows of equal dtypes and shapes share a pass."""

import asyncio
from collections.abc import Callable, Iterator, Sequence

from app.predict.deadline import Deadline
from app.predict.observer import Observer
from app.predict.pipeline import Pipeline
from app.predict.tensors.batching import TensorBatcher
from app.predict.tensors.forward import TensorForward
from app.predict.tensors.prediction import TensorPrediction
from app.predict.tensors.rows import TensorRows
from stateserve.model import TensorModel

# Larger outputs may block the event loop for too long while they are encoded.
MOST_OUTPUT_BYTES = 16 * 1024


class TensorPipeline(Pipeline[TensorRows, TensorPrediction]):
    """Predicts rows of one group; `predict_all` predicts those of any request.

    Raises ForwardFailed, or InvalidInstances for an output that is not finite.
    """

    _batcher: TensorBatcher

    def __init__(
        self,
        model: TensorModel,
        observers: Sequence[Observer[TensorPrediction]] = (),
        max_pending: int = 4096,
    ) -> None:
        self.model = model
        self._forward = TensorForward(model, tuple(observers))
        super().__init__(TensorBatcher(self._forward, max_pending), observers)

    def warm_up(self) -> None:
        """Measure the forward pass, as the first request would."""
        self._forward.prepare()

    def fits(self, rows: TensorRows) -> bool:
        """Whether these rows are one part of a pass, with outputs of a few kilobytes."""
        return (
            len(rows.groups) == 1
            and rows.nbytes * self._forward.cost.output_ratio <= MOST_OUTPUT_BYTES
            and (len(rows) == 1 or len(rows) <= self.most_rows(rows))
        )

    def most_rows(self, rows: TensorRows) -> int:
        """The number of these rows, of one group, that should join the next pass."""
        return self._batcher.most_rows(rows.nbytes // len(rows))

    async def predict_all(
        self,
        rows: TensorRows,
        keep: Callable[[TensorPrediction], None],
        deadline: Deadline | None = None,
    ) -> None:
        """Predict the rows of one request, group after group, in parts that fit into a pass.

        `keep` gets the predictions in order. Only as many parts wait at a time as fill a pass, so
        that other requests have their turn. Raises the errors of `predict` and of `keep`.
        """
        for parts in self._passes(rows):
            if len(parts) == 1:
                keep(await self.predict(parts[0], deadline))
                continue
            tasks = [asyncio.ensure_future(self.predict(part, deadline)) for part in parts]
            try:
                for prediction in await asyncio.gather(*tasks):
                    keep(prediction)
            finally:
                for task in tasks:
                    task.cancel()

    def _passes(self, rows: TensorRows) -> Iterator[list[TensorRows]]:
        """The parts of a request, in lists with about as many rows as a pass."""
        parts: list[TensorRows] = []
        count = 0
        for part in rows.parts(self.most_rows):
            parts.append(part)
            count += len(part)
            if count >= self.most_rows(part):
                yield parts
                parts, count = [], 0
        if parts:
            yield parts
