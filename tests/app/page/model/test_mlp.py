"""The networks that are drawn, and what flows through them, against hooks of torch."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
import torch
from playwright.sync_api import Page
from torch import Tensor, nn

from stateserve.model.layers import describe_layers

FLOW = """async ({ layers, weights, activations, inputs }) => {
    const { mlpOf, flow } = await import("/page/model/mlp.js");
    const mlp = mlpOf(layers);
    if (!mlp) return null;
    const tensor = (values) => ({ shape: [values.length, values[0].length], data: values.flat() });
    const loaded = mlp.linears.map(({ layer: { name } }) => ({
        weight: tensor(weights[name].weight), bias: { data: weights[name].bias },
    }));
    return {
        linears: mlp.linears.map(({ layer }) => layer.name),
        around: mlp.around?.layer.name ?? null,
        columns: flow(mlp, loaded, activations, inputs),
    };
}"""


class Called(nn.Module):
    """Layers with a function between them that is no layer."""

    def __init__(self, function: Callable[[Tensor], Tensor], *, add: bool = False) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(5, 6), nn.Linear(6, 6), nn.Linear(6, 2)
        self.function = function
        self.add = add

    def forward(self, x: Tensor) -> Tensor:
        inner = self.function(self.first(x))
        after = self.function(self.second(inner))
        return self.last(inner + after if self.add else after)  # type: ignore[no-any-return]


class Around(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.last, self.direct = nn.Linear(5, 7), nn.Linear(7, 2), nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.inner(x).relu()) + self.direct(x)  # type: ignore[no-any-return]


def read(page: Page, module: nn.Module) -> tuple[Any, list[list[float]]]:
    """What the page finds, and what the Linear layers got and the last returned."""
    row, activations, given = torch.linspace(-1, 2, 5)[None], [], []

    def note(name: str, layer: nn.Module, taken: tuple[Tensor], out: Tensor) -> None:
        shape, values = list(out.shape), out.tolist()
        activations.append({"layer": name, "shape": shape, "values": values})
        if isinstance(layer, nn.Linear):
            given.append(taken[0].flatten().tolist())

    for name, layer in module.named_modules():
        layer.register_forward_hook(lambda *found, name=name: note(name, *found))
    with torch.no_grad():
        out = module.eval()(row)
        layers = [asdict(each) for each in describe_layers(module, lambda each: each(row))]
    weights = {
        name: {"weight": layer.weight.tolist(), "bias": layer.bias.tolist()}
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Linear)
    }
    count = len(weights)
    question = {
        "layers": layers,
        "weights": weights,
        "activations": activations,
        "inputs": row[0].tolist(),
    }
    return page.evaluate(FLOW, question), [*given[:count], out[0].tolist()]


SEQUENTIAL = nn.Sequential(
    nn.BatchNorm1d(5),
    nn.Sequential(nn.Linear(5, 8), nn.GELU(), nn.Dropout(0.5)),
    nn.Linear(8, 3),
    nn.LogSoftmax(1),
)


@pytest.mark.parametrize(
    "module", [SEQUENTIAL, Called(torch.relu), Called(torch.tanh), Called(torch.sigmoid)]
)
def test_columns_are_what_each_layer_got(modules: Page, module: nn.Module) -> None:
    found, wanted = read(modules, module)
    assert found["around"] is None
    assert len(found["columns"]) == len(wanted)
    for column, values in zip(found["columns"], wanted, strict=True):
        assert column == pytest.approx(values, abs=1e-5)


def test_what_the_code_adds_is_not_invented(modules: Page) -> None:
    found, wanted = read(modules, Called(torch.relu, add=True))
    assert found["columns"][1] == pytest.approx(wanted[1], abs=1e-5)
    assert found["columns"][2] is None
    unknown, _ = read(modules, Called(torch.sin))
    assert unknown["columns"][1:3] == [None, None]


def test_a_layer_around_the_others_is_apart(modules: Page) -> None:
    found, wanted = read(modules, Around())
    assert (found["linears"], found["around"]) == (["inner", "last"], "direct")
    assert found["columns"][1] == pytest.approx(wanted[1], abs=1e-5)


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(nn.Unflatten(1, (1, 5)), nn.Conv1d(1, 2, 1), nn.Flatten(), nn.Linear(10, 2)),
        nn.Sequential(nn.Linear(5, 300), nn.Linear(300, 300)),
        nn.Sequential(nn.Unflatten(1, (5, 1)), nn.Linear(1, 4)),
        nn.Sequential(nn.ReLU()),
    ],
    ids=["convolution", "large", "sequence", "no weights"],
)
def test_other_modules_are_not_drawn(modules: Page, module: nn.Module) -> None:
    assert read(modules, module)[0] is None
