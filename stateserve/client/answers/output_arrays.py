"""The answers to arrays and data frames: raw outputs, and those of several requests joined."""

import re
from typing import NamedTuple

import httpx
import numpy as np

from stateserve.checkpoint import Array, decode_npy, decode_safetensors
from stateserve.client.known_models import KnownModel
from stateserve.client.predictions import ModelReference
from stateserve.errors import ClientError

NPY, SAFETENSORS = "application/x-npy", "application/vnd.safetensors"
SHA256 = re.compile("[0-9a-f]{12}")


class RawOutputs(NamedTuple):
    """A binary answer: raw outputs, whose axis 0 are the rows."""

    url: httpx.URL
    outputs: dict[str, Array]
    model: ModelReference
    outside: int


class OutputPart(NamedTuple):
    """The answer to a chunk, with the names of its outputs."""

    outputs: dict[str, Array]
    known: KnownModel
    model: ModelReference
    outside: int


def joined(parts: list[OutputPart]) -> tuple[dict[str, Array], OutputPart]:
    """The outputs of all rows, and the last part. Raises ClientError."""
    first, last = parts[0], parts[-1]
    try:
        if any(part.known.signature.outputs != last.known.signature.outputs for part in parts):
            raise ValueError("the model was replaced by one with other outputs")
        names = first.outputs
        return {n: np.concatenate([part.outputs[n] for part in parts]) for n in names}, last
    except ValueError as error:
        raise ClientError(f"the answers to several requests do not fit together: {error}") from None


def read_outputs(response: httpx.Response) -> RawOutputs:
    """A `.npy` answer has its only output without a name."""
    if response.headers.get("content-type") == NPY:
        outputs = {"": decode_npy(response.content)}
    else:
        outputs = decode_safetensors(response.content)
    outside = int(response.headers.get("x-out-of-range-rows", 0))
    return RawOutputs(response.url, outputs, _reference(response), outside)


def _reference(response: httpx.Response) -> ModelReference:
    names = ("name", "version", "state-sha256")
    name, version, sha256 = (response.headers.get(f"x-model-{each}", "") for each in names)
    if not (name and version and SHA256.fullmatch(sha256)):
        raise ValueError("its headers do not name a model")
    return ModelReference(name, version, sha256)
