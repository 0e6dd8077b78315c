"""Wraps every call: request id, access check, metrics, log line, and a status for each error."""

import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from google.protobuf.message import DecodeError, Message
from grpc import StatusCode
from grpc.aio import ServicerContext

from app.api import Service
from app.api.auth import Guard
from app.api.middleware import PREDICTION_ID, UNRECORDED, RequestIds
from app.errors import MalformedBody, NoThread
from app.grpc import open_inference_pb2 as pb
from app.grpc.errors import status_of
from app.grpc.wire_limits import MODEL_INFER, require_quick_to_parse
from app.predict import MAX_LOOP_BYTES, Deadline, Headers, PendingAnswer, current_answer
from stateserve.errors import StateserveError

logger = logging.getLogger("app.access")
MessageType = TypeVar("MessageType", bound=Message)
# The text of a status is a header, and clients accept at most 8 KiB of headers.
MAX_DETAIL = 1000


class Call:
    """The metadata and deadline of a call; `size` is the length of its message in bytes."""

    def __init__(self, context: "ServicerContext[bytes, bytes]", size: int = 0) -> None:
        self._context = context
        self.size = size
        # gRPC sends metadata as HTTP headers.
        self.fields = [
            (name.encode(), value if isinstance(value, bytes) else value.encode())
            for name, value in context.invocation_metadata() or ()
        ]
        self.headers: Headers = dict(self.fields)

    def deadline(self, default: float) -> Deadline | None:
        """The client's deadline, else one after `default` seconds; None if `default` is 0."""
        left = self._context.time_remaining()
        seconds = default if left is None else left
        return Deadline(seconds) if seconds or left is not None else None


# The HTTP route of each method, which needs the same scope of a key.
ROUTES = {
    "ServerLive": "/v2/health/live",
    "ServerReady": "/v2/health/ready",
    "Check": "/health/ready",
    "ServerMetadata": "/v2",
    "ModelReady": "/ready",
    "ModelMetadata": "",
    "ModelInfer": "/infer",
    "ModelConfig": "/config",
    "ModelStatistics": "/stats",
    "RepositoryIndex": "/v2/repository/index",
    "RepositoryModelLoad": "/v2/repository/models/{model}/load",
    "RepositoryModelUnload": "/v2/repository/models/{model}/unload",
}
# As PROBES in app/monitor/access_log.py.
PROBES = frozenset({"Check", "ServerLive", "ServerReady", "ModelReady"})
# A verb with a long answer serializes it itself.
Verb = Callable[..., Awaitable[Message | bytes]]


class Calls:
    """Checks keys, sets `x-request-id`, logs and counts; exceptions appear only in the log."""

    def __init__(self, service: Service, guard: Guard, path: str) -> None:
        self._guard = guard
        self._metrics = service.metrics
        self._large = service.large
        self._path = path
        self._logged = service.log is not None
        self._request_ids = RequestIds()
        # The number of calls so far.
        self.begun = 0

    def around(
        self, name: str, verb: Verb, kind: type[Message]
    ) -> Callable[[bytes, "ServicerContext[bytes, bytes]"], Awaitable[bytes]]:
        """The handler for gRPC: from the bytes of a message to those of the answer."""

        async def answer(content: bytes, context: "ServicerContext[bytes, bytes]") -> bytes:
            started = time.perf_counter()
            self.begun += 1
            call = Call(context, len(content))
            pending = self._pending(call)
            request_id = pending.request_id.decode()
            trailing = [("x-request-id", request_id)]
            context.set_trailing_metadata(tuple(trailing))
            status, detail, answered = StatusCode.CANCELLED, "", b""
            try:
                self._guard.require(
                    ROUTES[name], call.fields, pending.request_id, f"/{self._path}/{name}"
                )
                message = await self._read(kind, content)
                reply = await verb(message, call)
                answered = reply if isinstance(reply, bytes) else reply.SerializeToString()
                status = StatusCode.OK
                if pending.prediction_id and pending.held:
                    trailing.append((PREDICTION_ID.decode(), pending.prediction_id.decode()))
                    context.set_trailing_metadata(tuple(trailing))
                pending.count()
            except StateserveError as error:
                status, detail = status_of(type(error)), str(error)
            except Exception as error:
                if NoThread.causes(error):
                    status, detail = status_of(NoThread), str(NoThread())
                else:
                    logger.exception("unexpected error", extra={"request_id": request_id})
                    status = StatusCode.INTERNAL
                    detail = f"an unexpected error; it is in the log under request id {request_id}"
            finally:
                self._record(name, request_id, status, time.perf_counter() - started)
            if status is not StatusCode.OK:
                # gRPC percent-encodes a byte that is not ASCII as three bytes.
                await context.abort(status, detail.encode()[:MAX_DETAIL].decode(errors="ignore"))
            return answered

        return answer

    def _pending(self, call: Call) -> PendingAnswer:
        """A new pending answer in the context of this call: each call has its own task."""
        logged = self._logged and UNRECORDED not in call.fields
        ids = self._request_ids
        pending = PendingAnswer(ids.of(call.fields), ids.make() if logged else b"")
        current_answer.set(pending)
        return pending

    async def _read(self, kind: type[Message], content: bytes) -> Message:
        if len(content) <= MAX_LOOP_BYTES:
            return parse(kind, content)
        return await self._large.run(partial(_parse_large, kind, content))

    def _record(self, name: str, request_id: str, status: StatusCode, seconds: float) -> None:
        self._metrics.rpcs.labels(name, status.name).inc()
        self._metrics.rpc_latency.labels(name).observe(seconds)
        fields = {
            "request_id": request_id,
            "method": "gRPC",
            "path": f"/{self._path}/{name}",
            "status": status.name,
            "milliseconds": round(seconds * 1000, 3),
        }
        quiet = name in PROBES and status is StatusCode.OK
        logger.log(logging.DEBUG if quiet else logging.INFO, "request", extra=fields)


def _parse_large(kind: type[Message], content: bytes) -> Message:
    require_quick_to_parse(content, MODEL_INFER if kind is pb.ModelInferRequest else {})
    return parse(kind, content)


def parse(kind: type[MessageType], content: bytes) -> MessageType:
    """Raises MalformedBody."""
    try:
        return kind.FromString(content)
    except DecodeError as error:
        raise MalformedBody(str(error), 0, "protobuf") from None
