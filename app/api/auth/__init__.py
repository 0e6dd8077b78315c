"""API keys, their scopes and their rates.

A key is never stored, only its SHA-256. Raises Unauthorized, Forbidden or RateExceeded.
"""

from typing import TYPE_CHECKING

from stateserve.lazy import lazy_exports

if TYPE_CHECKING:
    from app.api.auth.keys import Keys as Keys
    from app.api.auth.keys import new_key as new_key
    from app.api.auth.route_scopes import Guard as Guard
    from app.api.auth.scope import Scope as Scope

__getattr__ = lazy_exports(
    __name__, {"keys": ("Keys", "new_key"), "scope": ("Scope",), "route_scopes": ("Guard",)}
)
