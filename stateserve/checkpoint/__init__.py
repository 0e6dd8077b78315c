"""Read and write files of tensors, without running any code in them.

A file is read whole or refused, and written atomically. Raises CheckpointError, one line that
names the file. Knows no module and no model card.
"""

from typing import TYPE_CHECKING

from stateserve.lazy import lazy_exports

if TYPE_CHECKING:
    from stateserve.checkpoint.atomic_write import write_atomically as write_atomically
    from stateserve.checkpoint.chunks import CHUNK as CHUNK
    from stateserve.checkpoint.chunks import Array as Array
    from stateserve.checkpoint.chunks import array_chunks as array_chunks
    from stateserve.checkpoint.files import read_regular_file as read_regular_file
    from stateserve.checkpoint.formats import CODECS as CODECS
    from stateserve.checkpoint.formats import State as State
    from stateserve.checkpoint.formats import encode_state as encode_state
    from stateserve.checkpoint.formats import read_state as read_state
    from stateserve.checkpoint.sha256 import state_sha256 as state_sha256
    from stateserve.checkpoint.sha256 import tensor_sha256 as tensor_sha256
    from stateserve.checkpoint.stream import Chunks as Chunks
    from stateserve.checkpoint.stream import Stream as Stream
    from stateserve.checkpoint.stream import npy_header as npy_header
    from stateserve.checkpoint.stream import stream_npy as stream_npy
    from stateserve.checkpoint.stream import stream_pth as stream_pth
    from stateserve.checkpoint.stream import stream_safetensors as stream_safetensors

__getattr__ = lazy_exports(
    __name__,
    {
        "atomic_write": ("write_atomically",),
        "chunks": (
            "CHUNK",
            "Array",
            "array_chunks",
        ),
        "files": ("read_regular_file",),
        "formats": (
            "CODECS",
            "State",
            "encode_state",
            "read_state",
        ),
        "sha256": (
            "state_sha256",
            "tensor_sha256",
        ),
        "stream": (
            "Chunks",
            "Stream",
            "npy_header",
            "stream_npy",
            "stream_pth",
            "stream_safetensors",
        ),
    },
)
