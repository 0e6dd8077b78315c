"""Differences of two states, with NumPy as the oracle."""

import json
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stateserve.inspect.state_difference import Outline, Recast, compare_states
from stateserve.inspect.tensor_difference import CHUNK, Difference
from stateserve.model.architectures.multiclass import Multiclass
from tests.process import forked
from tests.project import ROOT


def difference(first: object, second: object) -> Difference:
    [found] = compare_states(
        {"x": torch.as_tensor(first)}, {"x": torch.as_tensor(second)}
    ).differences
    return found


pairs = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0).flatmap(
    lambda shape: st.tuples(
        *[hnp.arrays(np.float32, shape, elements=st.floats(width=32))] * 2  # NaN and inf too
    )
)


@given(pairs)
@example((np.float32([3.4e38]), np.float32([-3.4e38])))
def test_differences_are_numpys_over_what_is_finite_in_both(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    found = difference(*pair)
    both = np.isfinite(pair[0]) & np.isfinite(pair[1])
    first, second = (array[both].astype(np.float64) for array in pair)
    assert found.non_finite == both.size - both.sum()
    same = (pair[0] == pair[1]) | (np.isnan(pair[0]) & np.isnan(pair[1]))
    assert found.changed == both.size - same.sum()
    if not both.any():
        assert found.max_absolute is found.mean_absolute is None
        assert found.relative_norm is found.cosine is None
        return
    delta = np.abs(second - first)
    assert found.max_absolute == delta.max()
    assert found.mean_absolute == pytest.approx(delta.mean(), rel=1e-12)
    norms = np.linalg.norm(first), np.linalg.norm(second)
    if norms[0] == 0:
        assert found.relative_norm is None
    else:
        assert found.relative_norm == pytest.approx(np.linalg.norm(delta) / norms[0], rel=1e-9)
    if 0 in norms:
        assert found.cosine is None
    else:
        wanted = (first / norms[0]) @ (second / norms[1])
        assert found.cosine == pytest.approx(wanted, rel=1e-9, abs=1e-12)
        assert -1 <= found.cosine <= 1


@given(pairs)
def test_a_state_is_identical_to_itself_and_json_takes_any_comparison(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    first, second = ({"x": torch.from_numpy(array)} for array in pair)
    same = compare_states(first, first)
    assert same.identical
    assert {same.differences[0].cosine} <= {None, 1}
    found = compare_states(first, second)
    assert found.identical == np.array_equal(*pair, equal_nan=True)
    json.dumps(asdict(found), allow_nan=False)


def test_names_shapes_and_dtypes_that_changed_are_listed() -> None:
    first = {"gone": torch.ones(2), "wider": torch.ones(2, 2), "same": torch.ones(1)}
    first |= {"halved": torch.ones(3)}
    second = {"halved": torch.ones(3).half(), "same": torch.ones(1), "wider": torch.ones(2, 3)}
    second |= {"new": torch.ones(3, dtype=torch.int64)}
    found = compare_states(first, second)
    assert found.removed == [Outline("gone", [2], "float32")]
    assert found.added == [Outline("new", [3], "int64")]
    assert found.recast == [
        Recast(Outline("wider", [2, 2], "float32"), Outline("wider", [2, 3], "float32")),
        Recast(Outline("halved", [3], "float32"), Outline("halved", [3], "float16")),
    ]
    # A tensor of a new dtype can still be compared; one of a new shape cannot.
    assert [(each.name, each.changed) for each in found.differences] == [("same", 0), ("halved", 0)]
    assert not found.identical


DTYPES = [
    *(torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn, torch.float8_e5m2),
    *(torch.bool, torch.uint8, torch.int8, torch.int64, torch.uint16, torch.uint64),
]


@pytest.mark.parametrize("before", DTYPES)
@pytest.mark.parametrize("after", DTYPES)
def test_every_dtype_compares_with_every_other(before: torch.dtype, after: torch.dtype) -> None:
    found = difference(torch.tensor([1.0, 0, 1]).to(before), torch.tensor([1.0, 1, 1]).to(after))
    assert (found.changed, found.max_absolute) == (1, 1)


def test_integers_past_float64_are_still_told_apart() -> None:
    assert difference([2**53], [2**53 + 1]).changed == 1


@given(
    st.sampled_from([np.int64, np.uint64]),
    st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1)), min_size=1),
)
def test_differences_of_64_bits_are_those_of_pythons_integers(
    dtype: type, pairs: list[tuple[int, int]]
) -> None:
    first, second = (np.array(each, np.uint64).view(dtype) for each in zip(*pairs, strict=True))
    found = difference(first, second)
    exact = [abs(int(b) - int(a)) for a, b in zip(first, second, strict=True)]
    assert found.max_absolute == float(max(exact))
    assert found.changed == sum(map(bool, exact))


def test_what_float64_cannot_hold_is_none() -> None:
    first, second = np.array([1e308, -1.0]), np.array([-1e308, 1.0])
    found = difference(first, second)
    assert found.changed == 2
    assert found.max_absolute is None
    # Ratios are finite, because the numbers are scaled first.
    assert (found.relative_norm, found.cosine) == (2.0, -1.0)
    assert difference(first, [1.0, 1.0]).relative_norm == pytest.approx(1)
    assert difference(first, [1.0, 1.0]).cosine is difference([1.0, 1.0], first).cosine is None


def test_parameters_are_compared_without_a_graph_and_views_by_their_values() -> None:
    module = Multiclass()
    # The same values in column-major order.
    turned = {
        name: tensor.reshape(len(tensor), -1).T.contiguous().T.reshape(tensor.shape)
        for name, tensor in module.named_parameters()
    }
    assert compare_states(dict(module.named_parameters()), turned).identical


def test_a_difference_in_the_last_chunk_counts_as_one_in_the_first() -> None:
    first = torch.zeros(2 * CHUNK + 1)
    second = first.clone()
    second[0], second[-1] = 3, -4
    found = difference(first + 1, second + 1)
    assert found.changed == 2
    assert found.max_absolute == 4
    assert found.mean_absolute == pytest.approx(7 / (2 * CHUNK + 1))
    assert found.relative_norm == pytest.approx(5 / np.sqrt(2 * CHUNK + 1))


MEMORY = """
import resource, torch
from stateserve.inspect.state_difference import compare_states
first, second = {"x": torch.ones(2**25)}, {"x": torch.zeros(2**25)}
compare_states({"x": torch.ones(2)}, {"x": torch.ones(2)})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert compare_states(first, second).differences[0].changed == 2**25
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux alone")
def test_a_large_state_is_not_copied_whole() -> None:
    result = subprocess.run(
        forked("-c", MEMORY), capture_output=True, text=True, check=True, cwd=ROOT
    )
    # A tensor of 128 MiB would be 256 MiB in float64.
    assert int(result.stdout) < 64 * 1024


@pytest.mark.parametrize("size", [1e-300, 1e-162, 1.0, 1e200])
def test_small_and_large_numbers_have_a_relative_norm(size: float) -> None:
    found = difference(np.array([1.0, 2, 3]) * size, np.array([1.5, 3, 4.5]) * size)
    assert found.relative_norm == pytest.approx(0.5)
    assert found.cosine == pytest.approx(1)
