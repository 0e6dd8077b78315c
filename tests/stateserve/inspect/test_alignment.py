"""The names of two states, of which a module may wrap one network."""

import torch
from torch import nn

from stateserve.inspect.alignment import align, match_names


def test_the_wrapper_around_one_of_two_states_is_found() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
    averaged = torch.optim.swa_utils.AveragedModel(net)
    plain = list(net.state_dict())
    assert match_names(averaged.state_dict(), plain) == ("module.", "")
    assert match_names(plain, [f"module._orig_mod.{name}" for name in plain]) == (
        "",
        "module._orig_mod.",
    )
    lightning = [*(f"model.{name}" for name in plain), "loss.weight"]
    assert match_names(lightning, [f"_orig_mod.{name}" for name in plain]) == (
        "model.",
        "_orig_mod.",
    )
    assert match_names(plain, plain) == match_names(plain, ["x"]) == match_names([], []) == ("", "")


def test_what_wraps_one_of_two_networks_is_left_out_and_said() -> None:
    wrapped = {"module.a._orig_mod.b": 1, "module.n": 2}
    found = align(wrapped, {"a.b": 3, "n": 4})
    assert (found.first, found.second) == ({"a.b": 1, "n": 2}, {"a.b": 3, "n": 4})
    assert found.notes == [
        "left out of the names: _orig_mod, _fsdp_wrapped_module, _checkpoint_wrapped_module",
        "left out of the names of A: module.",
    ]
    assert align({"a": 1}, {"model.a": 2}).notes == ["left out of the names of B: model."]
    assert align(wrapped, wrapped).notes == []
    # Two names would become equal.
    clash = {"a._orig_mod.b": 1, "a.b": 2}
    assert align(clash, {"a.b": 3}).first == clash
