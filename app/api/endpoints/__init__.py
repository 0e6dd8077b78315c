"""One module for the endpoints of one path."""

from app.api.endpoints.v2_statistics import statistics_of

__all__ = [
    "statistics_of",
]
