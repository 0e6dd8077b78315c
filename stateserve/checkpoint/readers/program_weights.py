"""Read the weights of torch.export's .pt2 archives, without the graph.

Source: torch/export/pt2_archive/_package.py; torch/_export/serde/schema.py.
"""

from typing import Any

from stateserve.checkpoint.pickles.objects import Opaque
from stateserve.checkpoint.readers.torch_zip import read_archive
from stateserve.checkpoint.readers.zip_archive import ZipArchive
from stateserve.checkpoint.storage import Storage
from stateserve.checkpoint.tensors import LazyTensor
from stateserve.errors import UnreadableCheckpoint
from stateserve.json_document import read_json
from stateserve.text import printable

MAX_CONFIG_BYTES = 2**24
# Source: torch._export.serde.schema.ScalarType.
DTYPES = {
    **{1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32"},
    **{8: "float64", 10: "complex64", 11: "complex128", 12: "bool", 13: "bfloat16", 28: "uint16"},
    **{29: "float8_e4m3fn", 30: "float8_e5m2", 31: "float8_e4m3fnuz", 32: "float8_e5m2fnuz"},
    **{33: "float8_e8m0fnu", 34: "uint32", 35: "uint64"},
}
# Before torch 2.8: files of torch.save inside.
NESTED = ("serialized_state_dict.pt", "data/weights/model.pt", "/weights/model.pt")


def is_program(archive: ZipArchive) -> bool:
    return any(
        name.endswith(("models/model.json", "serialized_exported_program.json", *NESTED))
        for name in archive.entries
    )


def read_program(archive: ZipArchive) -> object:
    """The tensors of the program's state_dict, by name. Raises UnreadableCheckpoint."""
    for name in archive.entries:
        if name.endswith(NESTED):
            return read_archive(ZipArchive(archive.part(name)))
    for name in archive.entries:
        if name.endswith("_weights_config.json"):
            return _read_config(archive, name)
    raise UnreadableCheckpoint("an archive of torch.export without weights")


def _read_config(archive: ZipArchive, name: str) -> dict[str, LazyTensor | Opaque]:
    folder = name.rpartition("/")[0]
    storages: dict[str, Storage] = {}
    key = ""
    try:
        document: Any = read_json(archive.read(name, MAX_CONFIG_BYTES))
        found = {}
        for key, each in document["config"].items():
            found[key] = _tensor(archive, folder, each, storages)
        return found
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UnreadableCheckpoint(
            f"{name!r:.100} is damaged at {key!r:.100}: {error!s:.200}"
        ) from None


def _tensor(
    archive: ZipArchive, folder: str, entry: Any, storages: dict[str, Storage]
) -> LazyTensor | Opaque:
    if entry["use_pickle"] is not False:
        return Opaque("pickled tensor subclass")
    meta, place = entry["tensor_meta"], entry["path_name"]
    if place not in storages:
        name = f"{folder}/{place}"
        storages[place] = Storage(archive.part(name), crc=archive.crc(name))
    shape, strides = ([each["as_int"] for each in meta[key]] for key in ("sizes", "strides"))
    dtype = DTYPES.get(meta["dtype"], f"dtype {printable(str(meta['dtype'])[:20])}")
    return LazyTensor(storages[place], dtype, shape, strides, meta["storage_offset"]["as_int"])
