"""One request and its answer, of any endpoint.

Each call is a generator, like httpx's Auth flows, so Client and AsyncClient share the code. It
builds its request only when it is its turn: the bodies of queued predictions take no memory.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from stateserve.client.connection import MOST_BYTES, MOST_LISTED, seconds_of
from stateserve.client.explanations import Choices
from stateserve.client.failures import no_answer, problem_of
from stateserve.client.predictions import PredictOptions, Target
from stateserve.client.retries import Attempt, Exchange, T, persist
from stateserve.errors import CheckpointError, ClientError, NoAnswer
from stateserve.text import MOST_SHOWN, printable

CHANGED = "is this the address of stateserve, and does a proxy change its answers?"
SENT = "a media type is ASCII, and options are texts or numbers"
MOST_REASON = 300
# What readers of a broken answer raise.
UNREADABLE = (
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    RecursionError,
    CheckpointError,
    MemoryError,
)


class Calls:
    """`build` is build_request of an httpx client. Raises ClientError for another patience or
    total_timeout."""

    def __init__(
        self, build: Callable[..., httpx.Request], patience: float, total_timeout: float | None
    ) -> None:
        if not (isinstance(patience, int | float) and patience >= 0):
            raise ClientError(f"patience is a number of seconds, 0 or more, not {patience!r:.100}")
        self._build = build
        self._patience = min(patience, seconds_of(total_timeout))

    def ask(
        self, read: Callable[[bytes], T], path: str, *, method: str = "GET", **parts: Any
    ) -> Exchange[T]:
        return self.answer(lambda response: read(response.content), path, method=method, **parts)

    def answer(
        self,
        read: Callable[[httpx.Response], T],
        path: str,
        *,
        method: str = "POST",
        most_bytes: int = MOST_LISTED,
        **parts: object,
    ) -> Exchange[T]:
        """Send an idempotent request, whose answer has at most `most_bytes`. Raises Problem or
        NoAnswer."""
        request = self._request(method, path, extensions={MOST_BYTES: most_bytes}, **parts)
        response = yield from persist(request, self._patience)
        if not response.is_success:
            raise problem_of(response)
        with reading(request.url):
            return read(response)

    def once(self, path: str) -> Exchange[bool]:
        """Whether a GET succeeds; it is not tried again."""
        outcome = yield Attempt(0, self._request("GET", path))
        return isinstance(outcome, httpx.Response) and outcome.is_success

    def _request(self, method: str, path: str, **parts: object) -> httpx.Request:
        try:
            return self._build(method, path, **parts)
        except httpx.InvalidURL as error:
            # Such as a tensor's name of 70,000 letters.
            raise no_answer(path[:MOST_SHOWN], error) from None
        except (TypeError, ValueError) as error:
            # Such as a media type that is not ASCII.
            reason = printable(str(error))[:MOST_REASON]
            raise ClientError(f"{path[:MOST_SHOWN]}: not sent: {reason}; {SENT}") from None


@contextmanager
def reading(url: object) -> Iterator[None]:
    """A context in which the answer of `url` is read: its faults become NoAnswer."""
    try:
        yield
    except UNREADABLE as error:
        reason = printable(str(error).partition("\n")[0])[:MOST_REASON] or type(error).__name__
        raise NoAnswer(f"{url}: not what this client reads: {reason}; {CHANGED}") from error


def query_of(options: Mapping[str, object]) -> dict[str, str]:
    """The query parameters of options that are given; model and version stand in the path."""
    return {
        name: str(wanted).lower() if isinstance(wanted, bool) else str(wanted)
        for name, wanted in options.items()
        if wanted is not None and wanted is not False and name not in ("model", "version")
    }


def target_of(options: PredictOptions | Choices) -> Target:
    return {"model": options.get("model"), "version": options.get("version")}
