"""The archive: which files are refused, with which diagnosis, and how little they can take."""

import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from stateserve.errors import CheckpointError, UnreadableCheckpoint, UnsafeCheckpoint
from stateserve.model.architectures.exported_program import read_program
from stateserve.model.architectures.exported_program.json_value import MAX_VALUES
from tests.memory import MIB, peak_growth
from tests.programs import (
    CONSTANTS,
    PROGRAM,
    WEIGHTS,
    entries,
    packed,
    small_archive,
    with_entry,
    with_json,
)


def saved(value: object) -> bytes:
    content = io.BytesIO()
    torch.save(value, content)
    return content.getvalue()


def scripted() -> bytes:
    content = io.BytesIO()
    torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)), content)
    return content.getvalue()


def twice(name: str) -> bytes:
    content = io.BytesIO(small_archive())
    with zipfile.ZipFile(content, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr(f"archive/{name}", b"{}")
    return content.getvalue()


def lying_about_its_size() -> bytes:
    """An archive whose directory claims two gigabytes for an entry."""
    content = bytearray(packed(entries(small_archive())))
    at = content.rindex(b"PK\x01\x02")
    struct.pack_into("<II", content, at + 20, 2**31, 2**31)
    return bytes(content)


OTHERS: dict[str, tuple[Callable[[], bytes], type[CheckpointError], str]] = {
    "a TorchScript archive": (scripted, UnsafeCheckpoint, "TorchScript .* use torch.export"),
    "a pickled module": (lambda: saved(nn.Linear(2, 2)), UnsafeCheckpoint, "pickled 'torch.nn"),
    "a state_dict": (
        lambda: saved(nn.Linear(2, 2).state_dict()),
        UnreadableCheckpoint,
        "torch.save wrote tensors here, not a program; export the module",
    ),
    "a plain pickle": (lambda: pickle.dumps({}), UnreadableCheckpoint, "which is a zip file"),
    "nothing": (lambda: b"", UnreadableCheckpoint, "which is a zip file"),
    "half of it": (
        lambda: small_archive()[: len(small_archive()) // 2],
        UnreadableCheckpoint,
        "not a whole zip file",
    ),
    "any zip file": (
        lambda: packed({"a.txt": b""}),
        UnreadableCheckpoint,
        "entry 'a.txt' is none that torch.export.save writes",
    ),
    "an empty zip file": (lambda: packed({}), UnreadableCheckpoint, "has 0 entries models/NAME"),
    "an AOTInductor package": (
        lambda: packed({"data/aotinductor/model/a.so": b""}),
        UnsafeCheckpoint,
        "native code",
    ),
    "a program of torch 2.7": (
        lambda: packed({"serialized_exported_program.json": b"{}"}),
        UnsafeCheckpoint,
        "before torch 2.8",
    ),
    "compressed entries": (
        lambda: packed(entries(small_archive()), zipfile.ZIP_DEFLATED),
        UnreadableCheckpoint,
        "compressed",
    ),
    "a compressed pickle, before it is inflated": (
        lambda: packed({"data.pkl": bytes(2**20)}, zipfile.ZIP_DEFLATED),
        UnreadableCheckpoint,
        "the archive has compressed entries",
    ),
    "an entry twice": (lambda: twice(PROGRAM), UnreadableCheckpoint, "two entries of one name"),
    "two programs": (
        lambda: with_entry(small_archive(), "models/other.json", b"{}"),
        UnreadableCheckpoint,
        "2 entries models/NAME.json; accepted is one",
    ),
    "two gigabytes in a kilobyte": (
        lying_about_its_size,
        UnreadableCheckpoint,
        "claims more bytes",
    ),
    "another format": (
        lambda: with_entry(small_archive(), "archive_version", b"7"),
        UnreadableCheckpoint,
        "archive_version is .*7",
    ),
    "big-endian tensors": (
        lambda: with_entry(small_archive(), "byteorder", b"big"),
        UnreadableCheckpoint,
        "byteorder",
    ),
    "no JSON": (
        lambda: with_entry(small_archive(), PROGRAM, b"{"),
        UnreadableCheckpoint,
        "not JSON",
    ),
    "deep JSON": (
        lambda: with_entry(small_archive(), PROGRAM, b"[" * 100_000),
        UnreadableCheckpoint,
        "not JSON",
    ),
    "a field twice": (
        lambda: with_entry(small_archive(), PROGRAM, b'{"a": 1, "a": 1}'),
        UnreadableCheckpoint,
        "stands twice in one object",
    ),
    "an unknown field": (
        lambda: with_json(small_archive(), PROGRAM, lambda document: document.update(new=1)),
        UnreadableCheckpoint,
        "unknown field 'new'",
    ),
    "another schema": (
        lambda: with_json(
            small_archive(), PROGRAM, lambda document: document["schema_version"].update(major=9)
        ),
        UnreadableCheckpoint,
        "accepted is 8, of torch 2.13",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_any_other_file_is_named_as_what_it_is(name: str) -> None:
    make, error, message = OTHERS[name]
    with pytest.raises(error, match=f"^any.pt2: .*{message}.*\\Z"):
        read_program(make(), "any.pt2")


def meta(document: Any) -> Any:
    return document["config"]["layer.weight"]["tensor_meta"]


def sizes(*lengths: int) -> list[dict[str, int]]:
    return [{"as_int": length} for length in lengths]


TENSORS: dict[str, tuple[dict[str, object], str]] = {
    "more rows than bytes": ({"sizes": sizes(9, 4)}, "its bytes hold 12"),
    "an offset behind the end": ({"storage_offset": {"as_int": 1}}, "its bytes hold 12"),
    "strides behind the end": ({"strides": sizes(100, 1)}, "its bytes hold 12"),
    "negative strides": ({"strides": sizes(-4, 1)}, "an integer from 0"),
    "a billion repeated rows": ({"sizes": sizes(10**9, 4), "strides": sizes(0, 1)}, "hold 12"),
    "no bytes, many elements": ({"sizes": sizes(0, 2**40, 2**40)}, "not .* of torch.float32"),
    "another size of element": ({"dtype": 11}, "its bytes hold 3"),
    "an unknown dtype": ({"dtype": 99}, "a dtype of torch 2.13"),
    "a sparse layout": ({"layout": 1}, "a dense tensor"),
    "memory of a meta device": ({"device": {"type": "meta", "index": None}}, "cpu"),
    "a symbolic length": ({"sizes": [{"as_expr": {"expr_str": "s0", "hint": None}}] * 2}, "as_int"),
    "a gradient of integers": ({"dtype": 4}, "cannot require a gradient"),
    "bytes that are no bools": (
        {"dtype": 12, "requires_grad": False},
        "a bool that is neither 0 nor 1",
    ),
}


@pytest.mark.parametrize("name", TENSORS)
def test_a_tensor_is_only_what_its_bytes_hold(name: str) -> None:
    fields, message = TENSORS[name]
    content = with_json(small_archive(), WEIGHTS, lambda document: meta(document).update(fields))
    with pytest.raises(UnreadableCheckpoint, match=f"layer.weight.*{message}.*\\Z"):
        read_program(content, "any.pt2")


def test_a_changed_byte_of_a_weight_is_found_by_its_checksum() -> None:
    weight = entries(small_archive())["data/weights/weight_0"]
    changed = bytes([weight[0] ^ 1]) + weight[1:]
    with pytest.raises(UnreadableCheckpoint, match="CRC"):
        read_program(small_archive().replace(weight, changed), "any.pt2")


def test_a_missing_tensor_is_named() -> None:
    content = with_json(small_archive(), CONSTANTS, lambda document: document["config"].clear())
    with pytest.raises(UnreadableCheckpoint, match="no tensor 'scale'"):
        read_program(content, "any.pt2")


@pytest.mark.parametrize("content", [b"[" + b"0," * MAX_VALUES + b"0]", b'{"a":' * 10**6])
def test_much_json_takes_little_memory(content: bytes) -> None:
    archive = with_entry(small_archive(), PROGRAM, content)

    def read() -> None:
        with pytest.raises(UnreadableCheckpoint):
            read_program(archive, "any.pt2")

    assert peak_growth(read) < 4 * len(archive) + 32 * MIB


def test_the_program_is_read_whatever_its_archive_is_called() -> None:
    parts = {name: part for name, part in entries(small_archive()).items() if name != "byteorder"}
    renamed = packed(
        {name.replace("/model", "/classifier"): part for name, part in parts.items()}
    ).replace(b"archive/", b"0123456/")
    rows = torch.ones(2, 4)
    assert torch.equal(read_program(renamed, "a")(rows), read_program(small_archive(), "b")(rows))
