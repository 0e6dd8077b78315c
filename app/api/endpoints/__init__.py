"""The HTTP endpoints: a module for each path."""

from app.api.endpoints.v2_statistics import statistics_of

__all__ = [
    "statistics_of",
]
