"""The declared path of a request, as OpenAPI and the metrics have it."""

from starlette.types import Scope

from app.api.auth.route_scopes import without_convertors
from app.monitor import UNMATCHED


def declared_path(scope: Scope) -> str:
    """Such as /models/{model}/predict; UNMATCHED if no route matched."""
    # A route lacks its router's prefix; FastAPI adds the whole path to the scope after a match.
    matched = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    path: str = getattr(matched, "path", UNMATCHED)
    return without_convertors(path)
