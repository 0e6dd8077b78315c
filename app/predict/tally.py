"""Holds the predictions of a request until it is answered; then they are counted and logged."""

from collections.abc import Iterable, Iterator
from contextvars import ContextVar

from app.predict.pipeline import Inference
from app.predict.prediction import Prediction


class Tally:
    """The predictions of one request.

    A request is answered if its whole answer was given to its connection before the client left.
    """

    __slots__ = ("held", "prediction_id", "request_id")

    def __init__(self, request_id: bytes, prediction_id: bytes = b"") -> None:
        self.request_id = request_id
        # The id in the prediction log; empty if the request is not logged.
        self.prediction_id = prediction_id
        # The predictions to report once the request is answered.
        self.held: tuple[Inference, list[Prediction]] | None = None

    def count(self) -> None:
        """Report the predictions; to be called on the event loop when the request is answered."""
        if self.held is None:
            return
        inference, predictions = self.held
        first = 0
        for prediction in predictions:
            inference.answered(self, prediction, first)
            first += prediction.end - prediction.start


# Set for each request by the server, so that its endpoint can store the predictions in it.
current_tally: ContextVar[Tally | None] = ContextVar("current_tally", default=None)


def keep(predictions: Iterable[Prediction], kept: list[Prediction]) -> Iterator[Prediction]:
    """Yield the predictions and append them to `kept`, then free the lists made for the answer."""
    for prediction in predictions:
        kept.append(prediction)
        yield prediction
        prediction.whole.drop_lists()
