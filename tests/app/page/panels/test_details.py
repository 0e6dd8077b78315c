"""Calibrated probabilities and the distance to the training rows, on request."""

import json
import re
import subprocess
import sys
from urllib.parse import urlencode

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from stateserve.model.cards.tabular_card import read_card
from tests import rest
from tests.app.page.conftest import OpenPage, wait_until
from tests.app.page.percent import percent
from tests.process import Process
from tests.project import IRIS, ROOT

# Between two classes, where a temperature changes probabilities.
BETWEEN = {"sepal_length": 6.0, "sepal_width": 2.8, "petal_length": 4.9, "petal_width": 1.6}


@pytest.fixture
def page(visit: OpenPage, server: Process) -> Page:
    return visit(server, f"/?{urlencode(BETWEEN)}").page


def test_calibrated_probabilities_are_those_of_the_cards_temperature(
    page: Page, server: Process
) -> None:
    plain = rest.post(f"{server.url}/predict", json=BETWEEN).json()["probabilities"]
    bars = page.locator("#probabilities .number")
    expect(bars).to_have_text([percent(value) for value in plain.values()])
    map_before = page.locator(".answers").evaluate("(canvas) => canvas.toDataURL()")
    page.get_by_label("calibrated").check()
    calibration = read_card(IRIS.with_suffix(".json")).calibration
    assert calibration is not None
    softened = np.exp(np.log(list(plain.values())) / calibration.temperature)
    softened /= softened.sum()
    expect(bars).to_have_text([percent(value) for value in softened])
    # Other displays of probabilities change too.
    wait_until(
        page,
        lambda: page.locator(".answers").evaluate("(canvas) => canvas.toDataURL()") != map_before,
    )
    page.get_by_label("calibrated").uncheck()
    expect(bars).to_have_text([percent(value) for value in plain.values()])


def test_the_calibration_error_says_on_how_many_rows_and_how_surely(seen: Page) -> None:
    calibration = read_card(IRIS.with_suffix(".json")).calibration
    assert calibration is not None
    note = seen.locator("#calibration-error")
    expect(note).to_contain_text(f"on {calibration.measured_rows} test rows: ")
    for found in (calibration.before, calibration.after):
        interval = found.expected_calibration_error_interval
        assert interval is not None
        low, high = (f"{end:.3g}" for end in interval)
        error = f"{found.expected_calibration_error:.3g}"
        expect(note).to_contain_text(f"{error} (95 % interval {low} to {high})")


def test_the_distance_is_shown_only_if_asked(page: Page) -> None:
    expect(page.locator("#novelty")).to_contain_text("standard deviations from the nearest")
    page.get_by_label("distance").uncheck()
    expect(page.locator("#novelty")).to_be_hidden()


def test_the_code_asks_for_the_same_details(page: Page) -> None:
    page.get_by_label("calibrated").check()
    shell = page.get_by_role("region", name="Shell code")
    expect(shell).to_contain_text("calibrated=true&out_of_distribution=true")
    result = subprocess.run(
        ["sh", "-c", shell.text_content() or ""], capture_output=True, check=True
    )
    answer = json.loads(result.stdout)
    expect(page.locator("#verdict")).to_contain_text(
        percent(answer["probabilities"][answer["class"]])
    )
    code = page.get_by_role("region", name="Python code").text_content() or ""
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    distance = answer["novelty"]["distance"]
    assert re.search(rf"Novelty\(distance={distance}, ", printed)


def test_what_the_card_does_not_hold_is_not_offered(visit: OpenPage, versions: Process) -> None:
    opened = visit(versions)
    expect(opened.page.locator("#details")).to_be_hidden()
    expect(opened.page.locator("#novelty")).to_be_hidden()
