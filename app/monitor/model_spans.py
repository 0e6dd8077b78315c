"""Spans of a request's wait in the queue, and of the forward pass that answered it."""

import time

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
        forward = self._forward(record, requests)
        for queued, request in zip(record.queued, requests, strict=bool(record.queued)):
            # A repeated pass for one request includes no wait.
            if queued.passes == 1:
                links = [Link(forward.get_span_context())]
                self._queue(queued, request, links).end(_unix(record.began))

    def failed(self, error: BaseException, _seconds: float, queued: QueuedRequest | None) -> None:
        if queued is None or queued.passes:
            return
        request = _span_of(queued)
        self._describe(request, queued.rows)
        queue = self._queue(queued, request, [])
        queue.set_attribute("error.type", type(error).__name__)
        queue.set_status(StatusCode.ERROR)
        queue.end()

    def _forward(self, record: PassRecord, requests: list[Span]) -> Span:
        # Its parent is a recorded request if there is one, so that the span is exported.
        recorded = (each for each in requests if each.get_span_context().trace_flags.sampled)
        forward = self._tracer.start_span(
            "forward",
            trace.set_span_in_context(next(recorded, requests[0])),
            attributes=self._model | {ROWS: record.rows, BATCH_SIZE: len(requests)},
            links=[Link(each.get_span_context()) for each in requests] if record.queued else [],
            start_time=_unix(record.began),
        )
        if record.error is not None:
            forward.record_exception(record.error, timestamp=_unix(record.ended))
            forward.set_status(StatusCode.ERROR, str(record.error))
        forward.end(_unix(record.ended))
        return forward

    def _queue(self, queued: QueuedRequest, request: Span, links: list[Link]) -> Span:
        return self._tracer.start_span(
            "queue",
            trace.set_span_in_context(request),
            attributes=self._model | {ROWS: queued.rows},
            links=links,
            start_time=_unix(queued.since),
        )

    def _describe(self, request: Span, rows: int) -> None:
        if request.is_recording():
            request.set_attributes(self._model | {ROWS: rows})


def _span_of(queued: QueuedRequest) -> Span:
    return queued.context.run(trace.get_current_span)


def _unix(moment: float) -> int:
    """Nanoseconds since the epoch for a time of time.perf_counter()."""
    return time.time_ns() - round((time.perf_counter() - moment) * 1e9)
