"""Cards of schema version 2, signatures, and requests for models of such signatures."""

import io
import json
from collections.abc import Callable

import numpy as np
import safetensors.numpy

from stateserve.model.tensor_model import TensorModel
from tests import signature_models

TWO_INPUTS = {"left": np.ones((2, 3), np.float32), "right": np.ones(2, np.float32)}
ROW = {"left": [1, -2.5e-3, 0], "right": 1e2}


def _models() -> list[TensorModel]:
    return [
        signature_models.pictures(mean=[0.5], std=[0.2]),
        signature_models.two_inputs(),
        signature_models.tokens(),
        signature_models.regression(),
        signature_models.two_heads(),
    ]


def _archives() -> list[bytes]:
    written = [io.BytesIO(), io.BytesIO()]
    np.savez(written[0], **TWO_INPUTS)
    np.savez_compressed(written[1], **TWO_INPUTS)
    return [each.getvalue() for each in written]


def _encoded(*bodies: object) -> list[bytes]:
    return [json.dumps(body).encode() for body in bodies]


MODEL_SEEDS: dict[str, Callable[[], list[bytes]]] = {
    "model-card": lambda: [model.card.to_json() for model in _models()],
    "signature": lambda: [model.signature.model_dump_json().encode() for model in _models()],
    "instances": lambda: _encoded({"instances": [ROW] * 3}, ROW),
    "instances-any-length": lambda: _encoded(
        {"instances": [[1, 2, 3], [4, 5, 6]]}, [7, 8], {"ids": [1]}
    ),
    "instances-npz": _archives,
    "instances-safetensors": lambda: [safetensors.numpy.save(TWO_INPUTS)],
}
