"""One module for the endpoints of one path."""

from app.api.endpoints.predict import PATH, is_ordinary
from app.api.endpoints.v2_statistics import statistics_of

__all__ = [
    "PATH",
    "is_ordinary",
    "statistics_of",
]
