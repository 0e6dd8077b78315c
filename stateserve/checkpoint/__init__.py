"""Read and write files of tensors with NumPy, without torch and without running code in them.

A file is read whole or refused, and written atomically. Raises CheckpointError, one line that
names the file. Knows no module and no model card.
"""

from typing import TYPE_CHECKING

from stateserve.lazy import lazy_exports

if TYPE_CHECKING:
    from stateserve.checkpoint.arrays import CHUNK as CHUNK
    from stateserve.checkpoint.arrays import State as State
    from stateserve.checkpoint.arrays import Values as Values
    from stateserve.checkpoint.arrays import as_array as as_array
    from stateserve.checkpoint.arrays import dtype_name as dtype_name
    from stateserve.checkpoint.arrays import value_chunks as value_chunks
    from stateserve.checkpoint.atomic_write import errors_of as errors_of
    from stateserve.checkpoint.atomic_write import write_atomically as write_atomically
    from stateserve.checkpoint.checkpoint import Checkpoint as Checkpoint
    from stateserve.checkpoint.content import Node as Node
    from stateserve.checkpoint.conversion.conversion import Conversion as Conversion
    from stateserve.checkpoint.conversion.conversion import Converted as Converted
    from stateserve.checkpoint.conversion.convert import convert as convert
    from stateserve.checkpoint.conversion.options import AS_IT_IS as AS_IT_IS
    from stateserve.checkpoint.conversion.options import ConvertOptions as ConvertOptions
    from stateserve.checkpoint.conversion.source_state import SourceState as SourceState
    from stateserve.checkpoint.description import describe as describe
    from stateserve.checkpoint.dtypes import DTYPES as DTYPES
    from stateserve.checkpoint.dtypes import Array as Array
    from stateserve.checkpoint.dtypes import DType as DType
    from stateserve.checkpoint.extraction import unzip as unzip
    from stateserve.checkpoint.files import read_regular_file as read_regular_file
    from stateserve.checkpoint.found_states import FoundState as FoundState
    from stateserve.checkpoint.pickles.objects import Opaque as Opaque
    from stateserve.checkpoint.read import read_plain_state as read_plain_state
    from stateserve.checkpoint.read import read_state as read_state
    from stateserve.checkpoint.readers.foreign import name_foreign as name_foreign
    from stateserve.checkpoint.readers.numpy_file import decode_npy as decode_npy
    from stateserve.checkpoint.readers.safetensors_file import (
        decode_safetensors as decode_safetensors,
    )
    from stateserve.checkpoint.readers.torch_pickles import MAGIC_NUMBER as MAGIC_NUMBER
    from stateserve.checkpoint.refusals import of_file as of_file
    from stateserve.checkpoint.shared_memory import first_names as first_names
    from stateserve.checkpoint.shared_memory import ties as ties
    from stateserve.checkpoint.sources import Memory as Memory
    from stateserve.checkpoint.state_hash import state_sha256 as state_sha256
    from stateserve.checkpoint.state_hash import tensor_sha256 as tensor_sha256
    from stateserve.checkpoint.tensors import LazyTensor as LazyTensor
    from stateserve.checkpoint.tensors import array_chunks as array_chunks
    from stateserve.checkpoint.writers.encode import CODECS as CODECS
    from stateserve.checkpoint.writers.encode import encode_state as encode_state
    from stateserve.checkpoint.writers.stream import Chunks as Chunks
    from stateserve.checkpoint.writers.stream import Stream as Stream
    from stateserve.checkpoint.writers.stream import npy_content as npy_content
    from stateserve.checkpoint.writers.stream import npy_header as npy_header
    from stateserve.checkpoint.writers.stream import numpy_values as numpy_values
    from stateserve.checkpoint.writers.stream import stream_npy as stream_npy
    from stateserve.checkpoint.writers.stream import stream_safetensors as stream_safetensors
    from stateserve.checkpoint.writers.torch_file import stream_legacy_pth as stream_legacy_pth
    from stateserve.checkpoint.writers.torch_file import stream_pickle as stream_pickle
    from stateserve.checkpoint.writers.torch_file import stream_pth as stream_pth

__getattr__ = lazy_exports(
    __name__,
    {
        "arrays": ("CHUNK", "State", "Values", "as_array", "dtype_name", "value_chunks"),
        "atomic_write": ("errors_of", "write_atomically"),
        "checkpoint": ("Checkpoint",),
        "content": ("Node",),
        "conversion.conversion": ("Conversion", "Converted"),
        "conversion.convert": ("convert",),
        "conversion.options": ("AS_IT_IS", "ConvertOptions"),
        "conversion.source_state": ("SourceState",),
        "description": ("describe",),
        "dtypes": ("DTYPES", "Array", "DType"),
        "writers.encode": ("CODECS", "encode_state"),
        "extraction": ("unzip",),
        "files": ("read_regular_file",),
        "found_states": ("FoundState",),
        "pickles.objects": ("Opaque",),
        "read": ("read_plain_state", "read_state"),
        "readers.foreign": ("name_foreign",),
        "readers.numpy_file": ("decode_npy",),
        "readers.safetensors_file": ("decode_safetensors",),
        "readers.torch_pickles": ("MAGIC_NUMBER",),
        "refusals": ("of_file",),
        "state_hash": ("state_sha256", "tensor_sha256"),
        "writers.stream": (
            "Chunks",
            "Stream",
            "npy_content",
            "npy_header",
            "numpy_values",
            "stream_npy",
            "stream_safetensors",
        ),
        "shared_memory": ("first_names", "ties"),
        "sources": ("Memory",),
        "tensors": ("LazyTensor", "array_chunks"),
        "writers.torch_file": ("stream_legacy_pth", "stream_pickle", "stream_pth"),
    },
)
