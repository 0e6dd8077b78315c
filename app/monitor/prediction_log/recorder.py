"""Inference that also records, for whatever protocol calls it."""

import time
from collections.abc import Callable

from app.monitor.metrics import Metrics
from app.monitor.prediction_log.records import Record, Rows
from app.predict import Execution, Inference, Told
from stateserve.model import Predictor

# Rows of a large request that are written at once.
SLICE_ROWS = 1000


class RecordingInference(Inference):
    """Hands what was answered to `append`."""

    def __init__(
        self,
        predictor: Predictor,
        metrics: Metrics,
        max_pending: int,
        execution: Execution,
        append: Callable[[Record], None],
    ) -> None:
        super().__init__(predictor, metrics, max_pending, execution)
        self._rows = Rows(predictor)
        self._append = append

    def _settle(self, told: list[Told]) -> None:
        super()._settle(told)
        record, last, following = None, None, 0
        for request, (whole, start, end), first in told:
            if not request.prediction_id:
                continue
            for at in range(start, end, SLICE_ROWS):
                size = min(SLICE_ROWS, end - at)
                # Neighbours in a forward pass are one record: one for each costs twice as much.
                if record is None or whole is not last or at != following or size == SLICE_ROWS:
                    if record is not None:
                        self._append(record)
                    arrays = (whole.rows, whole.probabilities, whole.indices)
                    record = Record(self._rows, time.time(), *arrays, at, 0, [])
                share = (request.prediction_id, request.request_id, first + at - start, size)
                record.shares.append(share)
                record.size += size
                last, following = whole, at + size
        if record is not None:
            self._append(record)
