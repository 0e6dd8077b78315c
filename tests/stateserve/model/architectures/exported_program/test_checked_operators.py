"""Operators whose kernels do not check shapes: what fits is computed, other tensors are refused."""

from typing import Any

import pytest
import torch

from stateserve.model.architectures.exported_program import read_program
from stateserve.model.architectures.exported_program.checked_operators import CHECKED
from tests.programs import PROGRAM, small_archive, with_json

aten = torch.ops.aten
ROWS, ONES, LONG = torch.rand(2, 3, 4), torch.ones(3), torch.ones(9)
WAVES = torch.fft.rfft(ROWS)
FIT: list[tuple[Any, tuple[Any, ...]]] = [
    (aten._native_batch_norm_legit_no_training.default, (ROWS, ONES, None, ONES, ONES, 0.1, 1e-5)),
    (aten._native_batch_norm_legit.no_stats, (ROWS, ONES, ONES, True, 0.1, 1e-5)),
    (aten._weight_norm.default, (ROWS, torch.ones(2, 1, 1), 0)),
    (aten._weight_norm.default, (ROWS, torch.ones(1, 1, 4), 2)),
    (aten._weight_norm.default, (ROWS, torch.tensor(1.0), -1)),
    (aten._weight_norm_interface.default, (ROWS, torch.ones(2, 1, 1), 0)),
    (aten._fft_c2c.default, (WAVES, [1, -1], 0, True)),
    (aten._fft_r2c.default, (ROWS, [2], 2, True)),
    (aten._fft_c2r.default, (WAVES, [2], 2, 4)),
]
OTHERS: list[tuple[Any, tuple[Any, ...]]] = [
    (aten._native_batch_norm_legit_no_training.default, (ROWS, LONG, None, ONES, ONES, 0.1, 1e-5)),
    (aten._native_batch_norm_legit_no_training.default, (ONES, ONES, None, ONES, ONES, 0.1, 1e-5)),
    (aten._native_batch_norm_legit.no_stats, (ROWS, ONES, LONG, True, 0.1, 1e-5)),
    (aten._native_batch_norm_legit.no_stats, (ROWS, ONES, ONES, False, 0.1, 1e-5)),
    (aten._weight_norm.default, (ROWS, torch.ones(1, 1, 1), 0)),
    (aten._weight_norm.default, (ROWS, torch.ones(2, 1, 1), 5)),
    (aten._weight_norm_interface.default, (ROWS, torch.tensor(1.0), -1)),
    (aten._fft_c2c.default, (WAVES, [7], 0, True)),
    (aten._fft_c2c.default, (WAVES, [1, 1], 0, True)),
    (aten._fft_r2c.default, (ROWS, [2], 9, True)),
    (aten._fft_r2c.default, (ROWS, [], 0, True)),
    (aten._fft_c2r.default, (WAVES, [2], 2, 4000)),
]


@pytest.mark.parametrize(("operator", "arguments"), FIT)
def test_what_fits_gives_the_operators_own_results(operator: Any, arguments: Any) -> None:
    found = torch.utils._pytree.tree_leaves(CHECKED[operator](*arguments))
    wanted = torch.utils._pytree.tree_leaves(operator(*arguments))
    assert len(found) == len(wanted)
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize(("operator", "arguments"), OTHERS)
def test_a_kernel_gets_only_tensors_that_fit(operator: Any, arguments: Any) -> None:
    with pytest.raises(ValueError, match=r"^an? .*\Z"):
        CHECKED[operator](*arguments)


def test_the_graph_of_a_program_has_the_checks() -> None:
    def change(document: Any) -> None:
        graph = document["graph_module"]["graph"]
        names = {"v": "p_layer_weight", "g": "p_layer_bias"}
        inputs = [
            {"name": name, "arg": {"as_tensor": {"name": value}}, "kind": 1}
            for name, value in names.items()
        ]
        node = {"target": "torch.ops.aten._weight_norm.default", "inputs": inputs, "metadata": {}}
        node["outputs"] = [{"as_tensor": {"name": "last"}}]
        graph["nodes"].append(node)

    program = read_program(with_json(small_archive(), PROGRAM, change), "program")
    with pytest.raises(ValueError, match=r"a weight norm of \[3, 4\] with \[3\]"):
        program(torch.ones(2, 4))
