"""Spans of a request's wait for the model, and of the forward pass that answered it."""

from contextlib import AbstractContextManager
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Link, Span, StatusCode, Tracer

from app.predict import Batcher, Execution, ForwardPass, PassOver, Prediction, Run, Waiter
from stateserve.model import Predictor
from stateserve.model.architectures import FloatArray

ROWS = "stateserve.rows"
BATCH_SIZE = "stateserve.batch.requests"
Attributes = dict[str, str | int]


class TracedExecution(Execution):
    """A span `queue` for each request that waits, and a span `forward` for each forward pass."""

    def __init__(self, tracer: Tracer, predictor: Predictor) -> None:
        self._tracer = tracer
        self._model: Attributes = {
            "stateserve.model.name": predictor.name,
            "stateserve.model.version": predictor.version,
        }

    def batcher(
        self, run: Run[FloatArray, Prediction], max_pending: int
    ) -> Batcher[FloatArray, Prediction]:
        return _TracedBatcher(run, max_pending, self._tracer, self._model)

    def alone(self, pass_over: PassOver) -> PassOver:
        def traced(rows: FloatArray, first: int) -> ForwardPass:
            trace.get_current_span().set_attributes(self._model)
            attributes = self._model | {ROWS: len(rows), BATCH_SIZE: 1}
            with self._tracer.start_as_current_span("forward", attributes=attributes):
                return pass_over(rows, first)

        return traced


class _Queued:
    """What one request waits with, in its batch; ended once, by whatever comes first."""

    def __init__(self, item: FloatArray, request: Span, queue: Span) -> None:
        self.item = item
        self.request = request
        self.queue = queue

    def leave(self, reason: str = "") -> None:
        if self.queue.is_recording():
            if reason:
                self.queue.set_attribute("error.type", reason)
                self.queue.set_status(StatusCode.ERROR)
            self.queue.end()


class _TracedBatcher(Batcher[Any, Prediction]):
    """Forward passes belong to a trace of one of the requests they answer, and link to all."""

    def __init__(
        self,
        run: Run[FloatArray, Prediction],
        max_pending: int,
        tracer: Tracer,
        model: Attributes,
    ) -> None:
        # Closures over these, not methods: a cycle would outlive the last reference.
        def traced(batch: list[_Queued]) -> list[Prediction]:
            with _forward_span(tracer, model, batch) as span:
                for queued in batch:
                    queued.queue.add_link(span.get_span_context())
                    queued.leave()
                return run([queued.item for queued in batch])

        super().__init__(traced, max_pending=max_pending)
        self._tracer = tracer
        self._model = model

    def put(
        self, item: FloatArray, waiter: Waiter[Prediction], deadline: float | None = None
    ) -> None:
        request = trace.get_current_span()
        asked = self._model | {ROWS: len(item)}
        request.set_attributes(asked)
        queued = _Queued(item, request, self._tracer.start_span("queue", attributes=asked))
        try:
            super().put(queued, _TracedWaiter(waiter, queued), deadline)
        except Exception as error:
            queued.leave(type(error).__name__)
            raise


class _TracedWaiter:
    """Ends the wait of those who are never computed, too."""

    def __init__(self, waiter: Waiter[Prediction], queued: _Queued) -> None:
        self._waiter = waiter
        self._queued = queued

    def done(self) -> bool:
        done = self._waiter.done()
        if done:
            self._queued.leave("cancelled")
        return done

    def set_result(self, result: Prediction) -> None:
        self._waiter.set_result(result)

    def set_exception(self, error: BaseException) -> None:
        self._queued.leave(type(error).__name__)
        self._waiter.set_exception(error)


def _forward_span(
    tracer: Tracer, model: Attributes, batch: list[_Queued]
) -> AbstractContextManager[Span]:
    requests = [queued.request for queued in batch]
    # In the trace of one who is recorded, if any is: else nobody would find it.
    parent = next((each for each in requests if each.is_recording()), requests[0])
    rows = sum(len(queued.item) for queued in batch)
    return tracer.start_as_current_span(
        "forward",
        trace.set_span_in_context(parent),
        attributes=model | {ROWS: rows, BATCH_SIZE: len(batch)},
        links=[Link(request.get_span_context()) for request in requests],
    )
