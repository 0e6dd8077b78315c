"""The page in a real Chromium, without errors in the console or requests to other origins."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from playwright.sync_api import Browser, Page, expect, sync_playwright

from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.checkpoint import save_checkpoint
from tests.browser import ARGUMENTS, find_chromium
from tests.checkpoints import make_card
from tests.process import Process, running_server

# The browser also logs this on the console; an exception here cannot be missed.
REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
    console.error(`refused by the policy: ${event.effectiveDirective} ${event.blockedURI}`));
"""


ANSWERED = re.compile("^(?!No answer$).")
CLICK = "(buttons) => buttons.forEach((button) => button.click())"


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, for all tests of this folder. Playwright's own is never downloaded."""
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium is installed: apt-get install chromium-headless-shell")
    # Not for the session: an event loop stays set while it runs, and async tests need their own.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def modules(browser: Browser, server: Process) -> Iterator[Page]:
    """An empty page that can import the modules."""
    page = browser.new_page()
    page.goto(f"{server.url}/page/icon.svg")
    yield page
    page.close()


@dataclass
class Visit:
    """The requests and the errors of a page."""

    page: Page
    origin: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    forgiven: str | None = None

    def __post_init__(self) -> None:
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)

    def _hear(self, message: Any) -> None:
        known = self.forgiven is not None and self.forgiven in message.text
        if message.type in ("error", "warning") and not known:
            self.complaints.append(message.text)

    def forgive(self, text: str) -> None:
        """Errors that contain this text are expected, also later ones."""
        assert all(text in complaint for complaint in self.complaints), self.complaints
        self.forgiven = text
        self.complaints.clear()

    def close(self) -> None:
        """Leave the page before its server ends."""
        self.page.context.close()

    @property
    def elsewhere(self) -> list[str]:
        """Requests to another origin. A blob is the page's own."""
        own = (f"{self.origin}/", f"blob:{self.origin}/")
        return [url for url in self.requests if not url.startswith(own)]


OpenPage = Callable[..., Visit]

# A limit for hangs, not for speed: a busy machine may be slow.
HANG_MILLISECONDS = 60_000
expect.set_options(timeout=HANG_MILLISECONDS)


def wait_until(page: Page, check: Callable[[], bool]) -> None:
    """For pixels of the page, which Playwright's `expect` cannot check."""
    for _ in range(HANG_MILLISECONDS // 20):
        if check():
            return
        page.wait_for_timeout(20)
    assert check()


@contextmanager
def visiting(browser: Browser) -> Iterator[OpenPage]:
    """Open pages as `visit` does, and require at the end that they had no errors."""
    visits: list[Visit] = []

    def open_page(
        server: Process, path: str = "/", *, folded: bool = False, **options: Any
    ) -> Visit:
        context = browser.new_context(**options)
        context.set_default_timeout(HANG_MILLISECONDS)
        context.add_init_script(REPORT_VIOLATIONS)
        visit = Visit(context.new_page(), server.url)
        visits.append(visit)
        visit.page.goto(server.url + path)
        # Filled last, after the model and a first answer have arrived.
        expect(visit.page.locator("#verdict")).to_have_text(ANSWERED)
        if not folded:
            visit.page.locator(".fold[aria-expanded=false]").evaluate_all(CLICK)
            visit.page.locator("#tensor .histogram svg").wait_for()
        return visit

    yield open_page
    for each in visits:
        # Open requests fail when the page is left, which is no error of the page.
        complaints = list(each.complaints)
        each.close()
        assert each.elsewhere == []
        assert complaints == []


@pytest.fixture
def visit(browser: Browser) -> Iterator[OpenPage]:
    """Open the page of a server, ready to be used; `options` are those of a browser context.

    Panels that are folded at first, as on a phone, are opened, unless `folded`.
    """
    with visiting(browser) as open_page:
        yield open_page


@pytest.fixture
def page(visit: OpenPage, server: Process) -> Page:
    """The committed iris model's page."""
    return visit(server).page


@pytest.fixture(scope="package")
def seen(browser: Browser, server: Process) -> Iterator[Page]:
    """The same page, opened once for all tests that only read it: a visit takes a second."""
    with visiting(browser) as open_page:
        yield open_page(server).page


def make(seed: int, *sizes: int, batch_norm: bool = False) -> Multiclass:
    torch.manual_seed(seed)
    return Multiclass(*sizes, batch_norm=batch_norm).eval()


TOYS = {version: make(int(version)) for version in ("1", "2")}


@pytest.fixture(scope="session")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Two models: toy with three versions, the last of another architecture, and wide."""
    folder = tmp_path_factory.mktemp("models")
    modules = {f"toy/{version}": module for version, module in TOYS.items()}
    modules["toy/3"] = make(3, 4, 6, 3, batch_norm=True)
    modules["wide/1"] = make(4, 3, 8, 5)
    for place, module in modules.items():
        save_checkpoint(module.state_dict(), make_card(module), folder / place / "model.pth")
    arguments = ["--models", str(folder), "--model", "toy", "--version-policy", "all"]
    with running_server(tmp_path_factory.mktemp("log") / "log", *arguments) as server:
        yield server
