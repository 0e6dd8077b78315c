"""One module for the endpoints of one path."""

from app.api.endpoints.predict import PATH, answer_headers, ordinary_type

__all__ = ["PATH", "answer_headers", "ordinary_type"]
