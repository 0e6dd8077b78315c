"""The explanation panel: the answer of /explain, or the reason for its absence."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Page, expect

from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.cards.training_data import TrainingRows
from tests import rest
from tests.app.page.conftest import OpenPage
from tests.process import Process, running_server

EXAMPLE = {"sepal_length": 5.7, "sepal_width": 3, "petal_length": 4.2, "petal_width": 1.2}


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def test_bars_are_the_services_attributions(seen: Page, server: Process) -> None:
    found = rest.post(f"{server.url}/explain", json=EXAMPLE).json()["attributions"]["features"]
    bars = seen.locator("#attributions li")
    expect(bars.locator(".name")).to_have_text(list(found))
    largest = max(map(abs, found.values()))
    shown = [number(text) for text in bars.locator(".number").all_inner_texts()]
    assert shown == pytest.approx(list(found.values()), abs=largest / 100)
    drawn = bars.locator("i").evaluate_all(
        "(bars) => bars.map(({ style }) => [parseFloat(style.left), parseFloat(style.width)])"
    )
    # From the middle: negative values to the left, positive ones to the right.
    ends = [50 + 50 * value / largest for value in found.values()]
    expected = [(min(50, end), abs(end - 50)) for end in ends]
    for (left, width), (start, length) in zip(drawn, expected, strict=True):
        assert (left, width) == (pytest.approx(start, abs=0.1), pytest.approx(length, abs=0.1))


def test_the_counterfactual_is_another_class_when_gone_to(page: Page, server: Process) -> None:
    found = rest.post(f"{server.url}/explain", json=EXAMPLE).json()["counterfactual"]
    expect(page.locator("#counterfactual")).to_contain_text(f"Becomes {found['class']}")
    said = "Found by search: a nearer input of another class may exist."
    expect(page.locator("#counterfactual")).to_contain_text(said)
    page.get_by_role("button", name="Go there").click()
    expect(page.locator("#verdict")).to_contain_text(found["class"])
    for name, value in found["features"].items():
        shown = page.get_by_label(f"{name} cm, as a number").input_value()
        assert float(shown) == pytest.approx(value, rel=1e-6)


def test_where_no_counterfactual_is_found_one_may_exist(
    visit: OpenPage, write_model: Callable[..., Path], tmp_path: Path
) -> None:
    module = Multiclass(2, 3, 2).eval()
    with torch.no_grad():
        module.output.weight.zero_()
    path = write_model(module=module, baseline=[0.0, 0.0])
    with running_server(tmp_path / "log", "--model", str(path)) as server:
        opened = visit(server)
        said = "None found by search: an input of another class may exist."
        expect(opened.page.locator("#counterfactual")).to_have_text(said)
        opened.close()


def test_neighbours_are_the_nearest_of_each_class(seen: Page, server: Process) -> None:
    found = rest.post(f"{server.url}/explain", json=EXAMPLE).json()["neighbours"]
    rows = [
        [name, each["distance"], *each["features"].values()]
        for name, neighbours in found.items()
        for each in neighbours
    ]
    shown = seen.locator("#neighbours tbody tr")
    expect(shown).to_have_count(len(rows))
    for row, expected in zip(shown.all(), rows, strict=True):
        name, *numbers = row.locator("td").all_inner_texts()
        assert name.strip() == expected[0]
        assert [number(each) for each in numbers] == pytest.approx(expected[1:], rel=0.01)


def test_neighbours_of_a_sample_say_so(
    visit: OpenPage, write_model: Callable[..., Path], tmp_path: Path
) -> None:
    kept = TrainingRows(total=900, rows=[[0, 1, 0, 1], [1, 0, 1, 0]], labels=[0, 1])
    path = write_model(baseline=[0] * 4, training_rows=kept)
    with running_server(tmp_path / "log", "--model", str(path)) as server:
        note = visit(server).page.locator("#neighbours-sample")
        expect(note).to_contain_text("Of a sample of 2 of 900 training rows")
        assert server.stop() == 0


def test_without_explanations_the_reason_is_told_and_the_rest_works(
    visit: OpenPage, write_model: Callable[..., Path], tmp_path: Path
) -> None:
    with running_server(tmp_path / "log", "--model", str(write_model())) as server:
        opened = visit(server)
        page = opened.page
        expect(page.locator("#explanation-reason")).to_contain_text("holds no baseline")
        # Instead, the answers for other values are compared.
        expect(page.locator("#attributions li")).to_have_count(4)
        expect(page.locator("#attributions-sum")).to_contain_text("less its mean")
        expect(page.locator("#counterfactual-part")).to_be_hidden()
        expect(page.locator("#network-modes")).to_be_hidden()
        expect(page.locator("#network-drawing path")).to_have_count(8 * 4 + 3 * 8)
        before = page.locator("#verdict").inner_text()
        page.get_by_label("x0", exact=True).fill("1")
        expect(page.locator("#verdict")).not_to_have_text(before)
        # The page knows from /model that the service would refuse.
        assert not any("/explain" in url for url in opened.requests)
        opened.close()


def test_an_installation_without_the_extra_says_what_is_missing(
    visit: OpenPage, tmp_path: Path
) -> None:
    # As in an installation by `make serve`.
    restriction = ("without_package", "captum")
    with running_server(tmp_path / "log", restriction=restriction) as server:
        opened = visit(server)
        reason = opened.page.locator("#explanation-reason")
        expect(reason).to_contain_text("need the extra explain, which is not installed here")
        expect(reason).to_contain_text("No module named 'captum'")
        expect(reason.locator("code").last).to_have_text("python -m pip install captum")
        opened.close()
