"""Calls that last as long as their client likes: how many there are is bounded."""

from collections.abc import AsyncIterator, Callable
from typing import Any

from google.protobuf.message import Message
from grpc.aio import ServicerContext

from app.errors import BodyTooLarge, Overloaded
from app.grpc.errors import status_of
from app.grpc.interceptor import parse
from app.predict import MAX_LOOP_BYTES
from stateserve.errors import StateserveError

# Each holds one of the calls that the server takes at a time, and a watcher asks four times a
# second. An orchestrator has one or two.
MOST_LASTING = 256
Context = ServicerContext[Any, Any]
Answers = AsyncIterator[Any]


class Lasting:
    """Refuse what is too many, too long or no message, as a status and without a traceback."""

    def __init__(self) -> None:
        self._count = 0

    def around(self, answers: Callable[[Any, "Context"], Answers]) -> Callable[..., Answers]:
        """What gRPC calls with what the client sends; `answers` may raise a StateserveError."""

        async def stream(asked: Any, context: "Context") -> Answers:
            self._count += 1
            try:
                if self._count > MOST_LASTING:
                    raise Overloaded(f"{MOST_LASTING} calls that last; ask again later")
                async for answer in answers(asked, context):
                    yield answer
            except StateserveError as error:
                await context.abort(status_of(type(error)), str(error))
            finally:
                self._count -= 1

        return stream


def parse_short(kind: type[Message], content: bytes) -> Any:
    """Raises BodyTooLarge, for it is parsed on the event loop, or MalformedBody."""
    if len(content) > MAX_LOOP_BYTES:
        raise BodyTooLarge(f"a message of {len(content)} bytes; at most {MAX_LOOP_BYTES} are taken")
    return parse(kind, content)
