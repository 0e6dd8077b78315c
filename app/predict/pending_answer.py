"""Holds the predictions of a request until it is answered; then they are counted and logged."""

from collections.abc import Callable
from contextvars import ContextVar

from app.predict.observer import AnsweredRequest


class PendingAnswer:
    """The predictions of one request.

    A request is answered if its whole answer was given to its connection before the client left.
    """

    __slots__ = ("held", "prediction_id", "request_id")

    def __init__(self, request_id: bytes, prediction_id: bytes = b"") -> None:
        self.request_id = request_id
        # The id in the prediction log; empty if the request is not logged.
        self.prediction_id = prediction_id
        # Reports the predictions once the request is answered.
        self.held: Callable[[AnsweredRequest], None] | None = None

    def count(self) -> None:
        """Report the predictions; to be called on the event loop when the request is answered."""
        if self.held is not None:
            self.held(self)


# Set for each request by the server, so that its endpoint can store the predictions in it.
current_answer: ContextVar[PendingAnswer | None] = ContextVar("current_answer", default=None)
