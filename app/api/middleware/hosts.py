"""Answer to our own names only, so that no page can reach us by a name of its own."""

import re
from collections.abc import Awaitable, Sequence

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.middleware.request_log import Respond
from app.api.problems import served_path, service_error
from app.errors import UntrustedHost
from app.settings import HOST
from stateserve.text import shown

NAME = re.compile(rf"({HOST})(?::[0-9]*)?".encode())
# Whoever asks a process how it is has its address alone, and learns nothing of the model.
HEALTH = ("/health/", "/v2/health/")


class TrustedHosts:
    """The names that are ours, as Starlette's TrustedHostMiddleware takes them.

    Against DNS rebinding: a page whose own name is made to point here asks with that name.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        """`patterns` are names, `*.example.com` for all below one, or `*` for any."""
        self._names = frozenset(patterns)
        self._suffixes = tuple(name[1:] for name in self._names if name.startswith("*"))

    def require(self, scope: Scope) -> None:
        """Raises UntrustedHost."""
        given = next((value for name, value in scope["headers"] if name == b"host"), b"")
        match = NAME.fullmatch(given.lower())
        host = match[1].decode() if match else ""
        if host not in self._names and not host.endswith(self._suffixes):
            raise UntrustedHost(f"not the service of {shown(given.decode('latin-1'))}")

    def before(self, respond: Respond) -> Respond:
        """`respond`, for requests to us; itself, where every name is ours."""
        if not self._names:
            return respond

        def answer(scope: Scope, receive: Receive) -> Awaitable[Response]:
            self.require(scope)
            return respond(scope, receive)

        return answer


class HostMiddleware:
    """The same before an application."""

    def __init__(self, app: ASGIApp, hosts: TrustedHosts) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["type"] == "http" and not served_path(scope).startswith(HEALTH):
                self._hosts.require(scope)
        except UntrustedHost as error:
            await service_error(served_path(scope), error)(scope, receive, send)
        else:
            await self._app(scope, receive, send)
