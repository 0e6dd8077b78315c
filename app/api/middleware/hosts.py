"""Accepts only the service's own host names, against DNS rebinding.

In this attack, a page's host name resolves to this service, and the page sends requests with its
own name. Starlette's TrustedHostMiddleware cannot exempt health probes, and refuses in plain text
with a 400.
"""

import re
from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.problems import served_path, service_error
from app.errors import UntrustedHost
from app.settings import HOST
from stateserve.text import shown

NAME = re.compile(rf"({HOST})(?::[0-9]*)?".encode())
# An orchestrator probes a process by its IP address, and these paths show nothing of the model.
HEALTH = ("/health/", "/v2/health/")
# The most Host headers that are remembered as trusted.
REMEMBERED = 256


class TrustedHosts:
    """Trusted names, `*.example.com` for all subdomains, `*` for any; an empty list is any."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._names = frozenset(patterns)
        self._suffixes = tuple(name[1:] for name in self._names if name.startswith("*"))
        self._trusted: set[bytes] = set()

    def require(self, given: bytes) -> None:
        """Raise UntrustedHost unless a Host header of this value names the service."""
        if not self._names or given in self._trusted:
            return
        match = NAME.fullmatch(given.lower())
        host = match[1].decode() if match else ""
        if host not in self._names and not host.endswith(self._suffixes):
            raise UntrustedHost(f"not the service of {shown(given.decode('latin-1'))}")
        if len(self._trusted) < REMEMBERED:
            self._trusted.add(given)


class HostMiddleware:
    """Checks the Host header before the application gets the request."""

    def __init__(self, app: ASGIApp, hosts: TrustedHosts) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["type"] == "http" and not served_path(scope).startswith(HEALTH):
                given = (value for name, value in scope["headers"] if name == b"host")
                self._hosts.require(next(given, b""))
        except UntrustedHost as error:
            await service_error(served_path(scope), error)(scope, receive, send)
        else:
            await self._app(scope, receive, send)
