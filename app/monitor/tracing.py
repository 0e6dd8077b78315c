"""Exports OpenTelemetry traces, configured only by the standard variables (OTEL_*)."""

import os
import threading

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer

from app.errors import SettingsError

NAME = "stateserve"
# Less than GRACE_SECONDS of the supervisor (app/server/supervisor.py).
LONGEST_CLOSE_SECONDS = 3
# The first value of each is OpenTelemetry's default, or ours where it leaves a choice.
ACCEPTED = {
    "OTEL_TRACES_EXPORTER": ("otlp", "none"),
    "OTEL_EXPORTER_OTLP_PROTOCOL": ("http/protobuf",),
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": ("http/protobuf",),
}


class Tracing:
    """The tracer provider of one application; two applications in a process share no spans.

    The constructor starts no thread, so that worker processes may still be forked; `start` does.
    Raises SettingsError for a variable with an unsupported value.
    """

    def __init__(self) -> None:
        self._exports = _choice("OTEL_TRACES_EXPORTER") == "otlp"
        for name in ACCEPTED:
            _choice(name)
        self.provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)

    @property
    def tracer(self) -> Tracer:
        return self.provider.get_tracer("app")

    def start(self) -> None:
        """Export the spans that end from now on, from a thread."""
        if self._exports:
            self.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))

    def close(self) -> None:
        """Export the remaining spans; after LONGEST_CLOSE_SECONDS the rest is lost."""
        # The exporter tries to reach a missing collector for its own, longer timeout.
        closing = threading.Thread(target=self.provider.shutdown, daemon=True)
        closing.start()
        closing.join(LONGEST_CLOSE_SECONDS)


def _choice(name: str) -> str:
    accepted = ACCEPTED[name]
    given = os.environ.get(name, "").strip().lower() or accepted[0]
    if given not in accepted:
        raise SettingsError(f"{name} {given!r}: this service speaks {' or '.join(accepted)}")
    return given


def _resource() -> Resource:
    named = SERVICE_NAME in OTELResourceDetector().detect().attributes
    return Resource.create({} if named else {SERVICE_NAME: NAME})
