"""Bounds the number of streaming calls, whose clients decide how long they last."""

from collections.abc import AsyncIterator, Callable
from typing import Any

from google.protobuf.message import Message
from grpc.aio import ServicerContext

from app.errors import BodyTooLarge, Overloaded
from app.grpc.errors import status_of
from app.grpc.interceptor import parse
from app.predict import MAX_LOOP_BYTES
from stateserve.errors import StateserveError

# Each counts as one of the server's concurrent calls, and a watcher checks four times a second.
# An orchestrator needs one or two.
MOST_LASTING = 256
Context = ServicerContext[Any, Any]
Answers = AsyncIterator[object]


class Lasting:
    """Refuses streams beyond the limit, and turns errors into a status without a traceback."""

    def __init__(self) -> None:
        self._count = 0

    def around(self, answers: Callable[[Any, "Context"], Answers]) -> Callable[..., Answers]:
        """The handler for gRPC; `answers` may raise a StateserveError."""

        async def stream(requests: object, context: "Context") -> Answers:
            self._count += 1
            try:
                if self._count > MOST_LASTING:
                    raise Overloaded(f"{MOST_LASTING} calls that last; ask again later")
                async for answer in answers(requests, context):
                    yield answer
            except StateserveError as error:
                await context.abort(status_of(type(error)), str(error))
            finally:
                self._count -= 1

        return stream


def parse_short(kind: type[Message], content: bytes) -> Any:
    """Parse on the event loop. Raises BodyTooLarge beyond MAX_LOOP_BYTES, or MalformedBody."""
    if len(content) > MAX_LOOP_BYTES:
        raise BodyTooLarge(f"a message of {len(content)} bytes; at most {MAX_LOOP_BYTES} are taken")
    return parse(kind, content)
