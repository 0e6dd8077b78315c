"""The installed Chromium, as the tests start it, and a click in its page."""

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-software-rasterizer",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str | None:
    # The first takes half of the processor time of the whole browser.
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


def click_at(canvas: "Locator", across: float, down: float) -> None:
    """Click at these shares of the width and the height, though the layout may change meanwhile."""
    canvas.evaluate(
        """(canvas, [across, down]) => {
            const { left, top, width, height } = canvas.getBoundingClientRect();
            const at = { clientX: left + across * width, clientY: top + down * height };
            canvas.focus();
            canvas.dispatchEvent(new MouseEvent("click", { bubbles: true, ...at }));
        }""",
        [across, down],
    )
