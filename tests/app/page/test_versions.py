"""Several models and versions: the switch, its effects, and the difference of two versions."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from playwright.sync_api import Page, expect

from tests import rest
from tests.app.page.conftest import TOYS, OpenPage
from tests.app.page.percent import percent
from tests.browser import click_at
from tests.process import Process
from tests.project import ROOT

INPUT = {"x0": 0.5, "x1": -1.0, "x2": 0.25, "x3": 1.0}
QUERY = "&".join(f"{name}={value}" for name, value in INPUT.items())


def ask(server: Process, model: str, version: str, instance: dict[str, float]) -> dict[str, float]:
    url = f"{server.url}/models/{model}/versions/{version}/predict"
    probabilities: dict[str, float] = rest.post(url, json=instance).json()["probabilities"]
    return probabilities


def expect_probabilities(page: Page, expected: dict[str, float]) -> None:
    bars = [f"{name} {percent(value)}" for name, value in expected.items()]
    expect(page.locator("#probabilities li")).to_have_text(bars)


def pixels(page: Page) -> str:
    return str(page.locator("#plane .answers").evaluate("(canvas) => canvas.toDataURL()"))


def test_one_version_needs_no_switch(seen: Page) -> None:
    expect(seen.locator("#versions")).to_be_hidden()
    expect(seen.locator("#difference")).to_be_hidden()
    expect(seen.locator("nav a[href='#difference']")).to_be_hidden()


def test_every_panel_follows_the_switch_by_keyboard(visit: OpenPage, versions: Process) -> None:
    opened = visit(versions, f"/?model=toy&version=2&{QUERY}")
    page = opened.page
    expect_probabilities(page, ask(versions, "toy", "2", INPUT))
    page.get_by_role("button", name="output.bias").click()
    page.get_by_label("Across").select_option("x2")
    before = pixels(page)
    page.locator("#version").focus()
    page.keyboard.press("ArrowUp")
    expect(page.locator("#facts")).to_contain_text("version 1 ")
    assert page.evaluate("document.activeElement.id") == "version"
    # The input stays, and so do the choices in the panels.
    expect_probabilities(page, ask(versions, "toy", "1", INPUT))
    expect(page.get_by_label("x1, as a number")).to_have_value("-1")
    expect(page.get_by_label("Across").locator("option:checked")).to_have_text("x2")
    page.get_by_label("Histogram of output.bias").wait_for()
    page.locator("#tensor .heatmap canvas").click(position={"x": 5, "y": 5})
    shown = page.locator("#tensor output").inner_text().split(" = ")[1].replace("−", "-")
    assert np.float32(shown) == TOYS["1"].output.bias[0].item()
    page.wait_for_function(
        "(before) => document.querySelector('.answers').toDataURL() !== before", arg=before
    )
    # The edges in the drawing are this version's weights.
    title = page.locator("#network-drawing path title").last.text_content()
    largest = max(TOYS["1"].hidden.weight.abs().max(), TOYS["1"].output.weight.abs().max())
    assert title is not None
    assert abs(float(title.split()[1].replace("−", "-"))) == pytest.approx(largest.item(), rel=1e-3)
    code = page.get_by_role("region", name="Shell code").text_content() or ""
    answer = json.loads(subprocess.run(["sh", "-c", code], capture_output=True, check=True).stdout)
    assert answer["model"]["version"] == "1"
    code = page.get_by_role("region", name="Python code").text_content() or ""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True)
    # A moved slider now sends requests to this version, not to the other.
    before_moving = len(opened.requests)
    page.get_by_label("x0, as a number").fill("-0.75")
    expect_probabilities(page, ask(versions, "toy", "1", INPUT | {"x0": -0.75}))
    requested = [url for url in opened.requests[before_moving:] if url.endswith("/predict")]
    assert requested
    assert all("/versions/1/" in url for url in requested)
    expect(page).to_have_url(re.compile(r"\?model=toy&version=1&x0=-0\.75"))
    changed = page.url
    # Each choice has an entry of its own in the history, with its input.
    page.go_back()
    expect(page.locator("#facts")).to_contain_text("version 2 ")
    expect(page.locator("#version option:checked")).to_have_text("toy 2")
    expect_probabilities(page, ask(versions, "toy", "2", INPUT))
    page.go_forward()
    expect(page.locator("#facts")).to_contain_text("version 1 ")
    expect_probabilities(page, ask(versions, "toy", "1", INPUT | {"x0": -0.75}))
    expect(page).to_have_url(changed)
    again = visit(versions, page.url.removeprefix(versions.url))
    expect(again.page.locator("#facts")).to_contain_text("version 1 ")


def test_without_a_choice_the_default_answers(visit: OpenPage, versions: Process) -> None:
    opened = visit(versions)
    page = opened.page
    expect(page.locator("#version option:checked")).to_have_text("toy 3")
    code = page.get_by_role("region", name="Shell code")
    expect(code).to_contain_text(f"{versions.url}/predict")
    assert "model=" not in page.url


def test_another_model_brings_its_own_sliders(visit: OpenPage, versions: Process) -> None:
    opened = visit(versions, f"/?model=toy&version=2&{QUERY}")
    page = opened.page
    page.locator("#version").select_option("wide 1")
    expect(page.locator(".feature label")).to_have_text(["x0", "x1", "x2"])
    expect(page.locator("#legend li")).to_have_text([f"class-{index}" for index in range(5)])
    three = {name: INPUT[name] for name in ("x0", "x1", "x2")}
    expect_probabilities(page, ask(versions, "wide", "1", three))
    expect(page.locator("#network-drawing path")).to_have_count(3 * 8 + 8 * 5)
    expect(page.locator("#difference")).to_be_hidden()
    expect(page).to_have_title("wide")


def test_a_version_that_is_not_there_is_told_and_left(visit: OpenPage, versions: Process) -> None:
    opened = visit(versions, "/?model=toy&version=2")
    page = opened.page
    page.goto(f"{versions.url}/?model=nothing")
    expect(page.get_by_role("alert")).to_contain_text("'nothing'")
    expect(page.locator("main > :visible")).to_have_count(1)
    page.goto(f"{versions.url}/?model=wide")
    expect(page.locator("#version option:checked")).to_have_text("wide 1")
    expect(page).to_have_title("wide")
    page.goto(f"{versions.url}/?model=toy&version=7")
    expect(page.get_by_role("alert")).to_contain_text("'7'")
    expect(page.locator("main > :visible")).to_have_count(1)
    page.locator("#version").select_option("toy 1")
    expect(page.locator("#facts")).to_contain_text("version 1 ")
    expect(page.locator("#failure")).to_be_hidden()
    for name in ("..", ".", ""):
        page.goto(f"{versions.url}/?model=toy&version={name}")
        expect(page.get_by_role("alert")).to_have_text(f"no version '{name}'")
    # The browser logs the 404.
    assert opened.complaints
    opened.forgive("404")


def test_the_difference_is_that_of_the_states(visit: OpenPage, versions: Process) -> None:
    opened = visit(versions, "/?model=toy&version=2")
    page = opened.page
    first, second = TOYS["1"].state_dict(), TOYS["2"].state_dict()
    places = page.locator("#difference-tensors > div")
    expect(page.locator("#difference-from")).to_have_value("1")
    expect(places.locator("h3")).to_have_text(list(first))
    for name, place in zip(first, places.all(), strict=True):
        a, b = first[name].double().flatten(), second[name].double().flatten()
        delta = b - a
        expected = [
            delta.abs().max(),
            delta.abs().mean(),
            delta.norm() / a.norm(),
            torch.nn.functional.cosine_similarity(a, b, dim=0),
        ]
        changed, *figures = place.locator("dd").all_text_contents()
        assert changed == f"{len(a)} of {len(a)}"
        shown = [float(text.replace("−", "-")) for text in figures[:4]]
        assert shown == pytest.approx([each.item() for each in expected], rel=1e-3)
    canvas = places.first.locator("canvas")
    click_at(canvas, 2.5 / 4, 3.5 / 8)
    now, before = (state["hidden.weight"][3, 2].item() for state in (second, first))
    output = places.first.locator("output")
    expect(output).to_contain_text("hidden.weight[3, 2], hidden 3 from x2")
    numbers = [
        float(text)
        for text in re.findall(
            r"[-+]?\d[\d.]*(?:e-?\d+)?",
            (output.text_content() or "").split(" = ")[1].replace("−", "-"),
        )
    ]
    assert numbers == pytest.approx([now, before, now - before], rel=1e-3)


def test_tensors_that_came_went_and_changed_shape_are_named(
    visit: OpenPage, versions: Process
) -> None:
    opened = visit(versions, "/?model=toy&version=3")
    names = opened.page.locator("#difference-names li")
    expect(names.filter(has_text="Added: norm.weight, 4, float32")).to_have_count(1)
    expect(
        names.filter(
            has_text="Recast: hidden.weight, 8 × 4, float32 became hidden.weight, 6 × 4, float32"
        )
    ).to_have_count(1)
    expect(opened.page.locator("#difference-tensors h3")).to_have_text(["output.bias"])
    opened.page.locator("#version").select_option("toy 2")
    opened.page.get_by_label("From version").select_option("3")
    expect(names.filter(has_text="Removed: norm.weight, 4, float32")).to_have_count(1)
