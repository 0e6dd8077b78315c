"""Integers of operators that kernels do not check: a wrong one leaks memory or ends the process."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn
from torch._ops import OpOverload

from stateserve.errors import CheckpointError, ForwardFailed
from stateserve.model.architectures.exported_program import read_program
from stateserve.model.architectures.exported_program.bounds.integers import (
    require_sound_integers,
)
from tests.programs import PROGRAM, exported, with_json

aten = torch.ops.aten
X = torch.rand(1, 4, 3, 3)
CONVOLUTION = (X, torch.rand(4, 4, 2, 2), None)
# 3 times this is 2, in 64 bits.
OVERFLOWING = 6148914691236517206
SOUND: list[tuple[OpOverload, tuple[object, ...], Mapping[str, object]]] = [
    (aten.grid_sampler_2d.default, (X, X, 2, 2, False), {}),
    (aten.grid_sampler_3d.default, (X, X, 1, 0, False), {}),
    (aten.mse_loss.default, (X, X), {"reduction": 2}),
    (aten.convolution.default, (*CONVOLUTION, [1, 1], [2, 2], [3, 3], False, [0, 0], 1), {}),
    (aten.conv2d.padding, (*CONVOLUTION, [1, 1], "same"), {}),
    (aten.native_group_norm.default, (X, None, None, 1, 4, 9, 2, 1e-5), {}),
    (aten.native_group_norm.default, (X, None, None), {"N": 1, "C": 4, "HxW": 9, "group": 2}),
    (aten.as_strided.default, (X, [2], [2**40]), {}),
    (aten.constant_pad_nd.default, (X, [-1, 2**30]), {}),
]
OTHERS: list[tuple[OpOverload, tuple[object, ...], Mapping[str, object], str]] = [
    (aten.grid_sampler.default, (X, X, 7, 0, False), {}, "interpolation_mode 7; accepted are 0 to"),
    (aten.grid_sampler_2d.default, (X, X, 0, -1, False), {}, "padding_mode -1; accepted are 0 to"),
    (aten.grid_sampler_3d.default, (X, X, 2, 0, False), {}, "interpolation_mode 2; accepted are 0"),
    (aten.mse_loss.default, (X, X), {"reduction": 9}, "reduction 9; accepted are 0 to 2"),
    (aten.im2col.default, (X, [2, 2], [2**62, 1], [0, 0], [1, 1]), {}, "dilation 4.61e.18; accept"),
    (
        aten.convolution.default,
        (*CONVOLUTION, [1, 1], [0, 0], [-(2**63), 1], False, [0, 0], 1),
        {},
        "dilation -9.22e.18; accepted are -16777216 to 16777215",
    ),
    (
        aten.native_group_norm.default,
        (torch.rand(1, 2), None, None, 1, 3, OVERFLOWING, 3, 1e-5),
        {},
        "a group norm of .1, 2. that claims the lengths",
    ),
]


@pytest.mark.parametrize(("func", "args", "kwargs"), SOUND)
def test_sound_integers_are_accepted(
    func: OpOverload, args: tuple[object, ...], kwargs: Mapping[str, object]
) -> None:
    require_sound_integers(func, args, kwargs)


@pytest.mark.parametrize(("func", "args", "kwargs", "reason"), OTHERS)
def test_others_are_refused(
    func: OpOverload, args: tuple[object, ...], kwargs: Mapping[str, object], reason: str
) -> None:
    with pytest.raises(ForwardFailed, match=reason):
        require_sound_integers(func, args, kwargs)


class Sampled(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        grid = torch.zeros(1, 8, 8, 2) + x.view(-1, 8, 8, 1)
        return torch.ops.aten.grid_sampler.default(x.view(-1, 1, 8, 8), grid, 0, 0, False)


def test_a_file_with_an_unknown_mode_is_refused_at_its_first_pass() -> None:
    def change(document: dict) -> None:
        for node in document["graph_module"]["graph"]["nodes"]:
            if "grid_sampler" in node["target"]:
                node["inputs"][2]["arg"] = {"as_int": 7}

    axes = {"x": {0: torch.export.Dim.DYNAMIC}}
    content = exported(Sampled(), torch.rand(3, 64), dynamic_shapes=axes)
    rows = torch.rand(2, 64)
    assert torch.equal(read_program(content, "p.pt2")(rows), Sampled()(rows))
    module = read_program(with_json(content, PROGRAM, change), "p.pt2")
    with pytest.raises((ForwardFailed, CheckpointError), match="interpolation_mode 7; accepted"):
        module(rows)


class Normed(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        ones = torch.ones(1, 2) + x.sum() * 0
        return x + torch.ops.aten.native_group_norm.default(ones, None, None, 1, 2, 1, 1, 1e-5)[0]


@pytest.mark.parametrize("kind", [1, 2], ids=["by place", "by name"])
def test_a_group_norm_that_claims_other_lengths_is_refused(kind: int) -> None:
    def change(document: dict) -> None:
        for node in document["graph_module"]["graph"]["nodes"]:
            for given in node["inputs"] if "group_norm" in node["target"] else ():
                given["arg"] = {"C": {"as_int": 3}, "HxW": {"as_int": OVERFLOWING}}.get(
                    given["name"], given["arg"]
                )
                given["kind"] = kind if given["name"] in ("N", "C", "HxW", "group", "eps") else 1

    axes = {"x": {0: torch.export.Dim.DYNAMIC}}
    content = exported(Normed(), torch.rand(3, 2), dynamic_shapes=axes)
    module = read_program(with_json(content, PROGRAM, change), "p.pt2")
    with pytest.raises(ForwardFailed, match="that claims the lengths"):
        module(torch.rand(2, 2))


class Repeated(nn.Module):
    def forward(self, x: Tensor, counts: Tensor) -> Tensor:
        length = counts.sum().item()
        torch._check(length >= 0)
        repeated = torch.repeat_interleave(counts.flatten(), output_size=length)
        return x + repeated.sum()


def test_a_negative_count_of_a_request_is_refused() -> None:
    dynamic = {0: torch.export.Dim.DYNAMIC}
    counts = torch.ones(3, 2, dtype=torch.int64)
    axes = {"x": dynamic, "counts": dynamic}
    content = exported(Repeated(), torch.rand(3, 4), counts, dynamic_shapes=axes)
    module = read_program(content, "p.pt2")
    rows = torch.rand(3, 4)
    assert torch.equal(module(rows, counts), Repeated()(rows, counts))
    with pytest.raises(ForwardFailed, match="repeat_interleave with a negative count"):
        module(rows, torch.tensor([[5, -4], [1, 0], [0, 0]]))
