"""The hash of a tensor and of a state_dict: of the values, not of the file that holds them."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor


def tensor_sha256(tensor: Tensor) -> str:
    """SHA-256 of the tensor's little-endian, row-major bytes, in hexadecimal."""
    return hashlib.sha256(raw_bytes(tensor)).hexdigest()


def state_sha256(state: Mapping[str, Tensor]) -> str:
    """SHA-256 over name, dtype, shape and bytes of every tensor, sorted by name.

    It names the state, not the file: the same weights as .pth, .safetensors or .pickle
    have the same hash, so a card stays true after a conversion.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name}\0{tensor.dtype}\0{list(tensor.shape)}\0".encode())
        digest.update(raw_bytes(tensor))
    return digest.hexdigest()


def raw_bytes(tensor: Tensor) -> memoryview:
    """The tensor's row-major bytes; those of a contiguous tensor are its memory, not a copy."""
    # By way of uint8: NumPy itself has no bfloat16.
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().data
