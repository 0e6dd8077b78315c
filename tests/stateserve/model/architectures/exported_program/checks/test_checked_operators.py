"""Operators whose kernels do not check their arguments: what fits is computed, the rest refused."""

import os
from typing import Any

import pytest
import torch
from torch import Tensor

from stateserve.errors import UnsafeCheckpoint
from stateserve.model.architectures.exported_program import read_program
from stateserve.model.architectures.exported_program.checks.checked_operators import CHECKED
from stateserve.model.architectures.exported_program.operators import aten_operator
from tests.programs import PROGRAM, small_archive, with_json

aten = torch.ops.aten
ROWS, ONES, LONG = torch.rand(2, 3, 4), torch.ones(3), torch.ones(9)
WAVES = torch.fft.rfft(ROWS)
PICTURES, IDS = torch.rand(2, 3, 4, 6), torch.tensor([0, 2, 1, 1])
WEIGHTS = [torch.rand(8, 4), torch.rand(8, 2), torch.rand(8), torch.rand(8)]
DEEPER = [*WEIGHTS * 2, *[torch.rand(8, 4), *WEIGHTS[1:]] * 2]
GRU = [torch.rand(6, 4), torch.rand(6, 2), torch.rand(6), torch.rand(6)]
PROJECTED = [torch.rand(8, 4), torch.rand(8, 1), torch.rand(1, 2)]


def recurrent(weights: list[Tensor], *options: Any, states: Any = ((1, 3, 2),) * 2) -> Any:
    """The arguments of a layer over ROWS, whose second axis has the sequences."""
    biases, layers, bidirectional = options or (True, 1, False)
    hx = [torch.zeros(shape) for shape in states] if states else torch.zeros(1, 3, 2)
    return ROWS, hx, weights, biases, layers, 0.0, False, bidirectional, False


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
    (aten.lstm.input, recurrent(WEIGHTS)),
    (aten.lstm.input, recurrent(DEEPER, True, 2, True, states=((4, 3, 2),) * 2)),
    (aten.lstm.input, recurrent(PROJECTED, False, 1, False, states=((1, 3, 1), (1, 3, 2)))),
    (aten.upsample_nearest1d.default, (ROWS, [9], 2.25)),
    (aten.upsample_bilinear2d.default, (PICTURES, [2, 9], False, None, 1.6)),
    (aten._upsample_bicubic2d_aa.default, (PICTURES, [1, 2], False, 0.3, 1 / 3)),
    (aten.avg_pool2d.default, (PICTURES, [2, 2], [1, 1], 1, False, True, 3)),
    (aten.avg_pool3d.default, (PICTURES, [2, 2, 2])),
    (aten.gru.input, recurrent(GRU, states=None)),
    (aten.embedding_bag.default, (ROWS[0], IDS, torch.tensor([0, 2, 2]))),
    (aten.embedding_bag.padding_idx, (ROWS[0], IDS, IDS * 0, False, 2, False, None, False, 1)),
    (aten._embedding_bag.default, (ROWS[0], IDS, IDS * 0, False, 0, False, torch.ones(4))),
    (aten.scaled_dot_product_attention.default, (PICTURES, PICTURES, PICTURES)),
    (aten.lcm.default, (torch.tensor([4, -6, 0, 2**62]), torch.tensor([6, 4, 3, 1]))),
    (aten.lcm.default, (torch.tensor([-128], dtype=torch.int8), torch.tensor([5]))),
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
    (aten.lstm.input, recurrent([torch.rand(8, 1), *WEIGHTS[1:]])),
    (aten.lstm.input, recurrent([*WEIGHTS[:3], torch.rand(1)])),
    (aten.lstm.input, recurrent(WEIGHTS, True, 10**12, False, states=((1, 3, 2),) * 2)),
    (aten.lstm.input, recurrent(WEIGHTS, True, 1, False, states=((1, 9, 2),) * 2)),
    (aten.lstm.input, recurrent(WEIGHTS, True, 1, False, states=((1, 3, 2), (3, 2)))),
    (aten.lstm.input, recurrent([each.double() for each in WEIGHTS])),
    (aten._upsample_bilinear2d_aa.default, (PICTURES, [4, 4], False, 1e-8, 1e-18)),
    (aten._upsample_bilinear2d_aa.default, (PICTURES, [1, 1], False, 1 / 4, 1e-18)),
    (aten._upsample_nearest_exact2d.default, (PICTURES, [4, 4], None, 0.1)),
    (aten.upsample_linear1d.default, (ROWS, [2], False, 9.0)),
    (aten.upsample_trilinear3d.default, (PICTURES, [2, 2, 2], False)),
    (aten.gru.input, recurrent([*GRU[:3], torch.rand(1)], states=None)),
    (aten.rnn_tanh.input, recurrent(GRU, states=None)),
    (aten.embedding_bag.default, (ROWS[0], IDS, torch.tensor([0, -(2**40), 2]))),
    (aten._embedding_bag.default, (ROWS[0], IDS, torch.tensor([0, 7]))),
    (aten._embedding_bag.default, (ROWS[0], IDS, IDS[:0])),
    (aten._embedding_bag.default, (ROWS[0], IDS.reshape(2, 2), IDS * 0, False, 2)),
    (aten._embedding_bag.default, (ROWS[0], IDS, IDS * 0, False, 0, False, torch.ones(2))),
    (aten._scaled_dot_product_attention_math.default, (PICTURES, PICTURES[:, :0], PICTURES)),
    (aten.avg_pool2d.default, (PICTURES, [2, 2], [1, 1], 0, False, True, -1)),
    (aten.avg_pool3d.default, (PICTURES, [2, 2, 2], [], 0, False, True, 0)),
    (aten.lcm.default, (torch.tensor([3, -(2**63)]), torch.tensor([5, 5]))),
    (aten.lcm_.default, (torch.tensor([5], dtype=torch.int32), torch.tensor(-(2**31)).int())),
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


DIVISIONS: dict[Any, Any] = {
    **{getattr(aten, name).Tensor_mode: torch.tensor([-1, 2]) for name in ("div", "divide")},
    **{getattr(aten, name).Scalar_mode: -1 for name in ("div", "divide", "div_", "divide_")},
    **{getattr(aten, name).Tensor_mode: torch.tensor([-1, 2]) for name in ("div_", "divide_")},
}


@pytest.mark.parametrize("dtype", [torch.int8, torch.int32, torch.int64])
def test_the_smallest_integer_by_minus_1_is_itself(dtype: torch.dtype) -> None:
    lowest = torch.iinfo(dtype).min
    dividend = torch.tensor([lowest, -7], dtype=dtype)
    # The kernel alone ends the process by a signal.
    child = os.fork()
    if not child:
        status = 1
        try:
            for operator, divisor in DIVISIONS.items():
                other = divisor.to(dtype) if isinstance(divisor, Tensor) else divisor
                wanted = [lowest, -3 if isinstance(divisor, Tensor) else 7]
                found = CHECKED[operator](dividend.clone(), other, rounding_mode="trunc")
                assert (found.tolist(), found.dtype) == (wanted, dtype), operator
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("name", ["polygamma", "special_polygamma", "special_zeta"])
def test_operators_that_take_years_for_some_values_are_refused(name: str) -> None:
    with pytest.raises(UnsafeCheckpoint, match="is not accepted"):
        aten_operator(f"torch.ops.aten.{name}.default")


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
