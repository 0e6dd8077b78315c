"""One HTTP request, as the probe sends it once and wrk sends it over and over."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx


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
        response = httpx.request(
            self.method, self.url, content=self.body, headers=dict(self.headers), timeout=timeout
        )
        return response.raise_for_status().content
