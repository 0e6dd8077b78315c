"""The page of a model for pictures: a file or a drawing in, the answer, and what mattered."""

import base64
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, expect

from stateserve import save_model
from tests import rest
from tests.app.page.accessibility import PHONE, expect_no_violations
from tests.app.page.conftest import OpenPage
from tests.app.page.percent import percent
from tests.lenet import LeNet
from tests.process import Process, running_server
from tests.project import ROOT

DIGITS = [str(digit) for digit in range(10)]
PAD_PNG = "document.getElementById('picture-pad').toDataURL().split(',')[1]"

# As a browser that takes long to decode one file; `decodeLate` ends once it has.
LATE = """() => {
    const decode = createImageBitmap;
    window.createImageBitmap = (file) => file.name !== "late.png" ? decode(file) : new Promise(
        (resolve) => { window.decodeLate = async () => {
            resolve(await decode(file));
            await new Promise(requestAnimationFrame);
        }; });
}"""

PRICE = """
import torch
from torch import Tensor, nn

class Price(nn.Linear):
    def __init__(self) -> None:
        super().__init__(2, 1)

    def forward(self, input: Tensor) -> dict[str, Tensor]:
        return {"price": super().forward(input)[:, 0]}

class Parcel(nn.Linear):
    def __init__(self) -> None:
        super().__init__(2, 2)

    def forward(self, input: Tensor) -> dict[str, Tensor]:
        found = super().forward(input)
        state, colour = found.softmax(1), found.flip(1).softmax(1)
        orange = torch.tensor([1, 0.5, 0])[:, None, None].expand(3, 2, 2)
        picture = input[:, 0, None, None, None] * orange
        others = {"colour": colour, "inner": found, "picture": picture}
        return {"weight": found[:, 0], "state": state, **others}

class Regions(nn.Conv2d):
    def __init__(self) -> None:
        super().__init__(3, 3, 1)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input).argmax(1).to(torch.uint8)

class Soft(nn.Conv2d):
    def __init__(self) -> None:
        super().__init__(3, 3, 1)

class Item(nn.Linear):
    def __init__(self) -> None:
        super().__init__(5, 3)

    def forward(self, photo: Tensor, sizes: Tensor) -> dict[str, Tensor]:
        found = super().forward(torch.cat([photo.mean((2, 3)), sizes], 1))
        return {"state": found[:, :2], "price": found[:, 2]}
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Models of digits of 8 x 8 pixels, of a price, which is a program, of a parcel, and of the
    regions of a picture, by number and as values; and of an item, with its picture and sizes."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    image = {"mode": "L", "resize": [8, 8]}
    save_model(LeNet(), torch.rand(3, 1, 8, 8), folder / "noise/1", classes=DIGITS, image=image)
    # Dark on light, as its corners say.
    side = torch.linspace(-1, 1, 8).abs()
    examples = torch.maximum(side[:, None], side) * torch.tensor([1, 0.9, 0.8])[:, None, None, None]
    save_model(LeNet(), examples, folder / "digits/1", classes=DIGITS, image=image)
    code = tmp_path_factory.mktemp("code") / "nets.py"
    code.write_text(PRICE)
    given: dict[str, Any] = {"units": {"price": "EUR"}}
    names: dict[str, Any] = {}
    exec(PRICE, names)
    price = names["Price"]()
    price.weight.data = torch.tensor([[1.0, 3.0]])
    torch.nn.init.constant_(price.bias, 0.5)
    save_model(price, torch.ones(3, 2), folder / "price/1", program=True, **given)
    given = {"code": f"{code}:Parcel", "units": {"weight": "kg"}}
    save_model(names["Parcel"](), torch.ones(3, 2), folder / "parcel/1", **given)
    given = {"image": {"mode": "RGB", "resize": [8, 8]}}
    for name in ("Regions", "Soft"):
        place = folder / name.lower() / "1"
        save_model(names[name](), torch.rand(3, 3, 8, 8), place, code=f"{code}:{name}", **given)
    inputs = {"photo": torch.rand(3, 3, 8, 8), "sizes": torch.rand(3, 2)}
    given = {"image": {"photo": given["image"]}, "classes": {"state": ["new", "used"]}}
    save_model(names["Item"](), inputs, folder / "item/1", code=f"{code}:Item", **given)
    arguments = ("--models", str(folder), "--model", "digits", "--allow-code")
    with running_server(tmp_path_factory.mktemp("log") / "log", *arguments) as server:
        yield server


def answer_of(server: Process, png: bytes) -> dict[str, Any]:
    return rest.post(
        f"{server.url}/predict", content=png, headers={"Content-Type": "image/png"}
    ).json()


def run_the_code(page: Page, wanted: dict[str, Any], folder: Path) -> None:
    """All three, in a folder with the picture that the page offers."""
    with page.expect_download() as started:
        page.locator("#snippets-picture").click()
    started.value.save_as(folder / started.value.suggested_filename)
    for title, command in (
        ("Shell", ("sh", "-c")),
        ("JavaScript", ("node", "-e")),
        ("Python", (sys.executable, "-c")),
    ):
        code = page.get_by_role("region", name=f"{title} code").text_content()
        printed = subprocess.run(
            [*command, code],
            capture_output=True,
            text=True,
            check=True,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        ).stdout
        if title == "Python":
            assert printed.startswith(f"{wanted['class']} ")
        else:
            assert json.loads(printed) == wanted


def test_a_picture_is_chosen_drawn_and_explained(
    visit: OpenPage, pictures: Process, tmp_path: Path
) -> None:
    page = visit(pictures, viewport=PHONE).page
    example = rest.get(f"{pictures.url}/model").json()["example"]["image"][0]
    # The example is in the pad, in squares of 35 x 35 pixels.
    shown = Image.open(io.BytesIO(base64.b64decode(page.evaluate(PAD_PNG)))).convert("L")
    for row, column in ((0, 0), (3, 5), (7, 7)):
        pixel = shown.getpixel((35 * column + 17, 35 * row + 17))
        assert abs(pixel - 255 * example[row][column]) <= 1

    # So is the answer to it, and the code asks the same of the picture's file.
    example_png = rest.get(f"{pictures.url}/model/example", headers={"Accept": "image/png"}).content
    run_the_code(page, answer_of(pictures, example_png), tmp_path)

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
    expect(page.locator("#layers-note")).to_contain_text("There is no picture.")
    expect(page.get_by_label("dark on light")).to_be_checked()
    pad = page.locator("#picture-pad")
    # hover() waits until the panel no longer moves.
    pad.hover()
    before = pad.bounding_box()
    assert before is not None
    x, y, size = before["x"] + before["width"] / 2, before["y"], before["height"]
    page.mouse.move(x, y + size / 4)
    page.mouse.down()
    page.mouse.move(x, y + 3 * size / 4, steps=5)
    page.mouse.up()
    expect(page.locator("#picture-heatmap")).to_be_visible()
    assert pad.bounding_box() == before
    drawn = base64.b64decode(page.evaluate(PAD_PNG))
    pad_picture = Image.open(io.BytesIO(drawn)).convert("L")
    assert [pad_picture.getpixel(place) for place in ((0, 0), (140, 140))] == [255, 0]
    probabilities = answer_of(pictures, drawn)["probabilities"]
    best = max(probabilities.values())
    expect(page.locator("#verdict .probability")).to_have_text(percent(best))
    expect_no_violations(page)
    page.get_by_label("dark on light").uncheck()
    drawn = base64.b64decode(page.evaluate(PAD_PNG))
    pad_picture = Image.open(io.BytesIO(drawn)).convert("L")
    assert [pad_picture.getpixel(place) for place in ((0, 0), (140, 140))] == [0, 255]


def test_a_file_that_is_no_picture_is_refused(visit: OpenPage, pictures: Process) -> None:
    page = visit(pictures).page
    file = {"name": "a.txt", "mimeType": "text/plain", "buffer": b"text"}
    page.get_by_label("Picture file").set_input_files(file)
    expect(page.get_by_role("alert").first).to_contain_text("a.txt is no picture")
    # A picture that is decoded only after a later one was chosen does not replace it.
    page.evaluate(LATE)
    for name, level in (("late.png", 0), ("b.png", 200)):
        stored = io.BytesIO()
        Image.new("L", (8, 8), level).save(stored, "PNG")
        file = {"name": name, "mimeType": "image/png", "buffer": stored.getvalue()}
        page.get_by_label("Picture file").set_input_files(file)
    expect(page.locator("#verdict")).to_contain_text(
        answer_of(pictures, stored.getvalue())["class"]
    )
    shown = page.evaluate(PAD_PNG)
    page.evaluate("decodeLate()")
    assert page.evaluate(PAD_PNG) == shown
    # Noise is no example to try, and says nothing of the brightness of drawings.
    page.goto(f"{pictures.url}/?model=noise")
    expect(page.locator("#picture-noise")).to_contain_text("a drawing is light on dark")
    expect(page.locator("#verdict")).to_have_text("No answer")
    expect(page.get_by_role("button", name="Example")).to_be_hidden()
    pad = page.locator("#picture-pad")
    pad.hover()
    page.mouse.down()
    pad.hover(position={"x": 40, "y": 40})
    page.mouse.up()
    expect(page.locator("#verdict .probability")).to_be_visible()
    expect(page.locator("#picture-noise")).to_be_hidden()
    drawn = Image.open(io.BytesIO(base64.b64decode(page.evaluate(PAD_PNG)))).convert("L")
    assert [drawn.getpixel(place) for place in ((0, 0), (140, 140))] == [0, 255]


def test_a_picture_without_classes_says_only_what_is_true(
    visit: OpenPage, pictures: Process
) -> None:
    opened = visit(pictures)
    page = opened.page
    opened.forgive("501")
    # The example is noise, and there is nothing to draw: the noise has an answer.
    page.goto(f"{pictures.url}/?model=soft")
    expect(page.locator("#outputs")).to_contain_text("float32 of shape 3 \u00d7 8 \u00d7 8")
    told = page.locator("#picture-noise")
    expect(told).to_contain_text("noise or one colour. stateserve pack", use_inner_text=True)
    # The pad does not move with the outputs, which are below their heading.
    below = "(id) => document.getElementById(id).nextElementSibling.id"
    assert [page.evaluate(below, each) for each in ("input-title", "picture")] == [
        "picture",
        "prediction",
    ]
    heading, outputs = (page.locator(each).bounding_box() for each in ("#prediction", "#outputs"))
    assert heading["y"] < outputs["y"]
    page.get_by_label("show what mattered").check()
    note = page.locator("#picture-heat")
    expect(note).to_contain_text("Blue pixels raise the highest value of output, red ones lower it")

    # Numbers of regions have no gradient: the answer stays, and its explanation is refused.
    page.goto(f"{pictures.url}/?model=regions")
    expect(page.locator("#outputs")).to_contain_text("uint8 of shape 8 \u00d7 8")
    page.get_by_label("show what mattered").check()
    expect(note).to_contain_text("No explanation: the output 'output' has no gradient")
    expect(page.locator("#outputs")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()
    page.get_by_label("show what mattered").uncheck()
    expect(note).to_be_hidden()
    expect(page.locator("#outputs")).to_be_visible()


def test_a_picture_among_several_inputs_is_a_file(visit: OpenPage, pictures: Process) -> None:
    page = visit(pictures, "/?model=item", viewport=PHONE).page
    # A number beside the class is above the inputs.
    places = "['outputs', 'input-title'].map((id) => document.getElementById(id).offsetTop)"
    expect(page.locator("#outputs h3")).to_have_text("price")
    outputs, inputs = page.evaluate(places)
    assert outputs < inputs
    note = page.locator("#note-photo")
    expect(note).to_contain_text("Now the example, float32 of shape 3 \u00d7 8 \u00d7 8")
    stored = io.BytesIO()
    Image.new("RGB", (8, 8), "orange").save(stored, "PNG")
    photo = page.get_by_label("photo", exact=True)
    photo.set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": stored.getvalue()})
    expect(page.get_by_label("The picture that photo is")).to_be_visible()
    page.get_by_label("sizes", exact=True).fill("1 2")
    page.get_by_role("button", name="Predict").click()
    url = f"{pictures.url}/models/item/predict"
    sent = {"photo": {"b64": base64.b64encode(stored.getvalue()).decode()}, "sizes": [1, 2]}
    wanted = rest.post(url, json=sent).json()["outputs"]
    expect(page.locator("#outputs")).to_contain_text(
        f"{wanted['price']:.6g}".replace("-", "\u2212")
    )
    expect(page.locator("#verdict")).to_contain_text(f"state: {wanted['state']['class']}")
    photo.set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"text"})
    expect(note).to_have_text(
        "a.txt is no picture that this browser reads; the input is as before."
    )
    expect(page.locator("#outdated")).to_be_hidden()
    expect_no_violations(page)
    page.get_by_role("button", name="Example").click()
    expect(note).to_contain_text("Now the example")


def test_the_layers_are_listed_and_found(visit: OpenPage, pictures: Process) -> None:
    page = visit(pictures).page
    layers = rest.get(f"{pictures.url}/model").json()["layers"]
    rows = page.locator("#layers-table tbody tr")
    expect(rows).to_have_count(len(layers))
    # The numbers stay in view beside long names.
    page.locator("#layers-table tbody tr:first-child").evaluate(
        """({ children: [name, type] }) => {
            name.firstChild.textContent = "encoder.layers.0.self_attn.out_proj".repeat(2);
            type.textContent = "NonDynamicallyQuantizableLinear".repeat(2);
        }"""
    )
    table = "(table) => [table.scrollWidth, table.clientWidth]"
    width, room = page.locator("#layers-table").evaluate(table)
    assert width == room
    page.locator("#layers").get_by_label("Filter").fill("batchnorm")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("features.1")


def test_a_number_has_its_unit_and_a_program_no_activations(
    visit: OpenPage, pictures: Process
) -> None:
    opened = visit(pictures, "/?model=price&version=1")
    page = opened.page
    # 1 + 3 + 0.5 for the example, two ones.
    expect(page.locator("#verdict")).to_have_text("price 4.5 EUR")
    expect(page.locator("#picture")).to_be_hidden()
    layers = page.locator("#layers-table")
    expect(layers.locator("thead th")).to_have_text(["module", "parameters", "buffers"])
    expect(layers.locator("tbody td")).to_have_text(["(the module)", "3", "0"])
    expect(page.locator("#layers-note")).to_contain_text("no layer has a type, an output or")
    assert not any("/explain" in url for url in opened.requests)


def test_classes_among_several_outputs_have_their_bars(visit: OpenPage, pictures: Process) -> None:
    page = visit(pictures, "/?model=parcel").page
    url = f"{pictures.url}/models/parcel/predict"
    found = rest.post(url, json={"input": [1, 1]}).json()["outputs"]
    state, colour = found["state"]["class"], found["colour"]["class"]
    shares = [
        {name: percent(share) for name, share in found[output]["probabilities"].items()}
        for output in ("state", "colour")
    ]
    expect(page.locator("#verdict")).to_have_text(f"state: {state}{shares[0][state]}")
    expect(page.locator("#probabilities .number")).to_have_text(list(shares[0].values()))
    outputs = page.locator("#outputs .output")
    expect(outputs.locator("h3")).to_have_text(["weight", "colour", "inner", "picture"])
    expect(outputs.nth(0)).to_contain_text(f"{found['weight']:.6g}".replace("-", "\u2212") + " kg")
    expect(outputs.nth(1)).to_contain_text(f"{colour} {shares[1][colour]}")
    expect(outputs.nth(1).locator(".number")).to_have_text(list(shares[1].values()))
    expect(page.locator("#outputs")).not_to_contain_text("not a number")
    # Three planes of 1, 0.5 and 0 are orange.
    picture = page.get_by_label("red, green and blue from 0 to 1")
    pixel = "(canvas) => [...canvas.getContext('2d').getImageData(1, 1, 1, 1).data]"
    assert picture.evaluate(pixel) == [255, 128, 0, 255]
