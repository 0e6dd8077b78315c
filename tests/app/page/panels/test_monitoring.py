"""Plots of the prediction log: class shares, accuracy from feedback, drift per feature."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import rest
from tests.app.page.accessibility import DESK, PHONE, expect_no_violations
from tests.app.page.conftest import OpenPage, visiting, wait_until
from tests.process import Process, running_server
from tests.project import ROOT, SETOSA

VIRGINICA = {"sepal_length": 6.3, "sepal_width": 3.3, "petal_length": 6.0, "petal_width": 9.0}
# Thirty flowers, ten of them setosa; four have feedback, and three of these are right.
FLOWERS = [SETOSA] * 10 + [VIRGINICA] * 20
TRUE = {0: "setosa", 1: "setosa", 10: "virginica", 11: "versicolor"}


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("logging")
    arguments = ["--prediction-log", f"sqlite:///{folder}/log.db"]
    flush = ["--prediction-log-flush-seconds", "0.05"]
    with running_server(folder / "log", *arguments, *flush) as server:
        answer = rest.post(f"{server.url}/predict", json={"instances": FLOWERS})
        deadline = time.monotonic() + 30
        while monitoring(server)["predictions"] < len(FLOWERS):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        prediction_id = answer.headers["x-prediction-id"]
        for index, name in TRUE.items():
            feedback = {"prediction_id": f"{prediction_id}:{index}", "class": name}
            rest.post(f"{server.url}/feedback", json=feedback).raise_for_status()
        yield server


@pytest.fixture(scope="module")
def plots(browser: Browser, logged: Process) -> Iterator[Page]:
    """A page of this log for the tests that only read it or unfold a table."""
    with visiting(browser) as open_page:
        yield open_page(logged).page


def monitoring(server: Process) -> dict[str, Any]:
    found: dict[str, Any] = rest.get(f"{server.url}/monitoring").json()
    return found


def test_without_a_log_there_is_no_panel(seen: Page) -> None:
    expect(seen.locator("#monitoring")).to_be_hidden()
    expect(seen.locator("nav a[href='#monitoring']")).to_be_hidden()


def test_shares_accuracy_and_drift_are_the_services(plots: Page, logged: Process) -> None:
    found = monitoring(logged)
    expect(plots.locator("#monitoring-status")).to_contain_text(
        f"{found['predictions']} predictions"
    )
    shares = [f"{each['class']}{each['share'] * 100:.1f} %" for each in found["classes"]]
    expect(plots.locator("#monitoring-classes li")).to_have_text(shares)
    expect(plots.locator("#monitoring-accuracy")).to_contain_text("75.0 % of 4 predictions")
    expect(plots.locator("#monitoring-confusion tbody tr")).to_have_text(
        ["setosa200", "versicolor001", "virginica001"]
    )
    features = found["drift"]["features"]
    blocks = plots.locator("#monitoring-features > div")
    levels = {"none": "no drift", "moderate": "moderate drift", "major": "major drift"}
    expect(blocks.locator("h4")).to_have_text(
        [f"{each['name']}{levels[each['level']]}" for each in features]
    )
    for block, each in zip(blocks.all(), features, strict=True):
        shown = [float(text.replace("−", "-")) for text in block.locator("dd").all_text_contents()]
        expected = [each["psi"], each["ks"], each["p_value"]]
        assert shown == pytest.approx(expected, rel=0.05)
        expect(block.locator("svg")).to_be_visible()


def test_bars_are_as_high_as_the_shares(plots: Page, logged: Process) -> None:
    petal_width = plots.locator("#monitoring-features > div").nth(3)
    petal_width.locator("svg").wait_for()
    feature = monitoring(logged)["drift"]["features"][3]
    expected = [feature["below"], *feature["window"], feature["above"]]
    # VIRGINICA's petal width is beyond the training range: two thirds of the rows.
    assert expected[-1] == pytest.approx(2 / 3)
    measure = "(bars) => bars.map((bar) => Number(bar.getAttribute('height')))"
    heights = petal_width.locator("rect.lately").evaluate_all(measure)
    assert [height / sum(heights) for height in heights] == pytest.approx(expected)
    # The axis ends where the highest bar does.
    assert petal_width.locator("rect.trained").count() == len(expected)


def test_the_plot_is_a_table_on_demand(plots: Page) -> None:
    petal_width = plots.locator("#monitoring-features > div").nth(3)
    petal_width.get_by_text("Data as a table").click()
    last = petal_width.locator("tbody tr").last
    expect(last).to_have_text("above 2.50.0 %66.7 %")


def test_another_time_is_asked_for_by_choice_and_by_button(
    visit: OpenPage, logged: Process
) -> None:
    opened = visit(logged)
    page = opened.page
    expect(page.locator("#monitoring-status")).to_contain_text("predictions")
    page.get_by_label("Over the last").select_option("week")
    wait_until(page, lambda: f"{logged.url}/monitoring?window_hours=168" in opened.requests)
    before = len(opened.requests)
    page.get_by_role("button", name="Refresh").click()
    wait_until(page, lambda: len(opened.requests) > before)
    assert opened.requests[-1] == f"{logged.url}/monitoring?window_hours=168"


def test_a_log_that_cannot_be_asked_is_told(visit: OpenPage, logged: Process) -> None:
    opened = visit(logged)
    opened.page.route("**/monitoring?**", lambda route: route.abort())
    opened.page.get_by_role("button", name="Refresh").click()
    message = "The service does not answer."
    expect(opened.page.locator("#monitoring-status")).to_have_text(message)
    expect(opened.page.locator("#monitoring-parts")).to_be_hidden()
    opened.complaints.clear()


def test_axe_finds_nothing_in_the_plots(visit: OpenPage, logged: Process) -> None:
    page = visit(logged, viewport=PHONE, reduced_motion="reduce").page
    page.locator("#monitoring-features").get_by_text("Data as a table").last.click()
    for scheme, size in (("light", PHONE), ("dark", DESK)):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        expect_no_violations(page)
        assert page.evaluate("document.documentElement.scrollWidth") == size["width"]


def test_what_is_tried_out_on_the_page_is_not_counted(visit: OpenPage, logged: Process) -> None:
    before = monitoring(logged)["predictions"]
    opened = visit(logged)
    page = opened.page
    page.get_by_label("petal_width cm, as a number").fill("2.4")
    expect(page.locator("#verdict")).to_contain_text("virginica")
    page.get_by_label("Drop a CSV file here").set_input_files(ROOT / "examples" / "flowers.csv")
    expect(page.locator("#batch-table tbody tr")).to_have_count(3)
    # A logged prediction after the others: once it is in the log, they would be too.
    rest.post(f"{logged.url}/predict", json=SETOSA).raise_for_status()
    wait_until(page, lambda: monitoring(logged)["predictions"] > before)
    assert monitoring(logged)["predictions"] == before + 1
