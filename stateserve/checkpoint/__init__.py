"""Files of tensors, read without running any code in them.

Reads whole or not at all; writes atomically. Raises CheckpointError in one line that names the
file. Knows no module and no card.
"""

from stateserve.checkpoint.atomic_write import write_atomically
from stateserve.checkpoint.chunks import CHUNK, Array, array_chunks
from stateserve.checkpoint.files import read_regular_file
from stateserve.checkpoint.formats import CODECS, State, encode_state, read_state
from stateserve.checkpoint.sha256 import state_sha256, tensor_sha256
from stateserve.checkpoint.stream import (
    Chunks,
    Stream,
    npy_header,
    stream_npy,
    stream_pth,
    stream_safetensors,
)

__all__ = [
    "CHUNK",
    "CODECS",
    "Array",
    "Chunks",
    "State",
    "Stream",
    "array_chunks",
    "encode_state",
    "npy_header",
    "read_regular_file",
    "read_state",
    "state_sha256",
    "stream_npy",
    "stream_pth",
    "stream_safetensors",
    "tensor_sha256",
    "write_atomically",
]
