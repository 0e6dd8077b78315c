"""Containers: states at any key, objects that are not built, whole modules without their code."""

import argparse
import collections
import dataclasses
import datetime
import io
import pathlib
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from stateserve.checkpoint.checkpoint import Checkpoint
from stateserve.checkpoint.content import MAX_DEPTH, MAX_PATHS, walk
from stateserve.checkpoint.description import describe
from stateserve.checkpoint.found_states import find_states
from stateserve.checkpoint.pickles.interpreter import MAX_MARKS
from stateserve.checkpoint.pickles.objects import Opaque
from stateserve.checkpoint.readers.torch_pickles import read_pickled
from stateserve.checkpoint.sources import Memory
from stateserve.errors import StateMismatch, UnreadableCheckpoint, UnsafeCheckpoint


@dataclasses.dataclass
class Config:
    rate: float = 0.1
    layers: tuple[int, ...] = (3, 4)


class Odd(dict):  # type: ignore[type-arg]
    pass


def saved(path: Path, content: object) -> Checkpoint:
    torch.save(content, path)
    return Checkpoint.open(path)


def described(checkpoint: Checkpoint) -> dict[str, str]:
    return {"/".join(node.path): describe(node.value) for node in checkpoint.walk()}


def test_every_value_beside_a_state_is_listed_and_none_is_built(tmp_path: Path) -> None:
    content = {
        "epoch": 3,
        "state_dict": {"w": torch.ones(2)},
        "args": argparse.Namespace(lr=0.1, path=pathlib.PurePosixPath("a/b")),
        "config": Config(),
        "best": np.float64(0.93),
        "history": np.arange(5),
        "when": datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
        "counts": collections.Counter("aab"),
        "queue": collections.deque([1, 2]),
        "odd": Odd(x=1),
        "set": {1},
        "device": torch.device("cpu"),
        "dtype": torch.float16,
        "size": torch.Size((1, 2)),
        "kind": Config,
        "huge": 10**5000,
        (1, "a"): None,
    }
    found = described(saved(tmp_path / "a.ckpt", content))
    assert found["epoch"] == "3"
    assert found["args"] == "argparse.Namespace()"
    assert found["args/lr"] == "0.1"
    assert found["config"].endswith("test_content.Config()")
    assert found["config/rate"] == "0.1"
    assert found["best"] == "0.93 (float64)"
    assert found["history"] == "int64 [5]"
    assert found["when"].startswith("datetime.datetime")
    assert found["counts/a"] == "2"
    assert found["queue/0"] == "1"
    assert found["odd/x"] == "1"
    assert found["set/0"] == "1"
    assert found["device"] == "torch.device('cpu')"
    assert found["dtype"] == "torch.float16"
    assert found["size/1"] == "2"
    assert found["kind"].endswith("test_content.Config")
    assert found["huge"].startswith("a number of ")


def test_no_class_of_a_file_is_imported(tmp_path: Path) -> None:
    content = pickle.dumps({"a": Config(), "w": np.ones(2)}).replace(
        b"test_content", b"test_nowhere"
    )
    path = tmp_path / "a.pkl"
    path.write_bytes(content)
    before = set(sys.modules)
    assert "test_nowhere.Config" in described(Checkpoint.open(path))["a"]
    assert set(sys.modules) == before


def test_states_are_found_at_any_depth_and_optimizers_told_apart(tmp_path: Path) -> None:
    module = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(module.parameters(), momentum=0.9)
    module(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    checkpoint = saved(
        tmp_path / "a.pt",
        {
            "nets": {"generator": module.state_dict(), "ema": {"shadow": module.state_dict()}},
            "optimizers": [optimizer.state_dict()],
            "rng": torch.get_rng_state(),
        },
    )
    assert {key: state.kind for key, state in checkpoint.states.items()} == {
        "nets/generator": "state",
        "nets/ema/shadow": "state",
        "optimizers/0": "optimizer",
    }
    assert list(checkpoint.state("optimizers/0").tensors) == [
        "0.momentum_buffer",
        "1.momentum_buffer",
    ]
    with pytest.raises(StateMismatch, match="'nets/generator', 'nets/ema/shadow', 'optimizers/0'"):
        checkpoint.state()
    # Any part of the content has a key.
    assert list(checkpoint.state("nets/ema").tensors) == ["shadow.weight", "shadow.bias"]
    assert list(checkpoint.state("rng").tensors) == ["tensor"]
    with pytest.raises(StateMismatch, match="no tensors at 'net'; its states are at"):
        checkpoint.state("net")


def test_the_only_state_is_chosen_without_a_key(tmp_path: Path) -> None:
    module = nn.Linear(3, 2)
    content = {"model": module.state_dict(), "optimizer": torch.optim.Adam(module.parameters())}
    content["optimizer"] = content["optimizer"].state_dict()
    found = saved(tmp_path / "a.pt", content | {"epoch": 1}).read()
    assert list(found) == ["weight", "bias"]


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
        self.again = self.body[0]
        self.head = nn.Linear(3, 3)
        self.head.weight = self.body[0].weight
        self.register_buffer("mask", torch.ones(3), persistent=False)
        self.register_buffer("scale", torch.ones(3))
        self.register_buffer("nothing", None)
        self.extra = torch.ones(2)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_whole_module_has_the_state_that_torch_gives_it(tmp_path: Path, legacy: bool) -> None:
    module, path = Tied(), tmp_path / "whole.pth"
    torch.save(module, path, _use_new_zipfile_serialization=not legacy)
    checkpoint = Checkpoint.open(path)
    state = checkpoint.state()
    assert state.kind == "module"
    assert str(state.class_name).endswith("test_content.Tied")
    found, wanted = checkpoint.read(), module.state_dict()
    # Parameters before buffers, as torch has them.
    assert list(found) == list(wanted)
    for name, tensor in wanted.items():
        np.testing.assert_array_equal(found[name], tensor)
    assert state.tensors["head.weight"].ties(state.tensors["body.0.weight"])
    with pytest.raises(
        UnsafeCheckpoint,
        match=r"whole module, .*py:Tied: .*whole\.pth \S+whole\.safetensors",
    ):
        checkpoint.read_plain()


def test_a_module_inside_a_container_is_found(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "yolo.pt", {"epoch": 1, "model": nn.Linear(2, 2), "ema": None})
    assert checkpoint.state().key == "model"


def test_a_container_says_how_its_state_is_served(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "a.pt", {"epoch": 3, "state_dict": {"w": torch.ones(2)}})
    with pytest.raises(StateMismatch, match=r"--key state_dict \S+a\.pt \S+a\.safetensors"):
        checkpoint.read_plain()


@pytest.mark.parametrize("archive", [True, False])
def test_an_optimizer_of_thousands_of_small_tensors_is_read(tmp_path: Path, archive: bool) -> None:
    entry = {"step": 1.0, "exp_avg": 0, "exp_avg_sq": 0}
    state = {
        index: {name: torch.full((1,), float(value)) for name, value in entry.items()}
        for index in range(1000)
    }
    content = {"optimizer": {"state": state, "param_groups": []}, "loss": [0.1] * 100_000}
    torch.save(content, tmp_path / "a.pt", _use_new_zipfile_serialization=archive)
    found = Checkpoint.open(tmp_path / "a.pt").states["optimizer"].tensors
    assert len(found) == 3000
    assert found["999.step"].array().tolist() == [1]


def read(content: object) -> object:
    saved = pickle.dumps(content)
    return read_pickled(Memory(saved))


def test_cycles_and_deep_nests_end() -> None:
    loop: list[object] = []
    loop.append({"again": loop})
    nodes = list(walk(read(loop)))
    assert [node.seen for node in nodes] == [False, False, True]
    deep: object = np.ones(1)
    for _ in range(200):
        deep = [deep]
    assert len(list(walk(read(deep)))) == MAX_DEPTH + 1


def test_modules_that_share_modules_again_and_again_are_refused() -> None:
    module: object = {"w": np.ones(1)}
    root = Opaque("Net", state={"_parameters": module, "_modules": {}})
    for _ in range(60):
        root = Opaque("Net", state={"_parameters": {}, "_modules": {"a": root, "b": root}})
    with pytest.raises(Exception, match="parts"):
        find_states(root)


def test_dicts_of_python_2_and_old_protocols_are_read() -> None:
    ordered = collections.OrderedDict([("a", 1), ("b", 2)])
    for protocol in range(6):
        found = read_pickled(Memory(pickle.dumps(ordered, protocol)))
        assert found == {"a": 1, "b": 2}
    old = b"ccollections\nOrderedDict\np0\n((lp1\n(lp2\nS'a'\np3\naI1\naatp4\nRp5\n."
    assert read_pickled(Memory(old)) == {"a": 1}


def test_a_stream_with_two_pickles_is_read_to_the_first_end() -> None:
    content = io.BytesIO()
    pickle.dump({"a": 1}, content)
    pickle.dump({"b": 1}, content)
    assert read_pickled(Memory(content.getvalue())) == {"a": 1}


def test_a_tensor_that_is_not_its_bytes_is_listed_but_not_read(tmp_path: Path) -> None:
    """torch writes a conjugated tensor as it was before, and a word beside it."""
    conjugated, other = (torch.ones(2, dtype=torch.complex64).conj() for _ in range(2))
    torch.save({"c": conjugated, "n": other.imag, "w": torch.ones(2)}, tmp_path / "a.pth")
    tensors = Checkpoint.open(tmp_path / "a.pth").state().tensors
    assert {name: tensor.dtype for name, tensor in tensors.items()} == {
        "c": "conj complex64",
        "n": "neg float32",
        "w": "float32",
    }
    with pytest.raises(StateMismatch, match="values of neg float32 are not read"):
        tensors["n"].array()


def test_a_list_that_contains_itself_is_visited_a_limited_number_of_times() -> None:
    endless: list[object] = []
    endless += [endless] * 100_000 + [1]
    nodes = list(walk({"a": endless}))
    assert len(nodes) < 2 * MAX_PATHS
    assert (nodes[-1].path, nodes[-1].value, nodes[-1].seen) == (("a", "100000"), 1, False)
    assert find_states(endless) == {}


def test_far_too_many_open_marks_are_refused() -> None:
    content = b"\x80\x04" + b"(" * (MAX_MARKS + 1) + b"]."
    with pytest.raises(UnreadableCheckpoint, match="marks are open"):
        read_pickled(Memory(content))
