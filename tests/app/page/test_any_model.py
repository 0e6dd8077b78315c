"""The page of a model with any module: JSON in, the answer, and the state."""

import json
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from playwright.sync_api import expect
from torch import nn

from tests import rest
from tests.app.page.accessibility import PHONE, expect_no_violations
from tests.app.page.conftest import OpenPage
from tests.process import Process, running_server

CODE = """
from torch import nn

class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 12))
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A network for pictures of 4 x 4 pixels and twelve classes."""
    folder = tmp_path_factory.mktemp("pictures")
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 12))
    torch.save(module.state_dict(), folder / "net.pth")
    (folder / "nets.py").write_text(CODE)
    np.save(folder / "x.npy", np.random.default_rng(0).random((1, 1, 4, 4), np.float32))
    options = [
        *("--model", str(folder / "net.pth"), "--code", f"{folder / 'nets.py'}:Net"),
        *("--example", str(folder / "x.npy"), "--classes", ",".join("abcdefghijkl")),
    ]
    with running_server(folder / "log", *options) as server:
        yield server


def test_any_model_is_asked_in_json(visit: OpenPage, pictures: Process) -> None:
    opened = visit(pictures, viewport=PHONE)
    page = opened.page
    example = rest.get(f"{pictures.url}/model").json()["example"]
    page.locator("#json-more summary").click()
    field = page.get_by_label("Instance as JSON")
    assert json.loads(field.input_value()) == example
    answer = rest.post(f"{pictures.url}/predict", json=example).json()
    expect(page.locator("#verdict")).to_contain_text(answer["class"])
    # The most probable of twelve, sorted.
    best = sorted(answer["probabilities"], key=lambda name: -answer["probabilities"][name])[:6]
    expect(page.locator("#probabilities .name")).to_have_text(best)
    page.get_by_role("button", name="All 12 classes").click()
    expect(page.locator("#probabilities li")).to_have_count(12)
    for hidden in ("#map", "#curves", "#network", "#explanation", "#batch", "#sliders"):
        expect(page.locator(hidden)).to_be_hidden()
    assert page.locator("nav a:visible").all_inner_texts() == ["Layers", "State", "Code", "API"]
    expect_no_violations(page)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]

    many = {"instances": [example, example]}
    field.fill(json.dumps(many))
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#outputs")).to_contain_text(f'"class": "{answer["class"]}"')

    field.fill('{"x": [[1, 2]]}')
    page.get_by_role("button", name="Predict").click()
    expect(page.get_by_role("alert").first).to_be_visible()
    expect(page.locator("#verdict")).to_have_text("No answer")
    note = page.locator("#layers-note")
    expect(note).to_contain_text("/x")
    field.fill('{"x": [[1, 2')
    expect(page.get_by_role("alert").first).to_be_hidden()
    expect(page.locator("#outdated")).to_be_hidden()
    expect(note).not_to_contain_text("/x")
    page.get_by_role("button", name="Example").click()
    expect(page.locator("#verdict")).to_contain_text(answer["class"])
    opened.forgive("422")
