"""One HTTP request, as the probe sends it once and wrk sends it over and over."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

# One for all, and without keep-alive: a new client costs 20 ms, and the next server may have
# the port of the last one.
_client = httpx.Client(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


@dataclass(frozen=True)
class Request:
    """A GET where there is no body, else a POST."""

    url: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})

    @property
    def method(self) -> str:
        return "POST" if self.body else "GET"

    def send(self, timeout: float = 10.0) -> bytes:
        """The answer's body. Raises httpx.HTTPError for no answer, or one that is not 2xx."""
        response = _client.request(
            self.method, self.url, content=self.body, headers=dict(self.headers), timeout=timeout
        )
        return response.raise_for_status().content
