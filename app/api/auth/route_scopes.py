"""The scope that each route requires, and the check of every request."""

import logging
import re
from collections.abc import Iterable, MutableMapping
from functools import cache

from fastapi import Request

from app.api.auth.keys import Key, Keys
from app.api.auth.scope import Scope
from app.predict import Headers, RawHeader
from app.settings import Settings
from stateserve.errors import StateserveError

logger = logging.getLogger("app.auth")
AUTHORIZATION = b"authorization"
# A key in a request's ASGI scope: the key scope that the fast path has checked and counted.
ADMITTED = "admitted"
OF_A_MODEL = re.compile(r"^(/v2)?/models/\{model\}(/versions/\{version\})?(?=/|$)")

# Every route by the path that its router declares, for a model without its name. Routes with None
# need no key: they serve orchestrators, or show nothing of the model but its field names.
# /explain needs `inspect`: weights can be computed from activations, and neighbours are training
# rows.
SCOPES: dict[str, Scope | None] = {
    "": Scope.PREDICT,
    "/predict": Scope.PREDICT,
    "/model": Scope.PREDICT,
    "/model/example": Scope.PREDICT,
    "/model/training_rows": Scope.PREDICT,
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
    "/page/{path}": None,
    "/docs": None,
    "/docs/{name}": None,
    "/openapi.json": None,
}


@cache
def below_model(route: str) -> str:
    """The route without model and version, as SCOPES and the OpenAPI document have it."""
    return OF_A_MODEL.sub("", without_convertors(route))


def without_convertors(route: str) -> str:
    """ "/state/{name}" for "/state/{name:text}"."""
    return re.sub(r":\w+}", "}", route)


class Guard:
    """Refuses requests without the required key, on every route and on the fast path."""

    def __init__(self, keys: Keys, *, everything: bool) -> None:
        """Unless `everything`, only routes with the scope admin need a key."""
        self._keys = keys
        self._everything = everything

    @property
    def on(self) -> bool:
        """Whether keys exist or a reload may add some. Then routes are guarded, and the admin
        routes exist."""
        return self._everything or Scope.ADMIN in self._keys.scopes

    def reload(self, settings: Settings) -> None:
        """Read the file of keys again; if it is invalid, the present keys stay."""
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
        """The scope that a route requires; admin if it is not in SCOPES."""
        scope = SCOPES.get(below_model(route), Scope.ADMIN)
        return scope if self._everything or scope is Scope.ADMIN else None

    def require(
        self, route: str, headers: Iterable[RawHeader], request_id: bytes, path: str
    ) -> None:
        """Check and count a request, and log an admin's.

        Raises Unauthorized, Forbidden or RateExceeded.
        """
        scope = self.needs(route)
        if scope is not None:
            given = [value for name, value in headers if name == AUTHORIZATION]
            key = self._keys.require_header(given[0] if len(given) == 1 else None, scope)
            if scope is Scope.ADMIN:
                _record(key, request_id, path)

    def admit(
        self, found: MutableMapping[str, object], headers: Headers, scope: Scope | None
    ) -> None:
        """Check and count a request before its route is known, if `scope` is not None.

        `found` is its ASGI scope; no header is repeated. Raises the errors of `require`.
        """
        if scope is not None:
            self._keys.require_header(headers.get(AUTHORIZATION), scope)
            found[ADMITTED] = scope


async def require_key(request: Request) -> None:
    """Check a request by the guard of its application. Raises the errors of `Guard.require`."""
    found = request.scope
    guard: Guard = found["app"].state.guard
    route = found["route"].path
    if ADMITTED not in found or found[ADMITTED] is not guard.needs(route):
        guard.require(route, found["headers"], found["request_id"], found["path"])


def _record(key: Key, request_id: bytes, path: str) -> None:
    """Log the key of a request that changes the served versions."""
    extra = {"request_id": request_id.decode(), "key": key.name, "path": path}
    logger.info("admin", extra=extra)
