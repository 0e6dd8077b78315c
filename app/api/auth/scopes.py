"""Which scope each route needs, and the check that every request passes."""

import logging
import re
from collections.abc import Iterable, MutableMapping
from functools import cache
from typing import Any

from fastapi import Request

from app.api.auth.keys import Key, Keys, Scope
from app.predict import Headers, RawHeader
from app.settings import Settings
from stateserve.errors import StateserveError

logger = logging.getLogger("app.auth")
AUTHORIZATION = b"authorization"
# In a request's scope: the scope of a key that the fast path has checked, and counted.
ADMITTED = "admitted"
OF_A_MODEL = re.compile(r"^(/v2)?/models/\{model\}(/versions/\{version\})?(?=/|$)")

# Every route, as the router that declares it has it: below a model, that is without the model.
# None is open to all: what is served there is for the orchestrator, or holds nothing of the
# model but its fields' names. Whoever sees activations can solve for the weights, and
# neighbours are training rows: /explain inspects.
SCOPES: dict[str, Scope | None] = {
    "": Scope.PREDICT,
    "/predict": Scope.PREDICT,
    "/model": Scope.PREDICT,
    "/models": Scope.PREDICT,
    "/feedback": Scope.PREDICT,
    "/infer": Scope.PREDICT,
    "/ready": Scope.PREDICT,
    "/config": Scope.PREDICT,
    "/v2": Scope.PREDICT,
    "/v2/": Scope.PREDICT,
    "/v2/repository/index": Scope.PREDICT,
    "/explain": Scope.INSPECT,
    "/state": Scope.INSPECT,
    "/state/{name}": Scope.INSPECT,
    "/state.pth": Scope.INSPECT,
    "/state.safetensors": Scope.INSPECT,
    "/diff": Scope.INSPECT,
    "/load": Scope.ADMIN,
    "/unload": Scope.ADMIN,
    "/default": Scope.ADMIN,
    "/v2/repository/models/{model}/load": Scope.ADMIN,
    "/v2/repository/models/{model}/unload": Scope.ADMIN,
    "/metrics": Scope.METRICS,
    "/stats": Scope.METRICS,
    "/comparison": Scope.METRICS,
    "/monitoring": Scope.METRICS,
    "/v2/models/stats": Scope.METRICS,
    "/health/live": None,
    "/health/ready": None,
    "/v2/health/live": None,
    "/v2/health/ready": None,
    "/": None,
    "/page/service.json": None,
    "/page/{path:path}": None,
    "/docs": None,
    "/docs/{name}": None,
    "/openapi.json": None,
}


@cache
def below_model(route: str) -> str:
    """The table's name for a whole route: the same for each model and each version of it."""
    return OF_A_MODEL.sub("", route)


class Guard:
    """Refuses requests without the right key: on every route, and on the fast path."""

    def __init__(self, keys: Keys, *, everything: bool) -> None:
        """Unless `everything`, only what needs the scope admin is guarded."""
        self._keys = keys
        self._everything = everything

    @property
    def on(self) -> bool:
        """Whether any key exists, or may come by a reload of their file: whether routes are
        guarded, and those are there that change what is served."""
        return self._everything or Scope.ADMIN in self._keys.scopes

    def reload(self, settings: Settings) -> None:
        """Read the file of keys again; while it is not right, those that were there stay."""
        if settings.api_keys is None:
            logger.info("SIGHUP: there is nothing to reload, for the service has no API keys")
            return
        try:
            self._keys = Keys.of(settings, self._keys.rates)
        except StateserveError as error:
            logger.error("SIGHUP: the API keys stay as they were: %s", error)
        else:
            logger.info("SIGHUP: the API keys are reloaded")

    def needs(self, route: str) -> Scope | None:
        """The scope that a route asks; admin, if nobody said which."""
        scope = SCOPES.get(below_model(route), Scope.ADMIN)
        return scope if self._everything or scope is Scope.ADMIN else None

    async def __call__(self, request: Request) -> None:
        asked = request.scope
        route = asked["route"].path
        if ADMITTED not in asked or asked[ADMITTED] is not self.needs(route):
            self.require(route, asked["headers"], asked["request_id"], asked["path"])

    def require(
        self, route: str, headers: Iterable[RawHeader], request_id: bytes, path: str
    ) -> None:
        """Raises Unauthorized, Forbidden or RateExceeded for who may not do what the route does."""
        scope = self.needs(route)
        if scope is not None:
            given = [value for name, value in headers if name == AUTHORIZATION]
            key = self._keys.require(_bearer(given[0]) if len(given) == 1 else None, scope)
            if scope is Scope.ADMIN:
                _record(key, request_id, path)

    def admit(self, asked: MutableMapping[str, Any], headers: Headers, scope: Scope | None) -> None:
        """Check and count a request before its route is known, where it needs a scope.

        No header is there twice. Raises as `require` does.
        """
        if scope is not None:
            given = headers.get(AUTHORIZATION)
            self._keys.require(None if given is None else _bearer(given), scope)
            asked[ADMITTED] = scope


def _record(key: Key, request_id: bytes, path: str) -> None:
    """Who changes what is served is in the log."""
    extra = {"request_id": request_id.decode(), "key": key.name, "path": path}
    logger.info("admin", extra=extra)


def _bearer(authorization: bytes) -> bytes | None:
    """The key in `Bearer KEY`; None where there is none."""
    scheme, _, key = authorization.partition(b" ")
    return key.strip() or None if scheme.lower() == b"bearer" else None
