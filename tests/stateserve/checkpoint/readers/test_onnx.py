"""Initialisers of ONNX models, encoded by hand after onnx.proto."""

import struct
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateserve.checkpoint.checkpoint import Checkpoint
from stateserve.checkpoint.readers.onnx import DATA_TYPES, read_onnx
from stateserve.checkpoint.readers.protobuf import PORTION_BYTES
from stateserve.checkpoint.sources import File, Memory
from stateserve.errors import CheckpointError, UnreadableCheckpoint
from tests.memory import MIB


def varint(value: int) -> bytes:
    parts = []
    value &= 2**64 - 1
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def block(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def tensor(name: str, kind: int, shape: tuple[int, ...], values: bytes) -> bytes:
    dims = b"".join(number(1, length) for length in shape)
    return block(5, dims + number(2, kind) + block(8, name.encode()) + values)


def model(*initialisers: bytes) -> bytes:
    graph = block(1, b"node") + block(2, b"name") + b"".join(initialisers)
    return (
        number(1, 8)
        + block(2, b"made")
        + block(7, graph)
        + block(14, block(1, b"k") + block(2, b"v"))
    )


def no_files(name: str) -> File:
    raise UnreadableCheckpoint(name)


PACKED = b"".join(varint(value) for value in (1, -1, 300))
HALVES = np.array([1.5, -2.0], np.float16)
BRAIN = np.array([1.5, -2.0]).astype(ml_dtypes.bfloat16)
CASES = {
    "raw": (1, (2, 3), block(9, np.arange(6, dtype="<f4").tobytes()), [[0, 1, 2], [3, 4, 5]]),
    "floats": (1, (2,), block(4, struct.pack("<2f", 1.5, 2.5)), [1.5, 2.5]),
    "doubles": (11, (1,), block(10, struct.pack("<d", 0.1)), [0.1]),
    "packed": (7, (3,), block(7, PACKED), [1, -1, 300]),
    "one by one": (7, (2,), number(7, 5) + number(7, -6), [5, -6]),
    "int8": (3, (2,), block(5, varint(-3) + varint(4)), [-3, 4]),
    "bool": (9, (2,), block(5, varint(1) + varint(0)), [True, False]),
    "half": (10, (2,), block(5, b"".join(map(varint, HALVES.view("u2").tolist()))), [1.5, -2.0]),
    "brain": (16, (2,), block(5, b"".join(map(varint, BRAIN.view("u2").tolist()))), [1.5, -2.0]),
    "unsigned": (13, (1,), block(11, varint(2**64 - 1)), [2**64 - 1]),
    "complex": (14, (1,), block(4, struct.pack("<2f", 1, 2)), [1 + 2j]),
    "scalar": (1, (), block(9, struct.pack("<f", 4)), 4),
}


@pytest.mark.parametrize("case", CASES)
def test_an_initialiser_has_its_values_however_they_are_written(case: str) -> None:
    kind, shape, values, wanted = CASES[case]
    tensors, metadata = read_onnx(Memory(model(tensor("w", kind, shape, values))), no_files)
    assert tensors["w"].dtype == DATA_TYPES[kind]
    assert tensors["w"].array().tolist() == wanted
    assert metadata == {"producer": "made", "k": "v"}


def test_values_in_another_file_are_read_from_it(tmp_path: Path) -> None:
    (tmp_path / "w.data").write_bytes(bytes(8) + struct.pack("<2f", 1, 2))
    entries = {"location": "w.data", "offset": "8", "length": "8"}
    outside = b"".join(
        block(13, block(1, key.encode()) + block(2, value.encode()))
        for key, value in entries.items()
    )
    path = tmp_path / "model.onnx"
    path.write_bytes(model(tensor("w", 1, (2,), outside + number(14, 1))))
    checkpoint = Checkpoint.open(path)
    assert checkpoint.format == "ONNX model"
    assert checkpoint.read()["w"].tolist() == [1, 2]
    path.write_bytes(path.read_bytes().replace(b"w.data", b"../dat"))
    with pytest.raises(UnreadableCheckpoint, match=r"'\.\./dat' is not a file of the same folder"):
        Checkpoint.open(path)


def test_a_dtype_whose_values_are_not_read_is_listed() -> None:
    tensors, _ = read_onnx(Memory(model(tensor("w", 22, (3,), block(9, b"ab")))), no_files)
    assert (tensors["w"].dtype, tensors["w"].shape) == ("int4", (3,))


@pytest.mark.parametrize(
    "content",
    [
        model(tensor("w", 1, (3,), block(9, bytes(8)))),
        model(tensor("w", 1, (2**62, 2**62), block(9, bytes(8)))),
        model(tensor("w", 1, (1,), block(9, bytes(4))), tensor("w", 1, (1,), block(9, bytes(4)))),
        number(1, 8) + block(2, b"made"),
        model()[:-3],
    ],
    ids=["another shape", "a huge shape", "one name twice", "no graph", "cut short"],
)
def test_what_is_no_whole_model_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableCheckpoint):
        read_onnx(Memory(content), no_files)


HOSTILE = {
    "'w': not a tensor: its shape has more than 64 axes": (1, (), block(1, b"\x7f" * 60_000)),
    "'w' has values of another type than its complex128": (15, (1,), block(5, varint(1))),
    "damaged: a number without an end, or of more than 64 bits": (
        7,
        (1,),
        block(7, b"\xff" * 9 + b"\x7f"),
    ),
}


@pytest.mark.parametrize("reason", HOSTILE)
def test_values_that_do_not_fit_their_dtype_or_shape_are_refused(reason: str) -> None:
    kind, shape, values = HOSTILE[reason]
    with pytest.raises(UnreadableCheckpoint, match=reason):
        read_onnx(Memory(model(tensor("w", kind, shape, values))), no_files)


WIDE = st.integers(0, 2**64 - 1) | st.integers(0, 300)


@given(st.lists(st.tuples(st.lists(WIDE, max_size=20), st.booleans()), max_size=6))
def test_integers_are_equal_packed_or_one_by_one(runs: list[tuple[list[int], bool]]) -> None:
    values = b"".join(
        block(11, b"".join(map(varint, run)))
        if packed
        else b"".join(number(11, value) for value in run)
        for run, packed in runs
    )
    wanted = [value for run, _ in runs for value in run]
    content = model(tensor("w", 13, (len(wanted),), values))
    assert read_onnx(Memory(content), no_files)[0]["w"].array().tolist() == wanted


def test_numbers_that_cross_a_portion_are_read() -> None:
    wanted = [300] * (PORTION_BYTES // 2) + [7, 2**63, 1]
    values = block(11, b"\x05" + b"".join(map(varint, wanted)))
    content = model(tensor("w", 13, (len(wanted) + 1,), values))
    assert read_onnx(Memory(content), no_files)[0]["w"].array().tolist() == [5, *wanted]


def test_a_small_file_with_a_very_long_list_of_numbers_is_refused() -> None:
    parts = [tensor(f"w{at}", 7, (MIB,), block(7, b"\x01" * MIB)) for at in range(33)]
    with pytest.raises(UnreadableCheckpoint, match="have more than 33554432 bytes"):
        read_onnx(Memory(model(*parts)), no_files)


def test_a_place_of_thousands_of_digits_is_refused_in_a_short_line(tmp_path: Path) -> None:
    (tmp_path / "w.data").write_bytes(bytes(8))
    entries = {"location": "w.data", "offset": "9" * 4000}
    outside = b"".join(
        block(13, block(1, key.encode()) + block(2, value.encode()))
        for key, value in entries.items()
    )
    path = tmp_path / "model.onnx"
    path.write_bytes(model(tensor("w", 1, (2,), outside)))
    with pytest.raises(UnreadableCheckpoint, match=r"'w' is at no place of a file$"):
        Checkpoint.open(path)


def test_a_part_of_a_number_is_refused() -> None:
    with pytest.raises(UnreadableCheckpoint, match="past the end of its storage of 3 bytes"):
        read_onnx(Memory(model(tensor("w", 1, (1,), block(4, b"abc")))), no_files)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        tensors, _ = read_onnx(Memory(content), no_files)
    except CheckpointError:
        return
    for each in tensors.values():
        assert each.nbytes <= 8 * len(content)
