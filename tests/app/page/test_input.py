"""Sliders, numbers, warnings: the page shows the API's values."""

import re
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests import rest
from tests.app.page.accessibility import DESK, PHONE, expect_no_violations
from tests.app.page.conftest import OpenPage
from tests.process import Process, forked, running_server
from tests.project import ROOT, SETOSA

VIRGINICA = {"sepal_length": 6.3, "sepal_width": 3.3, "petal_length": 6.0, "petal_width": 2.5}


def expect_answer(page: Page, server: Process, instance: dict[str, float]) -> None:
    """The page shows the API's class, probabilities and warnings."""
    novelty = {"out_of_distribution": True}
    answer = rest.post(f"{server.url}/predict", params=novelty, json=instance).json()
    expect(page.locator("#verdict")).to_contain_text(answer["class"])
    bars = [f"{name}{percent(value)}" for name, value in answer["probabilities"].items()]
    expect(page.locator("#probabilities li")).to_have_text(bars)
    expect(page.locator("#warnings p")).to_have_count(len(answer["warnings"]))
    for shown, warning in zip(page.locator("#warnings p").all(), answer["warnings"], strict=True):
        expect(shown).to_contain_text(f"{warning['feature']} {warning['value']}")
        expect(shown).to_contain_text(warning["detail"])
    share = percent(answer["novelty"]["training_share"])
    beyond = f"at least as far as {share} of the training rows"
    expect(page.locator("#novelty")).to_contain_text(beyond)
    shown = page.locator("#novelty").inner_text().startswith("Out of distribution")
    assert shown == answer["novelty"]["out_of_distribution"]


def percent(probability: float) -> str:
    return f"{probability * 100:.1f} %"


def test_the_page_starts_with_the_cards_example(page: Page, server: Process) -> None:
    card = rest.get(f"{server.url}/model").json()["card"]
    expect_answer(page, server, {each["name"]: each["example"] for each in card["features"]})
    expect(page).to_have_title("iris-model")


@pytest.mark.parametrize("instance", [SETOSA, VIRGINICA], ids=["setosa", "virginica"])
def test_sliders_change_the_class_as_the_api_says(
    page: Page, server: Process, instance: dict[str, float]
) -> None:
    for name, value in instance.items():
        page.get_by_label(re.compile(f"^{name}[^,]*$")).fill(str(value))
    expect_answer(page, server, instance)


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


def test_a_number_beyond_the_slider_is_answered_with_a_warning(page: Page, server: Process) -> None:
    page.get_by_label("petal_width cm, as a number").fill("9.25")
    instance = {"sepal_length": 5.7, "sepal_width": 3.0, "petal_length": 4.2, "petal_width": 9.25}
    expect_answer(page, server, instance)
    expect(page.locator(".feature .note.outside")).to_have_count(1)


def test_what_is_no_number_is_marked_and_changes_nothing(page: Page, server: Process) -> None:
    before = page.locator("#verdict").inner_text()
    number = page.get_by_label("petal_width cm, as a number")
    number.fill("")
    expect(number).to_have_attribute("aria-invalid", "true")
    assert page.locator("#verdict").inner_text() == before
    number.fill("1.2")
    expect(number).to_have_attribute("aria-invalid", "false")


def test_a_refusal_is_told_and_the_old_answer_is_gone(visit: OpenPage, server: Process) -> None:
    opened = visit(server)
    opened.page.get_by_label("petal_width cm, as a number").fill("1e39")
    expect(opened.page.get_by_role("alert")).to_contain_text("petal_width: too large")
    expect(opened.page.locator("#verdict")).to_have_text("No answer")
    opened.page.get_by_role("button", name="Reset").click()
    expect(opened.page.get_by_role("alert")).to_be_hidden()
    expect(opened.page.locator("#verdict")).to_contain_text("versicolor")
    # The browser logs each refused request on its console.
    assert opened.complaints
    opened.forgive("422")


def test_the_address_brings_an_input_back(visit: OpenPage, server: Process) -> None:
    first = visit(server).page
    first.get_by_label("petal_length cm, as a number").fill("1.5")
    expect(first).to_have_url(re.compile(r"\?.*petal_length=1\.5"))
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
    page.get_by_label("girth cm", exact=True).fill("1.5")
    expect_answer(page, fruit, {"weight/total": 80, "pH": 2.3, "girth": 1.5})
    expect(page.locator("#legend li")).to_have_text(KINDS)
    expect(page.locator("#network-drawing path")).to_have_count(3 * 8 + 8 * 5)
    expect(page.locator("#neighbours tbody tr")).to_have_count(3 * len(KINDS))
    expect(page.locator("#attributions .name")).to_have_text(["weight/total", "pH", "girth"])
    page.get_by_role("button", name="output.weight").click()
    page.get_by_label("Histogram of output.weight").wait_for()
    page.locator("#tensor .heatmap canvas").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#tensor output")).to_contain_text("[0, 0], amber from hidden 0")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing_with_five_classes(
    visit: OpenPage, fruit: Process, size: dict[str, int]
) -> None:
    page = visit(fruit, viewport=size).page
    page.locator("#neighbours tbody tr").first.wait_for()
    expect_no_violations(page)
    assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
