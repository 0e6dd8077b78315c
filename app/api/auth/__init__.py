"""API keys, their scopes and their rates.

A key is never stored, only its SHA-256. Raises Unauthorized, Forbidden or RateExceeded.
"""

from typing import TYPE_CHECKING

from stateserve.lazy import lazy_exports

if TYPE_CHECKING:
    from app.api.auth.keys import new_key as new_key
    from app.api.auth.scope import Scope as Scope
    from app.api.auth.scopes import Guard as Guard

__getattr__ = lazy_exports(
    __name__, {"keys": ("new_key",), "scope": ("Scope",), "scopes": ("Guard",)}
)
