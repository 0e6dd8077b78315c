"""Tensors compared with their initialisation, with the modules of torch as the oracle."""

import pytest
import torch
from torch import Tensor, nn

from stateserve.inspect.initialisations import Initialisation, initialisation
from stateserve.inspect.statistics import statistics


def compare(state: dict[str, Tensor]) -> dict[str, Initialisation | None]:
    shapes = {name: list(tensor.shape) for name, tensor in state.items()}
    return {name: initialisation(name, shapes, statistics(t)) for name, t in state.items()}


MODULES = {
    "Linear": lambda: nn.Linear(300, 50),
    "Linear without bias": lambda: nn.Sequential(nn.Linear(300, 50, bias=False)),
    "one output": lambda: nn.Linear(7, 1),
    "Conv1d": lambda: nn.Conv1d(8, 16, 3),
    "Conv2d": lambda: nn.Conv2d(3, 64, 7),
    "Conv2d in groups": lambda: nn.Conv2d(32, 32, 3, groups=32),
    "ConvTranspose2d": lambda: nn.ConvTranspose2d(16, 8, 3),
    "Embedding": lambda: nn.ModuleDict({"embed": nn.Embedding(50, 20)}),
    "Embedding of any name": lambda: nn.ModuleDict({"x": nn.Embedding(50, 20)}),
    "BatchNorm2d": lambda: nn.BatchNorm2d(12),
    "LayerNorm": lambda: nn.LayerNorm(12),
    "LayerNorm over axes": lambda: nn.LayerNorm([3, 4, 4]),
    "GroupNorm": lambda: nn.GroupNorm(2, 12),
    "RMSNorm": lambda: nn.RMSNorm(12),
    "PReLU": lambda: nn.PReLU(5),
    "LSTM": lambda: nn.LSTM(10, 30, num_layers=2, bidirectional=True),
    "LSTM with projection": lambda: nn.LSTM(10, 32, proj_size=6),
    "GRU": lambda: nn.GRU(10, 30),
    "RNN": lambda: nn.RNN(10, 30),
    "MultiheadAttention": lambda: nn.MultiheadAttention(32, 4),
    "MultiheadAttention with kdim": lambda: nn.MultiheadAttention(32, 4, kdim=20, vdim=10),
    "TransformerEncoderLayer": lambda: nn.TransformerEncoderLayer(32, 4, 64, batch_first=True),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layer", MODULES)
def test_a_new_module_is_as_initialised(layer: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    module = MODULES[layer]().to(dtype)
    found = compare(module.state_dict())
    assert {name: each and each.state for name, each in found.items()} == dict.fromkeys(
        module.state_dict(), "as initialised"
    )


def test_a_trained_network_is_told_from_a_new_one() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 4))
    x, y = torch.randn(256, 8), torch.randint(4, (256,))
    optimizer = torch.optim.Adam(net.parameters(), 0.05)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
    found = compare(net.state_dict())
    assert {each.state for each in found.values() if each} == {"trained"}
    assert found["3.weight"]
    assert found["3.weight"].ratio == pytest.approx(
        net[3].weight.std(correction=0).item() / (1 / (3 * 32) ** 0.5), rel=0.1
    )


def test_weights_near_zero_are_collapsed() -> None:
    torch.manual_seed(0)
    state = nn.Sequential(nn.Linear(20, 30), nn.LayerNorm(30)).state_dict()
    found = compare({name: tensor * 1e-3 for name, tensor in state.items()})
    assert [each.state for each in found.values() if each] == [
        *("collapsed", "collapsed", "collapsed", "as initialised")
    ]
    # All equal, but not near 0.
    same = compare({"w.weight": torch.full((4, 4), 0.3), "w.bias": torch.zeros(4)})
    assert {each.state for each in same.values() if each} == {"collapsed"}


def test_other_initialisations_are_not_torchs() -> None:
    torch.manual_seed(0)
    linear = nn.Linear(64, 64)
    nn.init.trunc_normal_(linear.weight, std=0.02)
    nn.init.zeros_(linear.bias)
    found = compare(linear.state_dict())
    assert [each and each.state for each in found.values()] == ["trained", "collapsed"]


def test_what_differs_from_the_law_is_named() -> None:
    # Bounds of 1 / 5, a standard deviation of 0.2 / 3 ** 0.5.
    spaced = torch.linspace(-0.2, 0.2, 4000).reshape(160, 25)
    beyond = spaced.clone()
    beyond[0, 0] = 0.3
    for weight, differs in (
        (spaced, []),
        (beyond, ["range"]),
        (spaced * 0.5, ["spread"]),
        (spaced * 0.5 + 0.05, ["spread", "mean"]),
        (spaced * 2, ["spread", "range"]),
    ):
        found = compare({"w.weight": weight, "w.bias": torch.zeros(160)})["w.weight"]
        assert found
        assert found.differs == differs
        assert found.state == ("trained" if differs else "as initialised")


def test_unknown_names_and_empty_tensors_are_of_no_layer() -> None:
    found = compare(
        {
            "cls_token": torch.zeros(1, 1, 4),
            "empty.weight": torch.zeros(0, 3),
            "scalar.weight": torch.zeros(()),
            "nan.weight": torch.full((2, 2), float("nan")),
            "lone.bias": torch.zeros(3),
            "r.weight_ih_l0": torch.zeros(3, 3),
        }
    )
    assert set(found.values()) == {None}
