"""GGUF files, encoded by hand after docs/gguf.md of ggml."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateserve.checkpoint.checkpoint import Checkpoint
from stateserve.checkpoint.readers.gguf import read_gguf
from stateserve.checkpoint.sources import Memory
from stateserve.errors import CheckpointError, StateMismatch, UnreadableCheckpoint


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def gguf(
    tensors: list[tuple[str, tuple[int, ...], int, bytes]],
    metadata: bytes = b"",
    entries: int = 0,
    order: str = "<",
) -> bytes:
    infos, data = b"", b""
    for name, shape, kind, content in tensors:
        dims = struct.pack(f"{order}I{len(shape)}Q", len(shape), *shape[::-1])
        infos += struct.pack(f"{order}Q", len(name)) + name.encode() + dims
        infos += struct.pack(f"{order}IQ", kind, len(data))
        data += content + bytes(-len(content) % 32)
    head = b"GGUF" + struct.pack(f"{order}IQQ", 3, len(tensors), entries) + metadata + infos
    return head + bytes(-len(head) % 32) + data


WEIGHT = ("w", (2, 3), 0, np.arange(6, dtype="<f4").tobytes())
QUANTISED = ("q", (2, 64), 8, bytes(4 * 34))


def test_tensors_and_metadata_are_read(tmp_path: Path) -> None:
    metadata = text("name") + struct.pack("<I", 8) + text("tiny")
    metadata += text("layers") + struct.pack("<II", 4, 7)
    metadata += text("tokens") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("bb")
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf([WEIGHT, QUANTISED], metadata, 3))
    checkpoint = Checkpoint.open(path)
    assert checkpoint.format == "GGUF file"
    assert checkpoint.metadata == {"name": "tiny", "layers": "7", "tokens": "array of 2"}
    tensors = checkpoint.states[""].tensors
    np.testing.assert_array_equal(tensors["w"].array(), np.arange(6).reshape(2, 3))
    assert (tensors["q"].dtype, tensors["q"].shape, tensors["q"].nbytes) == ("Q8_0", (2, 64), 136)
    with pytest.raises(StateMismatch, match="'q' is Q8_0, which is not served or converted"):
        checkpoint.read()


def test_an_empty_tensor_of_huge_axes_is_refused_by_name() -> None:
    with pytest.raises(UnreadableCheckpoint, match="'w' is not a tensor: its shape has more than"):
        read_gguf(Memory(gguf([("w", (0, 2**62, 2**62), 0, b"")])))


def test_a_big_endian_file_is_read() -> None:
    content = gguf([("w", (2,), 0, np.array([1.5, -2], ">f4").tobytes())], order=">")
    tensors, _ = read_gguf(Memory(content))
    assert tensors["w"].array().tolist() == [1.5, -2]


@pytest.mark.parametrize(
    "content",
    [
        gguf([WEIGHT])[:-32],
        gguf([WEIGHT, WEIGHT]),
        gguf([("w", (2**40,), 0, bytes(4))]),
        gguf([("w", (1,), 77, bytes(4))]),
        b"GGUF" + struct.pack("<IQQ", 3, 2**40, 0),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 2**40),
        b"GGUF" + struct.pack("<IQQ", 1, 0, 0),
        gguf([], text("a") + struct.pack("<IIQ", 9, 0, 2**50), 1),
        gguf([], text("a") + struct.pack("<IIQ", 9, 8, 2**22) + bytes(2**25), 1),
        gguf([], text("general.alignment") + struct.pack("<II", 4, 0), 1),
        b"GGUF",
    ],
    ids=[
        *("cut short", "one name twice", "past the end", "unknown type", "many tensors"),
        *("many entries", "version 1", "a long array", "millions of texts", "no alignment"),
        "no header",
    ],
)
def test_what_is_no_whole_file_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableCheckpoint):
        read_gguf(Memory(content))


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        tensors, _ = read_gguf(Memory(b"GGUF\x03\0\0\0" + content))
    except CheckpointError:
        return
    assert all(each.nbytes <= len(content) for each in tensors.values())
