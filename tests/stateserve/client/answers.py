"""Answers of a simulated service."""

import io

import httpx
import numpy as np

MODEL = {"name": "m", "version": "1", "state_sha256": "0" * 12}


RIGHT = {"class": "a", "index": 0, "probabilities": {"a": 1.0}, "warnings": [], "model": MODEL}


def busy() -> httpx.Response:
    return httpx.Response(503, headers={"Retry-After": "0"}, json={"detail": "draining"})


FEATURES = ["w", "x", "y", "z"]
VIEW = {
    "state_sha256": "0" * 64,
    "signature": {
        "inputs": [
            {
                "name": "rows",
                "dtype": "float32",
                "shape": [-1, 4],
                "features": [{"name": name} for name in FEATURES],
            }
        ],
        "outputs": [
            {
                "name": "scores",
                "dtype": "float32",
                "shape": [-1, 3],
                "kind": "log_probabilities",
                "classes": ["a", "b", "c"],
            }
        ],
    },
    "card": {"schema_version": 1},
}


def npy(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def as_npy(content: bytes, outside: str = "0") -> httpx.Response:
    """A binary answer of the model of VIEW."""
    headers = {
        f"X-Model-{name}": value
        for name, value in zip(("Name", "Version", "State-SHA256"), MODEL.values(), strict=True)
    }
    headers |= {"Content-Type": "application/x-npy", "X-Out-Of-Range-Rows": outside}
    return httpx.Response(200, headers=headers, content=content)


def predicting(answer: httpx.Response) -> httpx.MockTransport:
    """A service whose /model is VIEW, and whose every other answer is this one."""

    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=VIEW) if request.url.path == "/model" else answer

    return httpx.MockTransport(handle)
