"""The page of a service that requires a key."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from app.api.auth.keys import Scope, new_key
from tests.app.page.accessibility import expect_no_violations
from tests.app.page.conftest import HANG_MILLISECONDS
from tests.process import Process, running_server
from tests.project import ROOT

Keyed = tuple[Process, dict[str, str]]


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    folder = tmp_path_factory.mktemp("keyed")
    few, few_entry = new_key("few", [Scope.PREDICT], None)
    both, both_entry = new_key("both", [Scope.PREDICT, Scope.INSPECT], None)
    (folder / "keys.toml").write_text(f"{few_entry}\n{both_entry}\n")
    options = ["--api-keys", str(folder / "keys.toml")]
    with running_server(folder / "log", *options) as running:
        yield running, {"few": few, "both": both}


@pytest.fixture
def page(browser: Browser, keyed: Keyed) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(HANG_MILLISECONDS)
    yield context.new_page()
    context.close()


def test_the_page_asks_for_a_key_and_keeps_it_for_its_tab(page: Page, keyed: Keyed) -> None:
    server, keys = keyed
    uncaught: list[object] = []
    page.on("pageerror", lambda error: uncaught.append(error))
    page.goto(server.url)
    field, failure = page.get_by_label("API key"), page.locator("#failure")
    expect(field).to_be_focused()
    expect(failure).to_contain_text("The service needs an API key. Enter one below.")
    expect_no_violations(page)
    field.fill("wrong")
    page.get_by_role("button", name="Use it").click()
    expect(failure).to_have_text("The service does not know this key. Enter another below.")
    assert not uncaught
    # A key that may predict, and not look inside.
    field.fill(keys["few"])
    page.get_by_role("button", name="Use it").click()
    page.locator("#verdict .probability").wait_for()
    expect(page.locator("#limits")).to_contain_text("need the scope inspect")
    expect(page.locator("#attributions li")).to_have_count(4)
    for hidden in ("#failure", "#state", "#network", "#explanation-reason"):
        expect(page.locator(hidden)).to_be_hidden()
    page.get_by_role("button", name="Use another key").click()
    expect_no_violations(page)
    field.fill(keys["both"])
    field.press("Enter")
    # Only this key may see the state.
    page.locator("#tensor .histogram svg").wait_for()
    expect(field).to_be_hidden()
    environment = os.environ | {"STATESERVE_KEY": keys["both"]}
    for title, *command in (
        ("Shell", "sh", "-c"),
        ("Python", sys.executable, "-c"),
        ("JavaScript", "node", "-e"),
    ):
        code = page.get_by_role("region", name=f"{title} code")
        # It is written when it is seen.
        code.scroll_into_view_if_needed()
        expect(code).to_contain_text("predict")
        # Not inner_text: it is empty while the browser skips the panel (content-visibility).
        written = [*command, code.text_content() or ""]
        done = subprocess.run(written, capture_output=True, cwd=ROOT, env=environment)
        assert b"versicolor" in done.stdout, done.stderr
    page.reload()
    page.locator("#verdict .probability").wait_for()
    assert page.evaluate("document.cookie + JSON.stringify(localStorage)").find("ssk_") == -1
    assert "ssk_" not in page.url
    other = page.context.new_page()
    other.goto(server.url)
    expect(other.get_by_label("API key")).to_be_visible()


def test_what_is_downloaded_is_asked_for_with_the_key(
    page: Page, keyed: Keyed, tmp_path: Path
) -> None:
    server, keys = keyed
    page.goto(server.url)
    page.get_by_label("API key").fill(keys["both"])
    page.get_by_role("button", name="Use it").click()
    page.locator("#tensor .histogram svg").wait_for()
    with page.expect_download() as started:
        page.get_by_role("link", name=".npy").click()
    assert started.value.suggested_filename == "hidden.weight.npy"
    started.value.save_as(tmp_path / "tensor.npy")
    assert np.load(tmp_path / "tensor.npy").shape == (8, 4)
