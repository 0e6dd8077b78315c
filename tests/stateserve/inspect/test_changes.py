"""Changes of modules and unchanged parts, with torch as the oracle."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stateserve.inspect.changes import Unchanged, by_change, module_changes, unchanged
from stateserve.inspect.state_difference import compare_states, exceeding


def states(*moved: str) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    names = ["a.0.w", "a.0.b", "a.1.w", "a.1.b", "head.w", "top"]
    first = {name: torch.randn(4, 2, generator=generator) for name in names}
    second = {name: tensor.clone() for name, tensor in first.items()}
    for scale, name in enumerate(moved, 1):
        second[name][:2] += 0.1 * scale
    return first, second


def test_a_modules_change_is_that_of_its_tensors_as_one() -> None:
    first, second = states("a.1.w", "a.1.b", "top")
    found = module_changes(compare_states(first, second).differences)
    assert [each.name for each in found[:2]] in (["a.1", ""], ["", "a.1"])
    [module] = [each for each in found if each.name == "a.1"]
    a, b = (torch.cat([s["a.1.w"], s["a.1.b"]]).double() for s in (first, second))
    assert module.relative_norm == pytest.approx(((b - a).norm() / a.norm()).item())
    assert module.max_absolute == (b - a).abs().max().item()
    assert (module.tensors, module.changed_tensors, module.share) == (2, 2, 0.5)


def test_tensors_are_sorted_by_their_change() -> None:
    first, second = states("a.0.w", "head.w", "a.1.b")
    first["zero"], second["zero"] = torch.zeros(2), torch.ones(2)
    found = by_change(compare_states(first, second).differences)
    # Without a norm, the change is infinitely large.
    assert found[0].name == "zero"
    norms = [each.relative_norm for each in found[1:]]
    assert norms == sorted(norms, reverse=True)
    assert {each.name for each in found} == {"zero", "a.0.w", "head.w", "a.1.b"}


def test_unchanged_parts_are_the_outermost() -> None:
    def parts(*moved: str) -> list[Unchanged]:
        return unchanged(compare_states(*states(*moved)).differences)

    assert parts("a.1.b") == [
        *(Unchanged("a.0", 2), Unchanged("a.1.w", 1), Unchanged("head.w", 1), Unchanged("top", 1))
    ]
    assert parts("top") == [Unchanged("a", 4), Unchanged("head.w", 1)]


@given(st.sets(st.sampled_from(list(states()[0]))))
def test_every_unchanged_tensor_is_counted_once(moved: set[str]) -> None:
    found = unchanged(compare_states(*states(*moved)).differences)
    assert sum(each.tensors for each in found) == 6 - len(moved)


def test_a_tolerance_is_of_the_relative_norm() -> None:
    first = {"x": torch.tensor([3.0, 4.0]), "zero": torch.zeros(2)}
    near = {"x": torch.tensor([3.0, 4.05], dtype=torch.float64), "zero": torch.zeros(2)}
    comparison = compare_states(first, near)
    assert exceeding(comparison, 0.011) == []
    assert exceeding(comparison, 0.009) == ["x"]
    other = {"x": torch.tensor([[3.0, 4.0]]), "zero": torch.tensor([0.0, 1e-9]), "new": first["x"]}
    assert exceeding(compare_states(first, other), 1e9) == ["new", "x", "zero"]
    nan = {"x": torch.tensor([3.0, float("nan")]), "zero": torch.zeros(2)}
    assert exceeding(compare_states(first, nan), 1) == ["x"]
    assert exceeding(compare_states(nan, nan), 0) == []
