"""The endpoint that is measured, and single requests to it."""

import json
import ssl
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Self
from urllib.parse import urlsplit

from app.errors import InvalidOption
from stateserve.errors import StateserveError

TIMEOUT_SECONDS = 30
PREDICT = "/predict"


class BenchFailed(StateserveError):
    """The service cannot be measured; the text says why."""


@dataclass(frozen=True)
class Target:
    """An address of HTTP. `query` has its question mark, `key` is sent as a bearer token."""

    scheme: str
    host: str
    port: int
    path: str
    query: str = ""
    key: str | None = None

    @classmethod
    def of(cls, url: str, key: str | None, *, whole: bool) -> Self:
        """Of the address of a service or a model, the target is its /predict.

        With `whole`, a path stands as it is. Raises InvalidOption.
        """
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError as error:
            raise InvalidOption(f"URL {url!r}: {error}") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidOption(f"URL {url!r}: needs an address such as http://127.0.0.1:8000")
        path = parts.path.rstrip("/")
        if not path.endswith(PREDICT) and not (whole and path):
            path += PREDICT
        query = f"?{parts.query}" if parts.query else ""
        return cls(parts.scheme, parts.hostname, port, path, query, key)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self._netloc}{self.path}{self.query}"

    @property
    def tls(self) -> ssl.SSLContext | None:
        return ssl.create_default_context() if self.scheme == "https" else None

    @property
    def _netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def _headers(self) -> dict[str, str]:
        authorization = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return {"Host": self._netloc, "Accept": "*/*", **authorization}

    def message(self, body: bytes, media_type: str) -> bytes:
        """A whole request, as HTTP/1.1 writes it."""
        length = {"Content-Type": media_type, "Content-Length": str(len(body))}
        headers = {**self._headers(), **length}
        lines = [f"POST {self.path}{self.query} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body

    def describe_model(self) -> dict[str, object]:
        """The answer of GET /model of the same model. Raises BenchFailed."""
        content = self._ask("GET", self.path.removesuffix(PREDICT) + "/model")
        try:
            found = json.loads(content)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or "signature" not in found:
            raise BenchFailed(f"{self.url}: no model of stateserve is there; give --body FILE")
        return found

    def try_once(self, body: bytes, media_type: str) -> None:
        """Raise BenchFailed unless the answer is a success."""
        self._ask("POST", self.path + self.query, body, {"Content-Type": media_type})

    def _ask(
        self, method: str, path: str, body: bytes | None = None, more: dict[str, str] | None = None
    ) -> bytes:
        kind = HTTPSConnection if self.scheme == "https" else HTTPConnection
        try:
            with closing(kind(self.host, self.port, timeout=TIMEOUT_SECONDS)) as connection:
                connection.request(method, path, body, self._headers() | (more or {}))
                answer = connection.getresponse()
                content = answer.read()
        # ValueError: a host or path that no request can have.
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise BenchFailed(f"{self.scheme}://{self._netloc}: {reason}") from None
        if answer.status >= 300:
            refused = method == "GET" and answer.status in (401, 403)
            hint = "; give a key that may inspect, or --body FILE" if refused else ""
            raise BenchFailed(f"{method} {path}: {answer.status} {_detail(content)}{hint}")
        return content


def _detail(content: bytes) -> str:
    """The detail of an error's body, in one line."""
    try:
        found = json.loads(content)
        text = str(found.get("detail") or found.get("error"))
    except (ValueError, AttributeError, RecursionError):
        text = content.decode("utf-8", "replace")
    return " ".join(text.split())[:300]
