"""Bounds the number of streaming calls, whose clients decide how long they last."""

from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from grpc.aio import ServicerContext

from app.errors import BodyTooLarge, Overloaded
from app.grpc.errors import status_of
from app.grpc.interceptor import MessageType, parse
from app.predict import MAX_LOOP_BYTES
from stateserve.errors import StateserveError

# Each counts as one of the server's concurrent calls, and a watcher checks four times a second.
# An orchestrator needs one or two.
MOST_LASTING = 256
Context = ServicerContext[bytes, bytes]
Request = TypeVar("Request")
Answer = TypeVar("Answer")


class Lasting:
    """Refuses streams beyond the limit, and turns errors into a status without a traceback."""

    def __init__(self) -> None:
        self._count = 0

    def around(
        self, answers: Callable[[Request, Context], AsyncIterator[Answer]]
    ) -> Callable[[Request, Context], AsyncIterator[Answer]]:
        """The handler for gRPC; `answers` may raise a StateserveError."""

        async def stream(requests: Request, context: Context) -> AsyncIterator[Answer]:
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


def parse_short(kind: type[MessageType], content: bytes) -> MessageType:
    """Parse on the event loop. Raises BodyTooLarge beyond MAX_LOOP_BYTES, or MalformedBody."""
    if len(content) > MAX_LOOP_BYTES:
        raise BodyTooLarge(f"a message of {len(content)} bytes; at most {MAX_LOOP_BYTES} are taken")
    return parse(kind, content)
