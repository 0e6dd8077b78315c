"""Answers of a simulated service."""

import httpx

MODEL = {"name": "m", "version": "1", "state_sha256": "0" * 12}


RIGHT = {"class": "a", "index": 0, "probabilities": {"a": 1.0}, "warnings": [], "model": MODEL}


def busy() -> httpx.Response:
    return httpx.Response(503, headers={"Retry-After": "0"}, json={"detail": "draining"})
