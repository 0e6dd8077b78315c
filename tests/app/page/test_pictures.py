"""The page of a model for pictures: a file or a drawing in, the answer, and what mattered."""

import base64
import io
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from PIL import Image
from playwright.sync_api import expect

from stateserve import save_model
from tests import rest
from tests.app.page.accessibility import PHONE, expect_no_violations
from tests.app.page.conftest import OpenPage
from tests.lenet import LeNet
from tests.process import Process, running_server

DIGITS = [str(digit) for digit in range(10)]
PAD_PNG = "document.getElementById('picture-pad').toDataURL().split(',')[1]"


PRICE = """
from torch import Tensor, nn

class Price(nn.Linear):
    def __init__(self) -> None:
        super().__init__(2, 1)

    def forward(self, input: Tensor) -> dict[str, Tensor]:
        return {"price": super().forward(input)[:, 0]}
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Two models: digits of 8 x 8 pixels, and a price."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    image = {"mode": "L", "resize": [8, 8]}
    save_model(LeNet(), torch.rand(3, 1, 8, 8), folder / "digits/1", classes=DIGITS, image=image)
    code = tmp_path_factory.mktemp("code") / "nets.py"
    code.write_text(PRICE)
    given = {"code": f"{code}:Price", "units": {"price": "EUR"}}
    names: dict[str, Any] = {}
    exec(PRICE, names)
    price = names["Price"]()
    torch.nn.init.constant_(price.weight, 2)
    torch.nn.init.constant_(price.bias, 0.5)
    save_model(price, torch.ones(3, 2), folder / "price/1", **given)
    arguments = ("--models", str(folder), "--model", "digits", "--allow-code")
    with running_server(tmp_path_factory.mktemp("log") / "log", *arguments) as server:
        yield server


def answer_of(server: Process, png: bytes) -> dict[str, Any]:
    return rest.post(
        f"{server.url}/predict", content=png, headers={"Content-Type": "image/png"}
    ).json()


def test_a_picture_is_chosen_drawn_and_explained(visit: OpenPage, pictures: Process) -> None:
    page = visit(pictures, viewport=PHONE).page
    example = rest.get(f"{pictures.url}/model").json()["example"]["image"][0]
    # The example is in the pad, in squares of 35 x 35 pixels.
    shown = Image.open(io.BytesIO(base64.b64decode(page.evaluate(PAD_PNG)))).convert("L")
    for row, column in ((0, 0), (3, 5), (7, 7)):
        pixel = shown.getpixel((35 * column + 17, 35 * row + 17))
        assert abs(pixel - 255 * example[row][column]) <= 1

    stored = io.BytesIO()
    Image.radial_gradient("L").save(stored, "PNG")
    file = {"name": "a.png", "mimeType": "image/png", "buffer": stored.getvalue()}
    page.get_by_label("show what mattered").check()
    page.get_by_label("Picture file").set_input_files(file)
    expect(page.locator("#verdict")).to_contain_text(
        answer_of(pictures, stored.getvalue())["class"]
    )
    expect(page.locator("#picture-heatmap")).to_be_visible()
    assert page.evaluate("document.getElementById('picture-heatmap').width") >= 8
    expect_no_violations(page)

    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#verdict")).to_have_text("No answer")
    expect(page.locator("#picture-heatmap")).to_be_hidden()
    pad = page.locator("#picture-pad").bounding_box()
    assert pad is not None
    page.mouse.move(pad["x"] + pad["width"] / 2, pad["y"] + pad["height"] / 4)
    page.mouse.down()
    page.mouse.move(pad["x"] + pad["width"] / 2, pad["y"] + 3 * pad["height"] / 4, steps=5)
    page.mouse.up()
    drawn = base64.b64decode(page.evaluate(PAD_PNG))
    probabilities = answer_of(pictures, drawn)["probabilities"]
    best = max(probabilities.values())
    expect(page.locator("#verdict .probability")).to_have_text(f"{100 * best:.1f} %")


def test_a_file_that_is_no_picture_is_refused(visit: OpenPage, pictures: Process) -> None:
    page = visit(pictures).page
    file = {"name": "a.txt", "mimeType": "text/plain", "buffer": b"text"}
    page.get_by_label("Picture file").set_input_files(file)
    expect(page.get_by_role("alert").first).to_contain_text("a.txt is no picture")


def test_the_layers_are_listed_and_found(visit: OpenPage, pictures: Process) -> None:
    page = visit(pictures).page
    layers = rest.get(f"{pictures.url}/model").json()["layers"]
    rows = page.locator("#layers-table tbody tr")
    expect(rows).to_have_count(len(layers))
    page.get_by_label("Filter").fill("batchnorm")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("features.1")


def test_a_number_has_its_unit(visit: OpenPage, pictures: Process) -> None:
    page = visit(pictures).page
    page.goto(f"{pictures.url}/?model=price&version=1")
    # 2 + 2 + 0.5 for the example, two ones.
    expect(page.locator("#verdict")).to_have_text("price 4.5 EUR")
    expect(page.locator("#picture")).to_be_hidden()
