"""Take pictures of six pages at four sizes: `python -m tests.app.page.gallery build/page`.

The folder gets each picture, light and dark, as it is first seen and as a whole; docs/page/sizes
gets the four sizes of each page beside one another, at half their size.
"""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.app.page.six_models import MODELS, write_models
from tests.browser import ARGUMENTS, find_chromium
from tests.process import running_server
from tests.project import ROOT

SIZES = {"phone": (390, 844), "tablet": (768, 1024), "laptop": (1280, 720), "wide": (1920, 1080)}
SHEETS = ROOT / "docs" / "page" / "sizes"
GAP = 24
# Answers that have arrived are drawn then.
TWO_FRAMES = """() => new Promise((drawn) =>
    requestAnimationFrame(() => requestAnimationFrame(drawn)))"""
ANSWERED = "() => /^(?!No answer$)./.test(document.querySelector('#verdict').textContent)"
# The map is drawn after its answer, and only where it is seen.
SETTLED = """() => [...document.querySelectorAll("[aria-busy=true]")].every(
    (each) => !each.checkVisibility())"""


def main(folder: Path) -> None:
    SHEETS.mkdir(exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        write_models(Path(name))
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        for model in MODELS:
            arguments = ("--models", str(Path(name) / model), "--allow-code")
            with running_server(Path(name) / "log", *arguments) as server:
                shots = {}
                for scheme in ("dark", "light"):
                    for size in SIZES:
                        shots[size] = folder / f"{model}-{size}-{scheme}.png"
                        take(browser, server.url, scheme, size, shots[size])
            write_sheet(shots, SHEETS / f"{model}.png")
        browser.close()


def take(browser: Browser, url: str, scheme: str, size: str, path: Path) -> None:
    """What is first seen, and beside it the whole page, all of whose panels are filled."""
    width, height = SIZES[size]
    viewport = {"width": width, "height": height}
    page = browser.new_page(color_scheme=scheme, viewport=viewport, reduced_motion="reduce")
    page.set_default_timeout(120_000)
    page.goto(url)
    page.wait_for_function(ANSWERED)
    settle(page)
    page.screenshot(path=path)
    # Panels far from the window are not painted: the window becomes as high as the page.
    for _ in range(2):
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": width, "height": height})
        settle(page)
    page.screenshot(path=path.with_stem(f"{path.stem}-whole"))
    page.close()


def settle(page: Page) -> None:
    page.wait_for_load_state("networkidle")
    page.wait_for_function(SETTLED)
    page.evaluate(TWO_FRAMES)


def write_sheet(shots: Mapping[str, Path], path: Path) -> None:
    """The pictures in one row, at half their size, in 128 colours."""
    halves = [Image.open(each).convert("RGB").reduce(2) for each in shots.values()]
    width = sum(each.width + GAP for each in halves) - GAP
    sheet = Image.new("RGB", (width, max(each.height for each in halves)), "#8a8f98")
    left = 0
    for each in halves:
        sheet.paste(each, (left, 0))
        left += each.width + GAP
    sheet = sheet.quantize(128, kmeans=3, dither=Image.Dither.NONE)
    sheet.save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/page"))
