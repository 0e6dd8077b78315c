"""Take the pictures of docs/page.md again: `python -m tests.page.screenshots`."""

import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from tests.conftest import ROOT, running_server
from tests.page.conftest import ARGUMENTS, find_chromium

FOLDER = ROOT / "docs" / "page"
DESK = {"width": 1280, "height": 850}
PHONE = {"width": 360, "height": 740}
# Name, colour scheme, viewport, and the part that is shown; none: what is in sight at first.
SHOTS = [
    ("light", "light", DESK, None),
    ("dark", "dark", DESK, None),
    ("network", "light", DESK, "#network"),
    ("why", "light", DESK, "#explanation"),
    ("state", "dark", DESK, "#state"),
    ("batch", "light", DESK, "#batch"),
    ("phone", "light", PHONE, None),
]


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(Path(folder) / "log") as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        for name, scheme, viewport, part in SHOTS:
            content = take(browser, server.url, scheme, viewport, part)
            # 256 colours that fit are plenty for a page, and a third of the bytes.
            image = Image.open(io.BytesIO(content)).convert("RGB")
            image = image.quantize(256, kmeans=3, dither=Image.Dither.NONE)
            image.save(FOLDER / f"{name}.png", optimize=True)
        browser.close()


def take(
    browser: Browser, url: str, scheme: str, viewport: dict[str, int], part: str | None
) -> bytes:
    page = browser.new_page(color_scheme=scheme, viewport=viewport, reduced_motion="reduce")
    page.goto(url)
    page.locator("#counterfactual table").wait_for()
    page.get_by_label("Drop a CSV file here").set_input_files(ROOT / "examples" / "flowers.csv")
    page.locator("#batch-table tbody tr").first.wait_for()
    page.locator(".heatmap canvas").click(position={"x": 140, "y": 100})
    # Back to where a visitor starts.
    page.evaluate("() => { document.activeElement.blur(); scrollTo(0, 0); }")
    page.wait_for_timeout(500)
    content = page.locator(part).screenshot() if part else page.screenshot()
    page.close()
    return content


if __name__ == "__main__":
    main()
