"""Hashes of tensors and state_dicts, over their values, independent of the file format."""

import hashlib
from collections.abc import Iterator, Mapping

import numpy as np

from stateserve.checkpoint.arrays import Values, dtype_name, value_chunks

# Elements: at most 2 MiB of the widest dtype.
PORTION = 2**17


def tensor_sha256(values: Values) -> str:
    """SHA-256 of the tensor's little-endian, row-major bytes, in hexadecimal."""
    digest = hashlib.sha256()
    for part in raw_bytes(values, PORTION):
        digest.update(part)
    return digest.hexdigest()


def state_sha256(state: Mapping[str, Values]) -> str:
    """SHA-256 over name, dtype, shape and bytes of every tensor, sorted by name.

    The same weights have the same hash as .pth, .safetensors and .pickle, so a card stays
    valid after a conversion.
    """
    digest = hashlib.sha256()
    for name, values in sorted(state.items(), key=lambda item: item[0]):
        # With torch's names of dtypes.
        digest.update(f"{name}\0torch.{dtype_name(values)}\0{list(values.shape)}\0".encode())
        for part in raw_bytes(values, PORTION):
            digest.update(part)
    return digest.hexdigest()


def raw_bytes(values: Values, elements: int) -> Iterator[memoryview]:
    """The row-major bytes in parts; those of contiguous memory are not copied."""
    for chunk in value_chunks(values, elements):
        yield chunk.view(np.uint8).data
