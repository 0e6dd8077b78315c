"""Hashes of tensors and state_dicts, over their values, independent of the file format."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor


def tensor_sha256(tensor: Tensor) -> str:
    """SHA-256 of the tensor's little-endian, row-major bytes, in hexadecimal."""
    return hashlib.sha256(raw_bytes(tensor)).hexdigest()


def state_sha256(state: Mapping[str, Tensor]) -> str:
    """SHA-256 over name, dtype, shape and bytes of every tensor, sorted by name.

    The same weights have the same hash as .pth, .safetensors and .pickle, so a card stays
    valid after a conversion.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name}\0{tensor.dtype}\0{list(tensor.shape)}\0".encode())
        digest.update(raw_bytes(tensor))
    return digest.hexdigest()


def raw_bytes(tensor: Tensor) -> memoryview:
    """The tensor's row-major bytes, without a copy if it is contiguous."""
    # By way of uint8, since NumPy has no bfloat16.
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().data
