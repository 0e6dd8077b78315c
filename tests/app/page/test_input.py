"""Sliders, numbers, warnings: the page shows the API's values."""

import re
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests import rest
from tests.app.page.accessibility import DESK, PHONE, expect_no_violations
from tests.app.page.conftest import OpenPage
from tests.app.page.percent import percent
from tests.process import Process, forked, running_server
from tests.project import ROOT, SETOSA

VIRGINICA = {"sepal_length": 6.3, "sepal_width": 3.3, "petal_length": 6.0, "petal_width": 2.5}


def expect_answer(page: Page, server: Process, instance: dict[str, float]) -> None:
    """The page shows the API's class, probabilities and warnings."""
    novelty = {"out_of_distribution": True}
    answer = rest.post(f"{server.url}/predict", params=novelty, json=instance).json()
    expect(page.locator("#verdict")).to_contain_text(answer["class"])
    bars = [f"{name} {percent(value)}" for name, value in answer["probabilities"].items()]
    expect(page.locator("#probabilities li")).to_have_text(bars)
    expect(page.locator("#warnings p")).to_have_count(len(answer["warnings"]))
    for shown, warning in zip(page.locator("#warnings p").all(), answer["warnings"], strict=True):
        expect(shown).to_contain_text(f"{warning['feature']} {warning['value']}")
        expect(shown).to_contain_text(warning["detail"])
    share = percent(answer["novelty"]["training_share"])
    beyond = f"farther than {share} of the training rows"
    expect(page.locator("#novelty")).to_contain_text(beyond)
    shown = page.locator("#novelty").inner_text().startswith("Out of distribution")
    assert shown == answer["novelty"]["out_of_distribution"]


def test_the_page_shows_the_answers_of_the_api(page: Page, server: Process) -> None:
    card = rest.get(f"{server.url}/model").json()["card"]
    example = {each["name"]: each["example"] for each in card["features"]}
    expect_answer(page, server, example)
    expect(page).to_have_title("iris-model")
    for instance in (SETOSA, VIRGINICA):
        for name, value in instance.items():
            page.get_by_label(re.compile(f"^{name}[^,]*$")).fill(str(value))
        expect_answer(page, server, instance)
    # A number beyond the slider is answered with a warning.
    page.get_by_role("button", name="Reset").click()
    page.get_by_label("petal_width cm, as a number").fill("9.25")
    expect_answer(page, server, example | {"petal_width": 9.25})
    expect(page.locator(".feature .note.outside")).to_have_count(1)
    # Some keyboards have only a comma.
    page.get_by_label("petal_width cm, as a number").fill("1,25")
    expect_answer(page, server, example | {"petal_width": 1.25})
    expect(page.locator("#feature-3-range")).to_contain_text("Read as 1.25; trained on")
    # From between two steps, a key moves to the next one.
    number = page.get_by_label("petal_width cm, as a number")
    number.fill("1.234")
    slider = page.locator("#feature-3")
    expect(slider).to_have_value("1.234")
    for key, wanted in (("ArrowRight", "1.3"), ("ArrowLeft", "1.2")):
        slider.press(key)
        expect(number).to_have_value(wanted)


def test_the_answer_follows_while_the_mouse_is_still_down(page: Page) -> None:
    slider = page.get_by_label(re.compile("^petal_length[^,]*$"))
    expect(page.locator("#verdict")).to_contain_text("versicolor")
    box = slider.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.98, middle, steps=20)
    expect(page.locator("#verdict")).to_contain_text("virginica")
    page.mouse.move(box["x"] + box["width"] * 0.02, middle, steps=20)
    expect(page.locator("#verdict")).to_contain_text("setosa")
    page.mouse.up()


def test_without_a_number_there_is_no_answer_and_the_page_says_why(
    page: Page, server: Process
) -> None:
    number = page.get_by_label("petal_width cm, as a number")
    before = number.input_value()
    for again in (before, None):
        number.fill("")
        expect(number).to_have_attribute("aria-invalid", "true")
        expect(number).to_have_accessible_description(re.compile("^A number is needed; trained on"))
        # Another value gives no answer with the old number either.
        page.get_by_label("petal_length cm, as a number").fill("4.3")
        expect(page.locator("#verdict")).to_have_text("No answer")
        expect(page.locator("#warnings")).to_have_text("petal_width: a number is needed")
        expect(page.locator("#explanation-reason")).to_contain_text("The input lacks a number.")
        expect(number).to_have_value("")
        number.fill(again) if again else page.get_by_role("button", name="Reset").click()
        expect(number).to_have_attribute("aria-invalid", "false")
        expect(page.locator("#verdict")).to_contain_text("versicolor")
        expect(page.locator("#explanation-parts")).to_be_visible()
    expect(number).to_have_value(before)


def test_a_refusal_is_told_and_the_old_answer_is_gone(visit: OpenPage, server: Process) -> None:
    opened = visit(server)
    number = opened.page.get_by_label("petal_width cm, as a number")
    number.fill("1e39")
    expect(opened.page.get_by_role("alert")).to_contain_text("petal_width: too large")
    expect(opened.page.locator("#verdict")).to_have_text("No answer")
    # It goes with its input, also where the next one has no answer.
    number.fill("")
    expect(opened.page.locator("#warnings")).to_have_text("petal_width: a number is needed")
    expect(opened.page.get_by_role("alert")).to_be_hidden()
    opened.page.get_by_role("button", name="Reset").click()
    expect(opened.page.get_by_role("alert")).to_be_hidden()
    expect(opened.page.locator("#verdict")).to_contain_text("versicolor")
    # The browser logs each refused request on its console.
    assert opened.complaints
    opened.forgive("422")


def test_the_address_brings_an_input_back(visit: OpenPage, server: Process) -> None:
    first = visit(server, "/?petal_length=long").page
    refused = first.locator("#refused")
    expect(refused).to_contain_text("petal_length cannot be 'long': a number is needed")
    assert "long" not in first.url
    first.get_by_label("petal_length cm, as a number").fill("1.5")
    expect(first).to_have_url(re.compile(r"\?.*petal_length=1\.5"))
    expect(refused).to_be_hidden()
    again = visit(server, first.url.removeprefix(server.url)).page
    expect(again.get_by_label("petal_length cm, as a number")).to_have_value("1.5")
    assert again.locator("#verdict").inner_text() == first.locator("#verdict").inner_text()


KINDS = ["amber", "green", "orange", "red", "yellow"]


@pytest.fixture(scope="module")
def fruit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A model of a CSV: three features, two of them with units, and five classes."""
    folder = tmp_path_factory.mktemp("fruit")
    data = folder / "fruit.csv"
    rows = [
        f"{70 + 10 * (i % 5) + i / 40},{KINDS[i % 5]},{i % 5 + i / 40},{i % 3}" for i in range(50)
    ]
    data.write_text("\n".join(["weight/total (g),kind,pH,girth (cm)", *rows]))
    options = ["--target", "kind", "--output", folder, "--recipe", "--seeds", "0", "--epochs", "3"]
    subprocess.run(
        forked("training", "--data", data, *options),
        check=True,
        capture_output=True,
        cwd=ROOT,
    )
    with running_server(folder / "log", "--model", str(folder / "fruit.pth")) as server:
        yield server


def test_a_csv_model_has_its_own_sliders(visit: OpenPage, fruit: Process) -> None:
    page = visit(fruit).page
    expect(page.locator(".feature label")).to_have_text(["weight/total g", "pH", "girth cm"])
    page.get_by_label("weight/total g", exact=True).fill("80")
    page.get_by_label("pH", exact=True).fill("2.3")
    page.get_by_label("girth cm", exact=True).fill("2")
    expect_answer(page, fruit, {"weight/total": 80, "pH": 2.3, "girth": 2})
    expect(page.locator("#legend li")).to_have_text(KINDS)
    expect(page.locator("#network-drawing path")).to_have_count(3 * 8 + 8 * 5)
    expect(page.locator("#neighbours tbody tr")).to_have_count(3 * len(KINDS))
    expect(page.locator("#attributions .name")).to_have_text(["weight/total", "pH", "girth"])
    page.get_by_role("button", name="output.weight").click()
    page.get_by_label("Histogram of output.weight").wait_for()
    page.locator("#tensor .heatmap canvas").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#tensor output")).to_contain_text("[0, 0], amber from hidden 0")


def test_axe_finds_nothing_with_five_classes(visit: OpenPage, fruit: Process) -> None:
    page = visit(fruit, viewport=PHONE).page
    page.locator("#neighbours tbody tr").first.wait_for()
    for size in (PHONE, DESK):
        page.set_viewport_size(size)
        expect_no_violations(page)
        assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
