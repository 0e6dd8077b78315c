"""States in several files, read by their index as transformers reads them."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from stateserve.checkpoint import Checkpoint, ConvertOptions, convert
from stateserve.checkpoint.conversion.shards import parse_size
from stateserve.errors import InvalidConversion


def load_shards(index: Path) -> dict[str, torch.Tensor]:
    """Each file has the tensors that the index says, and no others."""
    content = json.loads(index.read_text())
    weights: dict[str, str] = content["weight_map"]
    found: dict[str, torch.Tensor] = {}
    for name in sorted(set(weights.values())):
        path = index.with_name(name)
        shard = load_file(path) if path.suffix == ".safetensors" else torch.load(path)
        assert shard.keys() == {tensor for tensor, file in weights.items() if file == name}
        found |= shard
    return found


@given(
    st.lists(st.integers(0, 50), min_size=2, max_size=12),
    st.integers(1, 200),
    st.sampled_from([".safetensors", ".bin", ".pth"]),
)
def test_shards_are_as_large_as_they_may_be(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], most: int, suffix: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    state = {f"w{index}": torch.rand(size) for index, size in enumerate(sizes)}
    torch.save(state, folder / "in.pth")
    written = convert(folder / "in.pth", folder / f"m{suffix}", ConvertOptions(max_shard_size=most))
    if len(written.files) == 1:
        assert written.files == [folder / f"m{suffix}"]
        assert sum(sizes) * 4 <= most or len(sizes) == 1
        return
    index, *parts = written.files
    count = len(parts)
    assert [part.name for part in parts] == [
        f"m-{number:05d}-of-{count:05d}{suffix}" for number in range(1, count + 1)
    ]
    found = load_shards(index)
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())
    content = json.loads(index.read_text())
    assert content["metadata"] == {"total_size": sum(sizes) * 4}
    assert index.name == f"m{suffix}.index.json"
    weights = content["weight_map"]
    for part in parts:
        inside = [state[name].nbytes for name in state if weights[name] == part.name]
        assert sum(inside) <= most or len([size for size in inside if size]) == 1


def test_names_of_one_tensor_are_in_one_file_where_they_share_memory(tmp_path: Path) -> None:
    shared = torch.ones(100)
    torch.save({"a": shared, "b": torch.zeros(100), "c": shared}, tmp_path / "in.pth")
    options = ConvertOptions(max_shard_size="400B")
    index = convert(tmp_path / "in.pth", tmp_path / "m.bin", options).files[0]
    content = json.loads(index.read_text())
    assert content["metadata"]["total_size"] == 800
    assert content["weight_map"]["a"] == content["weight_map"]["c"] == "m-00001-of-00002.bin"
    found = torch.load(tmp_path / "m-00001-of-00002.bin")
    assert found["a"].data_ptr() == found["c"].data_ptr()
    files = convert(tmp_path / "in.pth", tmp_path / "m.safetensors", options).files
    assert len(files) == 4


def test_metadata_is_in_each_file_or_in_the_index(tmp_path: Path) -> None:
    source = tmp_path / "in.safetensors"
    save_file({"a": torch.ones(9), "b": torch.ones(9)}, source, {"license": "MIT"})
    options = ConvertOptions(max_shard_size=40)
    index, first, _ = convert(source, tmp_path / "m.safetensors", options).files
    assert json.loads(index.read_text())["metadata"] == {"total_size": 72}
    with safe_open(first, "pt") as file:
        assert file.metadata() == {"format": "pt", "license": "MIT"}
    # From there back into one file.
    convert(index, tmp_path / "whole.safetensors")
    with safe_open(tmp_path / "whole.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt", "license": "MIT"}
    index = convert(source, tmp_path / "m.bin", options).files[0]
    assert json.loads(index.read_text())["metadata"] == {"license": "MIT", "total_size": 72}
    assert Checkpoint.open(index).metadata["license"] == "MIT"


def test_a_whole_file_of_before_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.ones(9), "b": torch.ones(9)}, path)
    notes = convert(path, path, ConvertOptions(max_shard_size=40)).notes
    assert "model.safetensors is still there; libraries read it before the index" in notes


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2GB", 2 * 10**9),
        ("1.5 mb", 1_500_000),
        ("3KiB", 3072),
        ("7", 7),
        (8, 8),
        ("2G", 2 * 10**9),
    ],
)
def test_sizes(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "0.1", "-1", "GB", "2 GX", "1e9", "nan", -5, "²GB"])
def test_what_is_no_size(text: str | int) -> None:
    with pytest.raises(InvalidConversion, match="is no size such as 500MB or 2GB"):
        parse_size(text)


def test_too_many_files_and_formats_of_one_file_are_refused(tmp_path: Path) -> None:
    torch.save({str(index): torch.ones(1) for index in range(600)}, tmp_path / "in.pth")
    with pytest.raises(InvalidConversion, match="4 bytes make 600 files; at most 500 are read"):
        convert(tmp_path / "in.pth", tmp_path / "m.bin", ConvertOptions(max_shard_size=4))
    with pytest.raises(InvalidConversion, match="no library reads a NumPy archive in several"):
        convert(tmp_path / "in.pth", tmp_path / "m.npz", ConvertOptions(max_shard_size=4))
    assert list(tmp_path.iterdir()) == [tmp_path / "in.pth"]
