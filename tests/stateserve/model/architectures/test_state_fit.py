"""Strict loading of a state into any module."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from stateserve.errors import StateMismatch
from stateserve.model.architectures.state_fit import load_strictly, require_finite, take_off

State = dict[str, Tensor]


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.second = nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.register_buffer("mask", torch.full((2,), -torch.inf))
        self.register_buffer("scale", torch.ones(1), persistent=False)


def block() -> nn.Module:
    return nn.Sequential(nn.Conv1d(1, 2, 1), nn.BatchNorm1d(2))


def without(name: str) -> Callable[[State], State]:
    return lambda state: {key: each for key, each in state.items() if key != name}


def prefixed(prefix: str) -> Callable[[State], State]:
    return lambda state: {prefix + key: each for key, each in state.items()}


LOADING: dict[str, tuple[Callable[[], nn.Module], Callable[[State], State]]] = {
    "as it is": (block, lambda state: state),
    "no count of batches": (block, without("1.num_batches_tracked")),
    "tied": (Tied, lambda state: state),
    "one name of the tied": (Tied, without("second.weight")),
    "the other name": (Tied, without("first.weight")),
    "half": (block, lambda state: {k: v.half() if v.is_floating_point() else v for k, v in
                                   state.items()}),
}  # fmt: skip


@pytest.mark.parametrize("case", LOADING)
def test_a_state_that_fits_is_copied(case: str) -> None:
    make, change = LOADING[case]
    torch.manual_seed(1)
    source, module = make(), make()
    state = change(source.state_dict())
    load_strictly(module, state, "M")
    for name, tensor in module.state_dict().items():
        if name in state:
            assert torch.equal(tensor, state[name].to(tensor.dtype)), name
    assert all(each.requires_grad for each in module.parameters())


def test_a_lazy_module_takes_its_sizes_from_the_state() -> None:
    state = nn.Linear(5, 2).state_dict()
    module = nn.LazyLinear(2)
    load_strictly(module, state, "LazyLinear")
    x = torch.randn(3, 5)
    assert torch.allclose(module(x), x @ state["weight"].T + state["bias"])


def integers(state: State) -> State:
    return {name: each.int() for name, each in state.items()}


def untied(state: State) -> State:
    return {name: each + (name == "second.weight") for name, each in state.items()}


REFUSED = {
    "missing 0.weight": (block, without("0.weight")),
    "missing 0.weight; unexpected 'a'; it has": (
        block,
        lambda state: {**without("0.weight")(state), "a": torch.ones(1)},
    ),
    "0.bias has shape [3], not [2]": (block, lambda s: s | {"0.bias": torch.ones(3)}),
    "0.bias is torch.int32, not torch.float32": (block, integers),
    "first.weight and second.weight are one tensor of it, but differ": (Tied, untied),
    "every name begins with 'module.', as DataParallel names them; --strip-prefix module. takes": (
        block,
        prefixed("module."),
    ),
    "every name begins with '_orig_mod.', as torch.compile names them": (
        block,
        prefixed("_orig_mod."),
    ),
    "'module._orig_mod.', as DataParallel and torch.compile name": (
        block,
        prefixed("module._orig_mod."),
    ),
    "every name begins with 'net.'; --strip-prefix net. takes": (block, prefixed("net.")),
    "begins with 'module.'": (
        block,
        lambda s: {"n_averaged": torch.tensor(3)} | prefixed("module.")(s),
    ),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_state_that_does_not_fit_is_refused_in_one_line(reason: str) -> None:
    make, change = REFUSED[reason]
    with pytest.raises(StateMismatch) as caught:
        load_strictly(make(), change(make().state_dict()), "Net")
    text = str(caught.value)
    assert text.startswith("the state does not fit Net: ")
    assert reason.replace("name them", "names them") in text or reason in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (
            lambda s: prefixed("student.")(s) | prefixed("teacher.")(s),
            "below 'student.' and 'teacher.' fits: --strip-prefix student. takes it alone",
        ),
        (
            lambda s: s | prefixed("ema.")(s),
            "below 'ema.' fits: --strip-prefix ema. takes it alone; to leave out what is not "
            "expected: stateserve convert --only 0 --only 1 IN OUT",
        ),
        (lambda s: s | {"extra": torch.ones(1)}, "convert --only 0 --only 1 IN OUT"),
        (
            lambda s: {name.replace("0.", "a b."): each for name, each in s.items()},
            "the shapes fit: stateserve convert --rename 'a b=0' IN OUT",
        ),
        (lambda s: {n.replace("weight", "W"): each for n, each in s.items()}, "--rename W=weight"),
    ],
)
def test_a_state_of_other_names_is_told_what_to_do(
    change: Callable[[State], State], hint: str
) -> None:
    with pytest.raises(StateMismatch) as caught:
        load_strictly(block(), change(block().state_dict()), "Net")
    assert str(caught.value).endswith(hint) or f"{hint} IN OUT" in str(caught.value)


def test_other_shapes_and_numbers_of_names_get_no_hint() -> None:
    state = block().state_dict()
    for changed in (
        {name.replace("0.", "a."): torch.ones(9) for name in state},
        {"a": torch.ones(1), **without("0.weight")(state)},
        {"a\n.b": torch.ones(1)},
        state | {"0.bias": torch.ones(3)},
        {},
    ):
        with pytest.raises(StateMismatch) as caught:
            load_strictly(block(), changed, "Net")
        assert "convert" not in str(caught.value)


def test_taking_a_prefix_off_leaves_no_other_name() -> None:
    state = prefixed("module.")(block().state_dict())
    averaged = {"n_averaged": torch.tensor(1)}
    assert take_off("module.", state | averaged).keys() == block().state_dict().keys()
    assert take_off("", state) == state
    more = state | {"a": torch.ones(1)}
    assert take_off("module.", more).keys() == block().state_dict().keys()
    assert take_off("", more) == more
    with pytest.raises(StateMismatch, match=r"no name begins with 'net\.'; it has 8 entries"):
        take_off("net.", more)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_parameter_is_finite_and_a_buffer_is_not_nan(value: float) -> None:
    module = Tied()
    require_finite(module)
    module.mask.fill_(torch.nan)
    with pytest.raises(StateMismatch, match="'mask' has 2 NaN or infinite"):
        require_finite(module)
    module = Tied()
    with torch.no_grad():
        module.first.bias[1] = value
    with pytest.raises(StateMismatch, match=r"'first\.bias' has 1 NaN or infinite"):
        require_finite(module)
