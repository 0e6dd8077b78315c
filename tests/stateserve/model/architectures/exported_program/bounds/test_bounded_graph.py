"""A program that asks for too much is stopped before the memory is allocated, or the time spent."""

import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from stateserve.errors import ForwardFailed
from stateserve.model.architectures.exported_program import ProgramModule, read_program
from tests.programs import exported

ROWS = torch.ones(3, 4)


class Added(nn.Module):
    """The sum of what `function` makes of the input, added to it."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return x + self.function(x).sum()


def program(function: Callable[[Tensor], Tensor]) -> ProgramModule:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = ({0: torch.export.Dim.DYNAMIC},)
        return read_program(exported(Added(function), ROWS, dynamic_shapes=rows), "model.pt2")


def wide(x: Tensor, *shape: int) -> Tensor:
    """Zeros that take no memory."""
    return x.new_zeros([1] * len(shape)).expand(shape)


def zeros_of_value(x: Tensor) -> Tensor:
    length = (x.sum() * 2**20).long().item()
    torch._check(length >= 0)
    return torch.zeros(length, length)


ELEMENTS = "asks for more than 268435456 elements"
OPERATIONS = "the pass takes more than 17592186044416 operations"
TOO_LARGE: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "two sizes": (lambda _: torch.eye(2**20, 2**20), f"eye.m {ELEMENTS}"),
    "a step": (lambda _: torch.arange(0, 1, 1e-12), f"arange.start_step {ELEMENTS}"),
    "an offset": (lambda x: torch.diag_embed(x, 2**20), f"diag_embed {ELEMENTS}"),
    "a triangle": (lambda _: torch.tril_indices(2**20, 2**20), f"tril_indices {ELEMENTS}"),
    "a view": (lambda x: x[:, :1].expand(-1, 2**27), f"expand {ELEMENTS}"),
    "windows": (lambda x: functional.unfold(wide(x, 1, 1, 4096, 4096), 512), f"im2col {ELEMENTS}"),
    "powers": (lambda x: torch.vander(x[0], 2**27), f"empty.memory_format {ELEMENTS}"),
    "a broadcast": (lambda x: wide(x, 2**20, 1) * wide(x, 1, 2**20), f"mul.Tensor {ELEMENTS}"),
    "counts": (lambda x: torch.bincount((x[0] * 2**40).long()), f"bincount {ELEMENTS}"),
    "repeats": (
        lambda x: torch.repeat_interleave(x[0], (x[0] * 2**40).long()),
        f"repeat_interleave.Tensor {ELEMENTS}",
    ),
    "a size from a value": (zeros_of_value, f"zeros {ELEMENTS}"),
    "copied windows": (
        lambda x: functional.conv2d(
            wide(x.double(), 1, 1, 4096, 4096), wide(x.double(), 1, 1, 64, 64)
        ),
        f"convolution {ELEMENTS}",
    ),
    "a product": (
        lambda x: functional.conv2d(wide(x, 1, 1, 2**14, 2**14), wide(x, 1, 1, 1024, 1024)),
        f"at convolution {OPERATIONS}",
    ),
    "a pool": (
        lambda x: functional.avg_pool2d(wide(x, 1, 1, 2**13, 2**13), 2048, 1),
        f"at avg_pool2d {OPERATIONS}",
    ),
    "a factorization": (
        lambda x: torch.linalg.svdvals(wide(x, 2**14, 2**14)),
        f"at _linalg_svd {OPERATIONS}",
    ),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_a_program_that_computes_too_much_is_stopped_at_its_operator(name: str) -> None:
    function, reason = TOO_LARGE[name]
    place = r"models/model\.json: graph_module\.graph\.nodes\[\d+\]: "
    with pytest.raises(ForwardFailed, match=rf"^{place}{reason}\Z"):
        program(function)(ROWS)


def test_lengths_that_only_some_requests_have_are_bounded_too() -> None:
    module = program(lambda x: x.new_zeros(x.shape[0] ** 4, x.shape[0] ** 4))
    for rows in (1, 3, 5):
        torch.testing.assert_close(module(torch.ones(rows, 4)), torch.ones(rows, 4))
    with pytest.raises(ForwardFailed, match="asks for more than"):
        module(torch.ones(100, 4))
    torch.testing.assert_close(module(torch.ones(5, 4)), torch.ones(5, 4))


def test_lengths_that_depend_on_values_are_bounded_in_each_run() -> None:
    module = program(lambda x: torch.bincount(x[:, 0].long()))
    torch.testing.assert_close(module(ROWS), ROWS + 3)
    with pytest.raises(ForwardFailed, match="bincount asks for more than"):
        module(ROWS * 2**40)


def powers(x: Tensor) -> Tensor:
    number = x.shape[0]
    for _ in range(3):
        number = number * number * number * number * number * number * number * number
    return x.new_ones(1) * (number % 7)


def test_an_integer_of_very_many_digits_is_not_computed() -> None:
    module = program(powers)
    torch.testing.assert_close(module(ROWS), ROWS + 3**512 % 7)
    with pytest.raises(ForwardFailed, match=r"nodes\[\d+\]: an integer of more than 1024 bits\Z"):
        module(torch.ones(30_000, 4))


class Branches(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        large = x[0, 0] > 5
        return torch.cond(large, lambda x: torch.eye(2**20, 2**20)[:1, :4] + x, torch.sin, (x,))


def test_both_graphs_of_a_condition_are_bounded() -> None:
    module = read_program(exported(Branches(), ROWS), "model.pt2")
    torch.testing.assert_close(module(ROWS), ROWS.sin())
    with pytest.raises(ForwardFailed, match=r"eye\.m asks for more than"):
        module(ROWS * 10)


def test_an_error_of_an_operator_is_the_one_that_torch_raises() -> None:
    module = program(lambda x: x[0][x[:, 0].long()])
    with pytest.raises(IndexError, match="index 9 is out of bounds"):
        module(ROWS * 9)
    torch.testing.assert_close(module(ROWS), ROWS + 3)


def selected(x: Tensor) -> Tensor:
    positions = torch.nonzero(x > 1)
    kept = torch.masked_select(x, x > 0)
    return x[x > 0].sum() + positions.sum() + kept.sum() + torch.unique(x).sum()


def test_operators_whose_results_depend_on_values_compute_what_torch_computes() -> None:
    module = program(selected)
    for rows in (torch.arange(12.0).reshape(3, 4), -ROWS):
        torch.testing.assert_close(module(rows), rows + selected(rows).sum())
