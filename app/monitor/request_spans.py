"""A span for each request, by OpenTelemetry's conventions for HTTP servers."""

from opentelemetry import propagate, trace
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import SpanKind, StatusCode, Tracer, format_trace_id
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.monitor.access_log import CLIENT_CLOSED_REQUEST, KNOWN_METHODS, UNMATCHED, Access

# Frequent probes are not worth a trace.
UNTRACED = frozenset({"/health/live", "/health/ready", "/metrics"})
# The longest text of a client in a span.
MOST_CHARACTERS = 1024


class RequestSpans:
    """Continues the client's trace (W3C `traceparent`), or starts one."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNTRACED:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        method = _method(scope["method"])
        with self._tracer.start_as_current_span(
            "HTTP" if method == "_OTHER" else method,
            propagate.extract(headers, getter=_HEADERS),
            kind=SpanKind.SERVER,
            attributes=_attributes(scope, headers),
        ):
            await self._app(scope, receive, send)


def describe_answer(access: Access) -> str:
    """Add the answer to the request's span; returns the id of its trace, or an empty string."""
    span = trace.get_current_span()
    context = span.get_span_context()
    if access.route != UNMATCHED:
        span.update_name(f"{_method(access.method)} {access.route}")
        span.set_attribute("http.route", access.route)
    if access.status == CLIENT_CLOSED_REQUEST:
        # No answer was sent, so there is no status code.
        span.set_attribute("error.type", "ClientDisconnect")
        span.set_status(StatusCode.ERROR)
    else:
        span.set_attribute("http.response.status_code", access.status)
    if access.status >= 500:
        span.set_attribute("error.type", str(access.status))
        span.set_status(StatusCode.ERROR)
    return format_trace_id(context.trace_id) if context.is_valid else ""


class _HeadersGetter(Getter[Headers]):
    def get(self, carrier: Headers, key: str) -> list[str] | None:
        return carrier.getlist(key) or None

    def keys(self, carrier: Headers) -> list[str]:
        return carrier.keys()


_HEADERS = _HeadersGetter()


def _method(method: str) -> str:
    return method if method in KNOWN_METHODS else "_OTHER"


def _attributes(scope: Scope, headers: Headers) -> dict[str, str | int]:
    method = _method(scope["method"])
    attributes: dict[str, str | int] = {
        "http.request.method": method,
        "url.scheme": scope["scheme"],
        "url.path": scope["path"][:MOST_CHARACTERS],
        "network.protocol.version": scope["http_version"],
    }
    if method != scope["method"]:
        attributes["http.request.method_original"] = scope["method"][:MOST_CHARACTERS]
    if scope["query_string"]:
        attributes["url.query"] = scope["query_string"].decode("latin-1")[:MOST_CHARACTERS]
    if agent := headers.get("user-agent"):
        attributes["user_agent.original"] = agent[:MOST_CHARACTERS]
    address, port = scope.get("server") or (None, None)
    if address:
        attributes["server.address"] = address
    if port:
        attributes["server.port"] = port
    return attributes
