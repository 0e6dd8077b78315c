"""Files and folders that are no checkpoints: named as what they are, with what to do."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch

from stateserve.checkpoint.checkpoint import Checkpoint
from stateserve.errors import UnreadableCheckpoint


def tar(name: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name), io.BytesIO(b""))
    return content.getvalue()


def zipped(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, b"content")
    return content.getvalue()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
FILES = {
    "the file is empty": b"",
    "a Git LFS pointer, not the file itself; fetch it: git lfs pull": POINTER,
    "a page of HTML": b"\n <!DOCTYPE html>\n<html><title>404</title>",
    "begins with zeros alone": bytes(4096),
    "compressed by gzip; unpack it": gzip.compress(b"x"),
    "compressed by bzip2; unpack it": bz2.compress(b"x"),
    "compressed by xz; unpack it": lzma.compress(b"x"),
    "a tar archive; unpack it": tar("model.pth"),
    r"before torch 0\.1\.10, a tar archive": tar("storages"),
    "an HDF5 file, as of Keras": b"\x89HDF\r\n\x1a\n" + bytes(600),
    "TensorFlow Lite": bytes((28, 0, 0, 0)) + b"TFL3" + bytes(600),
    r"a Keras archive \(\.keras\)": zipped("metadata.json", "config.json", "model.weights.h5"),
    r"an archive of TorchServe \(\.mar\)": zipped("MAR-INF/MANIFEST.json", "model.pth"),
    r"a zip archive that is no checkpoint \(it holds 'a.pth', 'b.txt'\)": zipped("a.pth", "b.txt"),
    "an empty zip archive": zipped(),
    "its end is missing, as after a download that broke off": zipped("archive/data.pkl")[:60],
    "a text, not a checkpoint; it begins with 'import torch'": b"import torch\n",
    "a text, not a checkpoint; it begins with 'learning_rate: 0.1.'": b"learning_rate: 0.1.",
    r"a JSON file, but not the index of a checkpoint \(no weight_map\)": b'{"a": 1}',
    r"not the index of a checkpoint \(the key .* stands twice in one object\)": (
        b'{"weight_map": {"a": "1.bin", "a": "2.bin"}}'
    ),
    "not a checkpoint of a known format": bytes(range(200, 256)) * 4,
    "a PNG picture": b"\x89PNG\r\n\x1a\n",
}


def test_a_file_of_joblib_is_named(tmp_path: Path) -> None:
    for compress in (0, 3):
        joblib.dump({"a": np.ones(300)}, tmp_path / "model.pkl", compress=compress)
        with pytest.raises(UnreadableCheckpoint, match="joblib and save"):
            Checkpoint.open(tmp_path / "model.pkl")


@pytest.mark.parametrize("reason", FILES)
def test_a_file_is_named_as_what_it_is(tmp_path: Path, reason: str) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(FILES[reason])
    with pytest.raises(UnreadableCheckpoint, match=reason) as caught:
        Checkpoint.open(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value).splitlines()) == 1


FOLDERS = {
    "a folder without a checkpoint": ["readme.md"],
    "a folder of 2 checkpoints; choose one: a.pth, b.PT": ["a.pth", "b.PT"],
    "a TensorFlow SavedModel": ["saved_model.pb"],
    "zero_to_fp32.py makes one file": ["latest", "zero_to_fp32.py"],
    "pack it again: zip -0 -r": ["data.pkl", "version"],
}


@pytest.mark.parametrize("reason", FOLDERS)
def test_a_folder_is_named_as_what_it_is(tmp_path: Path, reason: str) -> None:
    for name in FOLDERS[reason]:
        (tmp_path / name).touch()
    with pytest.raises(UnreadableCheckpoint, match=reason):
        Checkpoint.open(tmp_path)


def test_the_weights_of_a_folder_are_found_beside_its_other_files(tmp_path: Path) -> None:
    for name in ("optimizer.pt", "training_args.bin", "config.json"):
        (tmp_path / name).touch()
    torch.save({"w": torch.ones(2)}, tmp_path / "pytorch_model.bin")
    assert Checkpoint.open(tmp_path).read()["w"].tolist() == [1, 1]
