"""The observer that adds answers to the prediction log."""

import time
from collections.abc import Callable, Sequence

from app.monitor.prediction_log.records import Record, Rows
from app.predict import Answered, Observer, Prediction
from stateserve.model import Predictor

# The most rows of a large request in one record.
SLICE_ROWS = 1000


class PredictionRecorder(Observer[Prediction]):
    """Makes records of answers and passes them to `append`."""

    def __init__(self, predictor: Predictor, append: Callable[[Record], None]) -> None:
        self._rows = Rows(predictor)
        self._append = append

    def answered(self, answered: Sequence[Answered[Prediction]]) -> None:
        record, last, following = None, None, 0
        for request, (whole, start, end), first in answered:
            if not request.prediction_id:
                continue
            for at in range(start, end, SLICE_ROWS):
                size = min(SLICE_ROWS, end - at)
                # Adjacent requests of a forward pass share a record, in half the time.
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
