"""One HTTP request: the probe sends it once, wrk repeatedly."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

FLOWER = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
# One client for all requests, since a new one costs 20 ms; without keep-alive, since the next
# server may have the same port.
_client = httpx.Client(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


@dataclass(frozen=True)
class Request:
    """GET without a body, else POST."""

    url: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})

    @property
    def method(self) -> str:
        return "POST" if self.body else "GET"

    def send(self, timeout: float = 10.0) -> bytes:
        """The answer's body. Raises httpx.HTTPError without an answer of status 2xx."""
        response = _client.request(
            self.method, self.url, content=self.body, headers=dict(self.headers), timeout=timeout
        )
        return response.raise_for_status().content


def flower_request(port: int) -> Request:
    """One flower for /predict, for the service or the echo."""
    return Request(f"http://127.0.0.1:{port}/predict", json.dumps(FLOWER).encode())
