"""API keys, their scopes and their rates.

A key is never stored, only its SHA-256. Raises Unauthorized, Forbidden or RateExceeded.
"""

from app.api.auth.keys import Scope, new_key
from app.api.auth.scopes import Guard

__all__ = [
    "Guard",
    "Scope",
    "new_key",
]
