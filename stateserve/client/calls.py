"""One request and its answer, of any endpoint.

Each call is a generator, like httpx's Auth flows, so Client and AsyncClient share the code. It
builds its request only when it is its turn: the bodies of queued predictions take no memory.
"""

from collections.abc import Callable
from typing import Any

import httpx

from stateserve.client.failures import no_answer, problem_of
from stateserve.client.retries import Attempt, Exchange, T, persist
from stateserve.errors import CheckpointError, NoAnswer
from stateserve.text import MOST_SHOWN


class Calls:
    """`build` is build_request of an httpx client."""

    def __init__(self, build: Callable[..., httpx.Request], patience: float) -> None:
        self._build = build
        self._patience = patience

    def ask(
        self, read: Callable[[bytes], T], path: str, *, method: str = "GET", **parts: Any
    ) -> Exchange[T]:
        return self.answer(lambda response: read(response.content), path, method=method, **parts)

    def answer(
        self, read: Callable[[httpx.Response], T], path: str, *, method: str = "POST", **parts: Any
    ) -> Exchange[T]:
        """Send an idempotent request. Raises Problem or NoAnswer."""
        request = self._request(method, path, **parts)
        response = yield from persist(request, self._patience)
        if not response.is_success:
            raise problem_of(response)
        try:
            return read(response)
        except (ValueError, LookupError, RecursionError, CheckpointError) as error:
            reason = str(error).partition("\n")[0]
            raise NoAnswer(f"{request.url}: not what this client reads: {reason}") from error

    def once(self, path: str) -> Exchange[bool]:
        """Whether a GET succeeds; it is not tried again."""
        outcome = yield Attempt(0, self._request("GET", path))
        return isinstance(outcome, httpx.Response) and outcome.is_success

    def _request(self, method: str, path: str, **parts: Any) -> httpx.Request:
        try:
            return self._build(method, path, **parts)
        except httpx.InvalidURL as error:
            # Such as a tensor's name of 70,000 letters.
            raise no_answer(path[:MOST_SHOWN], error) from None
