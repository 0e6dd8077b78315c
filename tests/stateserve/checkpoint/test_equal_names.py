"""Two tensors, or two states, that would have one name are refused: none is left out."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from stateserve.checkpoint import Checkpoint, convert, read_state
from stateserve.errors import StateMismatch, UnreadableCheckpoint

ONE, TWO = torch.ones(1), torch.ones(2)
WEIGHTS, OTHERS = {"w": torch.ones(1, 1)}, {"w": torch.ones(2, 2)}


def dotted() -> nn.Module:
    """A module whose parameter has the name of another's, as no call of torch makes one."""
    module = nn.Sequential(nn.Linear(1, 1))
    module._parameters["0.bias"] = nn.Parameter(TWO)
    return module


def twofold() -> nn.Module:
    module = nn.BatchNorm1d(1)
    module._parameters["running_mean"] = nn.Parameter(TWO)
    return module


CLASHES: dict[str, tuple[object, str]] = {
    "a number and its text": ({1: ONE, "1": TWO}, r"two .* the name '1': \[1\] and \['1'\]"),
    "joined and nested": (
        {"a": {0: ONE}, "a.0": TWO, 1: ONE},
        r"the name 'a\.0': \['a'\]\[0\] and \['a\.0'\]",
    ),
    "a place in a list": ({"a": [ONE], 0: ONE, "a.0": TWO}, r"\['a'\]\[0\] and \['a\.0'\]"),
    "no name": ({"": ONE, "tensor": TWO, 0: ONE}, r"the name 'tensor': \[''\] and \['tensor'\]"),
    "keys that are written alike": ({b"ab": ONE, b"cd": TWO}, "the name '2 bytes'"),
    "states": ({1: WEIGHTS, "1": OTHERS}, r"two states .* the key '1': \[1\] and \['1'\]"),
    "states at a path": (
        {"a/b": WEIGHTS, "a": {"b": OTHERS}},
        r"the key 'a/b': \['a/b'\] and \['a'\]\['b'\]",
    ),
    "an optimizer's": (
        {"state": {0: {"m": ONE}, "0": {"m": TWO}}, "param_groups": []},
        r"the name '0\.m': \[0\]\['m'\] and \['0'\]\['m'\]",
    ),
    "a module's": (dotted(), r"two tensors .* '0\.bias': '0\.bias' and '0'\.'bias'"),
    "a parameter and a buffer": (twofold(), "the name 'running_mean'"),
}


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


@pytest.mark.parametrize("name", CLASHES)
def test_two_entries_of_one_name_are_refused_with_both(name: str, tmp_path: Path) -> None:
    content, reason = CLASHES[name]
    path = saved(tmp_path / "a.pth", content)
    with pytest.raises(UnreadableCheckpoint, match=rf"a\.pth: .*{reason}"):
        read_state(path)


def test_a_path_to_two_parts_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pth", {"model": WEIGHTS, "more": {1: ONE, "1": TWO}})
    assert list(read_state(path, "model")) == ["w"]
    for key, reason in {"more": r"\[1\] and \['1'\]", "more/1": "2 parts are at 'more/1'"}.items():
        with pytest.raises((StateMismatch, UnreadableCheckpoint), match=reason):
            read_state(path, key)


def test_keys_of_several_parts_have_names_of_their_own(tmp_path: Path) -> None:
    content: dict[object, Tensor] = {(0, 1): ONE, (0, "1"): TWO, 1: ONE, "one": TWO}
    found = Checkpoint.open(saved(tmp_path / "a.pth", content)).state().tensors
    shapes = {name: tensor.shape for name, tensor in found.items()}
    assert shapes == {"(0, 1)": (1,), "(0, '1')": (2,), "1": (1,), "one": (2,)}


def test_tensors_beside_a_state_are_named_as_such_if_it_is_converted(tmp_path: Path) -> None:
    content = {"w": TWO, "layers": {0: ONE, 1: TWO}, "epoch": 3}
    path = saved(tmp_path / "a.pth", content)
    notes = convert(path, tmp_path / "a.safetensors").notes
    assert "left out, tensors that are not in this state: layers" in notes
    assert "left out, no tensors: epoch" in notes
