"""Files of every format: read back, or refused without executing code."""

import io
import json
import os
import pickle
import struct
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from stateserve.checkpoint.writers.encode import CODECS, encode_state
from stateserve.errors import CheckpointError, StateMismatch, UnreadableCheckpoint, UnsafeCheckpoint
from stateserve.model.architectures.multiclass import Multiclass
from tests.states import read_tensors

SUFFIXES = sorted(CODECS)


class Bomb:
    """A pickle of this creates a file if it is loaded without restrictions."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("batch_norm", [False, True])
def test_every_format_returns_the_same_tensors(
    tmp_path: Path, suffix: str, batch_norm: bool
) -> None:
    state = Multiclass(5, 7, 2, batch_norm=batch_norm).state_dict()
    path = tmp_path / f"model{suffix}"
    path.write_bytes(encode_state(state, path))
    found = read_tensors(path)
    assert found.keys() == state.keys()
    for name, tensor in state.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=0)


def test_plain_torch_and_plain_pickle_are_read(tmp_path: Path) -> None:
    state = Multiclass().state_dict()
    torch.save(state, tmp_path / "model.pth")
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(state))
    for name in ("model.pth", "model.pickle"):
        assert read_tensors(tmp_path / name).keys() == state.keys()


@pytest.mark.parametrize("suffix", [".pth", ".pickle"])
def test_pickle_code_is_refused_and_not_run(tmp_path: Path, suffix: str) -> None:
    path, marker = tmp_path / f"model{suffix}", tmp_path / "ran"
    state = OrderedDict(weight=torch.zeros(2), bomb=Bomb(marker))
    if suffix == ".pth":
        torch.save(state, path)
    else:
        path.write_bytes(pickle.dumps(state))
    with pytest.raises(
        UnsafeCheckpoint, match=r"entry 'bomb' is a \w+.system, which only"
    ) as caught:
        read_tensors(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not marker.exists()
    # The pickle works: an unrestricted load executes it.
    torch.load(path, weights_only=False) if suffix == ".pth" else pickle.loads(path.read_bytes())
    assert marker.exists()


def test_code_in_the_bytes_inside_a_pickled_tensor_is_not_run(tmp_path: Path) -> None:
    marker, inner = tmp_path / "ran", io.BytesIO()
    torch.save(Bomb(marker), inner, _use_new_zipfile_serialization=False)

    class Nested:
        def __reduce__(self) -> tuple[object, tuple[bytes]]:
            return torch.storage._load_from_bytes, (inner.getvalue(),)

    path = tmp_path / "model.pickle"
    path.write_bytes(pickle.dumps({"weight": Nested()}))
    with pytest.raises(UnsafeCheckpoint, match="system"):
        read_tensors(path)
    assert not marker.exists()


def test_a_whole_module_is_not_served_but_says_how_it_is_converted(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save(Multiclass(), path)
    with pytest.raises(
        UnsafeCheckpoint,
        match=r"Multiclass.*convert \S+model\.pth \S+model\.safetensors",
    ):
        read_tensors(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    whole = encode_state(Multiclass().state_dict(), path)
    for length in range(0, len(whole), 64):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError) as caught:
            read_tensors(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [torch.zeros(3), [torch.zeros(3)], {"epoch": 3}, {1: torch.zeros(3)}],
    ids=["tensor", "list", "number", "integer key"],
)
def test_what_is_not_a_state_dict_is_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "model.pth"
    torch.save(content, path)
    with pytest.raises(StateMismatch, match="state_dict"):
        read_tensors(path)


def test_an_optimizer_state_is_refused(tmp_path: Path) -> None:
    torch.save(torch.optim.Adam(Multiclass().parameters()).state_dict(), tmp_path / "model.pth")
    with pytest.raises(StateMismatch, match="'state' is a dict, not a tensor"):
        read_tensors(tmp_path / "model.pth")


def rewritten(state: dict[str, torch.Tensor], compression: int, twice: str = "") -> bytes:
    saved, result = io.BytesIO(), io.BytesIO()
    torch.save(state, saved)
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(result, "w", compression) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
        if twice:
            with pytest.warns(UserWarning, match="Duplicate name"):
                target.writestr(twice, source.read(twice))
    return result.getvalue()


def test_archives_that_torch_never_writes_are_refused(tmp_path: Path) -> None:
    path, state = tmp_path / "model.pth", {"weight": torch.zeros(1_000_000)}
    path.write_bytes(rewritten(state, zipfile.ZIP_DEFLATED))
    with pytest.raises(UnreadableCheckpoint, match="compressed"):
        read_tensors(path)
    path.write_bytes(rewritten({"w": torch.zeros(1)}, zipfile.ZIP_STORED, "archive/data/0"))
    with pytest.raises(UnreadableCheckpoint, match="two entries of one name"):
        read_tensors(path)


def test_an_archive_that_claims_more_than_its_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    content = bytearray(encode_state(Multiclass().state_dict(), path))
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = struct.pack("<I", 2**31)
    path.write_bytes(content)
    with pytest.raises(UnreadableCheckpoint, match="claims more bytes than the file has"):
        read_tensors(path)


def test_a_view_that_repeats_elements_is_read_up_to_a_size(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save({"weight": torch.ones(1).expand(1_000_000)}, path)
    assert read_tensors(path)["weight"].sum() == 1_000_000
    torch.save({"weight": torch.ones(1).expand(2**26)}, path)
    with pytest.raises(StateMismatch, match="'weight' claims more elements than the file holds"):
        read_tensors(path)


EXOTIC: dict[str, Callable[[], torch.Tensor]] = {
    "'weight' is complex64, which is not": lambda: torch.zeros(2, dtype=torch.complex64),
    "is sparse_coo float32, which is not": lambda: torch.eye(2).to_sparse(),
    "is qint8, which is not": lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
    "is meta float32, which is not": lambda: torch.zeros(2, device="meta"),
    "float4_e2m1fn_x2": lambda: torch.zeros(2, dtype=torch.uint8).view(torch.float4_e2m1fn_x2),
}


@pytest.mark.parametrize("reason", EXOTIC)
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_exotic_tensors_are_refused(tmp_path: Path, reason: str) -> None:
    torch.save({"weight": EXOTIC[reason]()}, tmp_path / "model.pth")
    with pytest.raises(CheckpointError, match=reason):
        read_tensors(tmp_path / "model.pth")


def safetensors_file(header: str, data: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header.encode() + data


def entry(start: int, end: int, shape: int) -> str:
    return json.dumps({"dtype": "F32", "shape": [shape], "data_offsets": [start, end]})


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 2**40) + b"{}",
        safetensors_file(f'{{"a":{entry(0, 8, 2)},"b":{entry(4, 12, 2)}}}', bytes(12)),
        safetensors_file(f'{{"a":{entry(0, 4, 1)},"b":{entry(8, 12, 1)}}}', bytes(12)),
        safetensors_file(f'{{"a":{entry(0, 8, 3)}}}', bytes(8)),
        safetensors_file(f'{{"a":{entry(0, 8, 2)},"a":{entry(0, 8, 2)}}}', bytes(8)),
    ],
    ids=["header past the end", "overlap", "gap", "shape against bytes", "repeated name"],
)
def test_broken_safetensors_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(UnreadableCheckpoint, match="safetensors"):
        read_tensors(path)


def test_what_is_not_a_file_of_its_folder_is_refused(tmp_path: Path) -> None:
    folder, inside = tmp_path / "folder.pth", tmp_path / "models"
    folder.mkdir()
    inside.mkdir()
    os.mkfifo(tmp_path / "fifo.pth")
    (tmp_path / "outside.pth").write_bytes(b"")
    (inside / "link.pth").symlink_to(tmp_path / "outside.pth")
    reasons = {
        folder: "a folder, not a file",
        tmp_path / "fifo.pth": "not a regular file",
        inside / "link.pth": "a symbolic link out of",
        tmp_path / "absent.pth": "No such file",
    }
    for path, reason in reasons.items():
        with pytest.raises(UnreadableCheckpoint, match=reason):
            read_tensors(path)


NO_STATES: dict[str, object] = {
    "entry 'lin._packed_params.dtype' is of a module that torch.ao has quantized; take the": {
        "lin.scale": torch.ones(()),
        "lin._packed_params.dtype": torch.qint8,
    },
    "holds a list of 2, not a state_dict: a dict of tensors by their names": [torch.ones(2)] * 2,
    "holds float32 [2], not a state_dict: a dict of tensors": torch.ones(2),
    "entry 'epoch' is an int, not a tensor": {"epoch": 3, "model": {"w": torch.ones(1)}},
}


@pytest.mark.parametrize("reason", NO_STATES)
def test_what_is_no_state_dict_says_what_it_is(tmp_path: Path, reason: str) -> None:
    torch.save(NO_STATES[reason], tmp_path / "model.pth")
    with pytest.raises(StateMismatch) as caught:
        read_tensors(tmp_path / "model.pth")
    assert reason in str(caught.value)


def test_a_torchscript_archive_is_named_and_its_state_is_offered(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        # TorchScript is deprecated.
        warnings.simplefilter("ignore")
        torch.jit.script(torch.nn.Linear(2, 1)).save(tmp_path / "model.pth")
    with pytest.raises(UnsafeCheckpoint, match=r"a TorchScript archive of .*Linear.*convert"):
        read_tensors(tmp_path / "model.pth")
