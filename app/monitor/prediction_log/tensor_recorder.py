"""The observer that adds the answers of a model with any module to the prediction log."""

import time
from collections.abc import Callable, Sequence

from app.monitor.prediction_log.tensor_records import TensorLogRows, TensorRecord
from app.predict import Answered, Observer, TensorPrediction
from stateserve.model import TensorModel


class TensorRecorder(Observer[TensorPrediction]):
    """Makes a record of each part of an answer, and passes it to `append`."""

    def __init__(self, model: TensorModel, append: Callable[[TensorRecord], None]) -> None:
        self._rows = TensorLogRows(model)
        self._append = append

    def answered(self, answered: Sequence[Answered[TensorPrediction]]) -> None:
        for request, prediction, first in answered:
            if request.prediction_id:
                size = prediction.end - prediction.start
                share = (request.prediction_id, request.request_id, first, size)
                self._append(self._rows.record(prediction, time.time(), share))
