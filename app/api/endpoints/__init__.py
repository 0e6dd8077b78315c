"""One module for the endpoints of one path."""

from app.api.endpoints.predict import PATH, is_ordinary

__all__ = [
    "PATH",
    "is_ordinary",
]
