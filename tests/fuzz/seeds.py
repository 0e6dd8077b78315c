"""Real inputs of every target, to start from; made, not stored, so they follow the code."""

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from stateserve.checkpoint.formats import State, encode_state
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.card import card_path

IRIS = Path(__file__).parents[2] / "models" / "iris-model.pth"
FLOWER = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
ROWS = np.array([list(FLOWER.values())] * 3)
SQUARE = torch.eye(3)
STATES: list[State] = [
    dict(torch.load(IRIS)),
    Multiclass(2, 3, 2, batch_norm=True).state_dict(),
    {"bf16": torch.ones(3, dtype=torch.bfloat16), "u16": torch.ones(2, dtype=torch.uint16)},
    {"tied": SQUARE, "turned": SQUARE.T, "part": SQUARE[1:, 1], "empty": torch.zeros(0, 2)},
]


def archive(pickled: bytes) -> bytes:
    """A .pth around any data.pkl, with the storages of iris."""
    content = io.BytesIO()
    with zipfile.ZipFile(IRIS) as source, zipfile.ZipFile(content, "w") as target:
        for name in source.namelist():
            target.writestr(name, pickled if name.endswith("data.pkl") else source.read(name))
    return content.getvalue()


def pickled_tensor(storage: bytes) -> bytes:
    """A .pickle of a state of one tensor, around the bytes of any storage."""

    class Stored:
        def __reduce__(self) -> tuple[object, tuple[bytes]]:
            return torch.storage._load_from_bytes, (storage,)

    class Rebuilt:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return torch._utils._rebuild_tensor_v2, (Stored(), 0, (2, 2), (2, 1), False, {})

    return pickle.dumps({"weight": Rebuilt()}, protocol=3)


def _pickle_in(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        return source.read(next(name for name in source.namelist() if name.endswith("data.pkl")))


def _storage(tensor: torch.Tensor) -> bytes:
    _, (content,) = tensor._typed_storage().__reduce__()
    return content


def _encoded(suffix: str) -> list[bytes]:
    # safetensors writes no two tensors of one memory.
    plain = [{name: each.clone().contiguous() for name, each in s.items()} for s in STATES]
    return [encode_state(s, Path(f"any{suffix}")) for s in plain]


def _npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def _arrow(columns: dict[str, object], **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    table = pa.table(columns)
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=2)
    return sink.getvalue().to_pybytes()


def _saved(state: State) -> bytes:
    content = io.BytesIO()
    torch.save(state, content)
    return content.getvalue()


ONE = json.dumps(FLOWER)
JSON = [
    ONE,
    json.dumps({"instances": [FLOWER] * 3}),
    json.dumps({"instances": []}),
    ONE.replace("5.1", "1e400"),
    ONE.replace("5.1", "-0.0E+2"),
    ONE.replace("5.1", "12345678901234567890"),
    ONE.replace("5.1", "NaN"),
    ONE.replace("5.1", 'null, "x\\u0041/~": [true, {"a": "b"}]'),
    ONE.replace("sepal_length", "sepal\\u005flength"),
    ONE[:-1] + ', "petal_width": 1}',
]
COLUMNS = dict(zip(FLOWER, ROWS.T, strict=True))
SEEDS: dict[str, list[bytes]] = {
    "pth": [_saved(state) for state in STATES],
    "pth-pickle": [_pickle_in(_saved(state)) for state in STATES],
    "pickle": [
        pickle.dumps(s, protocol) for s in (*STATES[:2], STATES[3]) for protocol in (0, 3, 4)
    ],
    "pickle-storage": [_storage(torch.ones(4)), _storage(torch.ones(4, dtype=torch.int64))],
    "safetensors": _encoded(".safetensors"),
    "card": [card_path(IRIS).read_bytes()],
    "json": [text.encode() for text in JSON],
    "npy": [
        _npy(array)
        for array in (ROWS, ROWS.astype("f4"), ROWS.astype(">i2", order="F"), ROWS[0], ROWS[:0])
    ]
    + [_npy(ROWS[:0]).replace(b"(0, 4)", shape) for shape in (b"(0, 9)", b"(0,0,)", b"(False,)")],
    "arrow": [
        _arrow(COLUMNS),
        _arrow(
            {
                name: column.astype(kind)
                for (name, column), kind in zip(
                    COLUMNS.items(), ("f2", "f4", "i8", "u1"), strict=True
                )
            }
        ),
        _arrow({name: pa.array([1.0, None]) for name in FLOWER}),
        _arrow({name: pa.array(["a", "b"]).dictionary_encode() for name in FLOWER}),
        _arrow(COLUMNS, compression="zstd"),
        _arrow(
            {name: pa.array([0.0] * 4096).dictionary_encode() for name in FLOWER},
            compression="zstd",
        ),
    ],
}
