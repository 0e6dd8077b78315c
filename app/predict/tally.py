"""What a request was predicted: counted and logged once it is answered, and not before."""

from collections.abc import Iterable, Iterator
from contextvars import ContextVar

from app.predict.pipeline import Inference
from app.predict.prediction import Prediction


class Tally:
    """The predictions of one request, held until its answer leaves.

    Answered is a request whose whole answer was made and handed to its connection while its
    caller was there; whoever is refused, late or gone by then was not, whatever was computed.
    """

    __slots__ = ("held", "prediction_id", "request_id")

    def __init__(self, request_id: bytes, prediction_id: bytes = b"") -> None:
        self.request_id = request_id
        # Under which the prediction log keeps it; empty where it does not.
        self.prediction_id = prediction_id
        # What is to be told, and of what, once it is answered.
        self.held: tuple[Inference, list[Prediction]] | None = None

    def count(self) -> None:
        """To be called in the event loop, when the request is answered."""
        if self.held is None:
            return
        inference, predictions = self.held
        first = 0
        for prediction in predictions:
            inference.answered(self, prediction, first)
            first += prediction.end - prediction.start


# Whoever serves requests sets it, so that what answers them can hold what it predicted.
current_tally: ContextVar[Tally | None] = ContextVar("current_tally", default=None)


def keep(predictions: Iterable[Prediction], kept: list[Prediction]) -> Iterator[Prediction]:
    """The predictions one by one, each also kept, without what was made for its answer alone."""
    for prediction in predictions:
        kept.append(prediction)
        yield prediction
        prediction.whole.drop_lists()
