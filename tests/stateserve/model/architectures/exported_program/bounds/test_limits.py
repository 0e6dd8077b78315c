"""What a pass has computed, and what it holds. Tensors on the device meta take no memory."""

from contextlib import nullcontext

import pytest
import torch
from torch._ops import OpOverload

from stateserve.errors import ForwardFailed
from stateserve.model.architectures.exported_program.bounds.limits import (
    MAX_OPERATORS,
    MAX_WORK,
    PassLimits,
)
from stateserve.model.architectures.exported_program.bounds.operator_work import work_of

aten = torch.ops.aten
GIBIBYTE = 2**28


def made() -> torch.Tensor:
    return torch.empty(GIBIBYTE, dtype=torch.float32, device="meta")


def test_results_count_until_they_are_free_and_views_and_inputs_do_not() -> None:
    given = made()
    limits = PassLimits([given])
    for _ in range(10):
        limits.hold(aten.relu.default, made())
    held = [made() for _ in range(4)]
    limits.hold(aten.relu.default, [*held, given, held[0][:5], held[0].reshape(2, -1)])
    with pytest.raises(ForwardFailed, match="at relu the pass holds more than 4294967296 bytes"):
        limits.hold(aten.relu.default, last := made())
    del last, held
    limits.hold(aten.relu.default, made())


def test_the_parts_of_an_axis_and_the_operators_are_counted() -> None:
    limits = PassLimits([])
    x = made().reshape(2**10, 2**18)
    for func, args in (
        (aten.unbind.int, (x, 1)),
        (aten.unbind.int, (x, -1)),
        (aten.split.Tensor, (x, 2, 1)),
    ):
        with pytest.raises(ForwardFailed, match="gives more than 65536 results"):
            limits.require_few(func, args)
    limits.require_few(aten.unbind.int, (x,))
    limits.require_few(aten.split.Tensor, (x, 2**10, 1))
    for _ in range(MAX_OPERATORS - 5):
        limits.require_few(aten.relu.default, (x,))
    with pytest.raises(ForwardFailed, match="computes more than 524288 operators"):
        limits.require_few(aten.relu.default, (x,))


def test_the_search_for_an_order_of_products_is_counted() -> None:
    matrix = torch.eye(4)
    for func in (aten.linalg_multi_dot.default, aten.chain_matmul.default):
        PassLimits([]).require_parts(func, ([matrix] * 100,))
        with pytest.raises(ForwardFailed, match="takes more than 17592186044416 operations"):
            PassLimits([]).require_parts(func, (), {"tensors": [matrix] * 4000})


@pytest.mark.parametrize(
    ("func", "few", "many"),
    [
        (aten.linalg_matrix_exp.default, (500, 500), (1500, 1500)),
        (aten.linalg_matrix_exp.default, (1000, 3, 3), (2**20, 3, 3)),
        (aten._linalg_svd.default, (2**16, 3, 3), (2**27, 1, 1)),
    ],
)
def test_factorizations_are_counted_by_matrix_and_exponentials_by_the_largest_norm(
    func: OpOverload, few: tuple[int, ...], many: tuple[int, ...]
) -> None:
    few_matrices, many_matrices = (
        torch.empty(shape, dtype=torch.float64, device="meta") for shape in (few, many)
    )
    PassLimits([]).require_small(func, (few_matrices,), {}, few_matrices)
    with pytest.raises(ForwardFailed, match="takes more than 17592186044416 operations"):
        PassLimits([]).require_small(func, (many_matrices,), {}, many_matrices)


def test_a_search_for_a_value_is_counted_by_the_square_of_its_axis() -> None:
    func = aten.kthvalue.default
    x = made().reshape(2**20, 2**8)
    PassLimits([]).require_small(func, (x, 1), {}, x[:, 0])
    with pytest.raises(ForwardFailed, match="at kthvalue the pass takes more than"):
        PassLimits([]).require_small(func, (x, 1, 0), {}, x[0])


def test_products_count_by_how_slow_their_dtype_is() -> None:
    for dtype, length in ((torch.float32, 2**14), (torch.float64, 2**13), (torch.int64, 2**11)):
        matrix = torch.ones((), dtype=dtype).expand(length, length)
        PassLimits([]).require_small(aten.mm.default, (matrix, matrix), {}, matrix)
    for dtype, length in ((torch.float64, 2**14), (torch.int64, 2**13)):
        matrix = torch.ones((), dtype=dtype).expand(length, length)
        with pytest.raises(ForwardFailed, match="at mm the pass takes more than"):
            PassLimits([]).require_small(aten.mm.default, (matrix, matrix), {}, matrix)


def test_the_memory_of_an_fft_of_a_prime_length_is_counted() -> None:
    func = aten._fft_r2c.default
    for length, fits in ((2**23 + 9, True), (2**24 + 43, False)):
        x = torch.zeros(1).expand(3, length)
        with (
            nullcontext() if fits else pytest.raises(ForwardFailed, match="more than 268435456 el")
        ):
            PassLimits([]).require_small(func, (x, [1], 0, True), {}, x)


def test_calls_in_a_loop_and_sums_of_series_are_counted() -> None:
    rows = torch.ones(1).expand(1, 2**20, 1)
    convolution = (rows, rows[0].unsqueeze(-1), None, [1], [0], [1], False, [0], 2**20)
    for func, args, least in (
        (aten.convolution.default, convolution, 2**39),
        (aten.unique_dim.default, (rows[0], 0), 2**37),
        (aten.igamma.default, (rows, rows), 2**34),
        (aten.igamma_.default, (rows, rows), 2**34),
    ):
        assert least <= work_of(func, args, {}, rows) <= MAX_WORK
