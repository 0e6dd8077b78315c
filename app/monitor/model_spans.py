"""Spans of a request's wait in the queue, and of the forward pass that answered it."""

import time
from collections.abc import Callable

from opentelemetry import trace
from opentelemetry.trace import Link, Span, StatusCode, Tracer

from app.predict import Observer, PassRecord, QueuedRequest
from stateserve.model import AnyModel

ROWS = "stateserve.rows"
BATCH_SIZE = "stateserve.batch.requests"


class ModelSpans(Observer[object]):
    """A span `queue` for each request that waits, and a span `forward` for each forward pass.

    Both are created after the pass, with the recorded times.
    """

    follows_queue = True

    def __init__(self, tracer: Tracer, model: AnyModel) -> None:
        self._tracer = tracer
        self._model: dict[str, str | int] = {
            "stateserve.model.name": model.name,
            "stateserve.model.version": model.version,
        }

    def passed(self, record: PassRecord) -> None:
        requests = [_span_of(queued) for queued in record.queued]
        for queued, request in zip(record.queued, requests, strict=True):
            self._describe(request, queued.rows)
        if not requests:
            # A part of a large request, in a thread with its context.
            requests = [trace.get_current_span()]
            requests[0].set_attributes(self._model)
        since_epoch = _since_epoch()
        forward = self._forward(record, requests, since_epoch)
        for queued, request in zip(record.queued, requests, strict=bool(record.queued)):
            # A repeated pass for one request includes no wait.
            if queued.passes == 1:
                links = [Link(forward.get_span_context())]
                queue = self._queue(queued, request, links, since_epoch)
                queue.end(since_epoch(record.began))

    def failed(self, error: BaseException, _seconds: float, queued: QueuedRequest | None) -> None:
        if queued is None or queued.passes:
            return
        request = _span_of(queued)
        self._describe(request, queued.rows)
        queue = self._queue(queued, request, [], _since_epoch())
        queue.set_attribute("error.type", type(error).__name__)
        queue.set_status(StatusCode.ERROR)
        queue.end()

    def _forward(
        self, record: PassRecord, requests: list[Span], since_epoch: Callable[[float], int]
    ) -> Span:
        # Its parent is a recorded request if there is one, so that the span is exported.
        recorded = (each for each in requests if each.get_span_context().trace_flags.sampled)
        forward = self._tracer.start_span(
            "forward",
            trace.set_span_in_context(next(recorded, requests[0])),
            attributes=self._model | {ROWS: record.rows, BATCH_SIZE: len(requests)},
            links=[Link(each.get_span_context()) for each in requests] if record.queued else [],
            start_time=since_epoch(record.began),
        )
        if record.error is not None:
            forward.record_exception(record.error, timestamp=since_epoch(record.ended))
            forward.set_status(StatusCode.ERROR, str(record.error))
        forward.end(since_epoch(record.ended))
        return forward

    def _queue(
        self,
        queued: QueuedRequest,
        request: Span,
        links: list[Link],
        since_epoch: Callable[[float], int],
    ) -> Span:
        return self._tracer.start_span(
            "queue",
            trace.set_span_in_context(request),
            attributes=self._model | {ROWS: queued.rows},
            links=links,
            start_time=since_epoch(queued.since),
        )

    def _describe(self, request: Span, rows: int) -> None:
        if request.is_recording():
            request.set_attributes(self._model | {ROWS: rows})


def _span_of(queued: QueuedRequest) -> Span:
    return queued.context.run(trace.get_current_span)


def _since_epoch() -> Callable[[float], int]:
    """Converts times of time.perf_counter() to nanoseconds since the epoch.

    The two clocks are read once, so that equal times stay equal.
    """
    difference = time.time_ns() - time.perf_counter_ns()
    return lambda moment: difference + round(moment * 1e9)
