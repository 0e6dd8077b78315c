"""Take the pictures of docs/page.md again: `python -m tests.app.page.screenshots`."""

import io
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from stateserve.model.cards.tabular_card import read_card
from tests import rest
from tests.browser import ARGUMENTS, find_chromium
from tests.process import running_server
from tests.project import IRIS, ROOT

FOLDER = ROOT / "docs" / "page"
DESK = {"width": 1280, "height": 850}
PHONE = {"width": 360, "height": 740}
# Name, colour scheme, viewport, and the part that is shown; none: the initial view.
SHOTS = [
    ("light", "light", DESK, None),
    ("dark", "dark", DESK, None),
    ("network", "light", DESK, "#network"),
    ("why", "light", DESK, "#explanation"),
    ("state", "dark", DESK, "#state"),
    ("difference", "light", DESK, "#difference"),
    ("batch", "light", DESK, "#batch"),
    ("monitoring", "light", DESK, "#monitoring"),
    ("phone", "light", PHONE, None),
]


def main() -> None:
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        write_two_versions(folder / "models" / "iris-model")
        arguments = ["--models", str(folder / "models"), "--version-policy", "all"]
        log = ["--prediction-log", f"sqlite:///{folder}/log.db"]
        with running_server(folder / "log", *arguments, *log) as server:
            ask_for_wide_sepals(server.url)
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
            for shot, scheme, viewport, part in SHOTS:
                content = take(browser, server.url, scheme, viewport, part)
                # A palette of 256 colours is enough for a page, with a third of the bytes.
                image = Image.open(io.BytesIO(content)).convert("RGB")
                image = image.quantize(256, kmeans=3, dither=Image.Dither.NONE)
                image.save(FOLDER / f"{shot}.png", optimize=True)
            browser.close()


def write_two_versions(folder: Path) -> None:
    """The committed iris model as version 2, and a model of another seed as version 1."""
    command = [sys.executable, "-m", "training", "--seed", "7", "--seeds", "0"]
    subprocess.run([*command, "--output", folder / "1"], check=True, capture_output=True, cwd=ROOT)
    (folder / "2").mkdir()
    for suffix in (".pth", ".json"):
        shutil.copy(IRIS.with_suffix(suffix), folder / "2")


def ask_for_wide_sepals(url: str) -> None:
    """Predictions to monitor: training rows with wider sepals, and the truth of every third."""
    card = read_card(IRIS.with_suffix(".json"))
    assert card.training_rows is not None
    wider = np.add(card.training_rows.rows, [0, 0.4, 0, 0])
    names = [feature.name for feature in card.features]
    rows = [dict(zip(names, row, strict=True)) for row in wider.round(1).tolist()]
    answer = rest.post(f"{url}/predict", json={"instances": rows})
    time.sleep(2)
    for index, label in list(enumerate(card.training_rows.labels))[::3]:
        prediction_id = f"{answer.headers['x-prediction-id']}:{index}"
        feedback = {"prediction_id": prediction_id, "class": card.classes[label]}
        rest.post(f"{url}/feedback", json=feedback).raise_for_status()


def take(
    browser: Browser, url: str, scheme: str, viewport: dict[str, int], part: str | None
) -> bytes:
    page = browser.new_page(color_scheme=scheme, viewport=viewport, reduced_motion="reduce")
    page.goto(url)
    page.locator("#verdict .probability").wait_for()
    # On a phone, the other panels are folded.
    if viewport is not PHONE:
        fill(page)
    # Back to the initial position.
    page.evaluate("() => { document.activeElement.blur(); scrollTo(0, 0); }")
    page.wait_for_timeout(500)
    if part:
        # The whole part, without the header over it.
        page.set_viewport_size(viewport | {"height": 1400})
        page.wait_for_timeout(200)
    content = page.locator(part).screenshot() if part else page.screenshot()
    page.close()
    return content


def fill(page: Page) -> None:
    """Rows in the batch panel, and a chosen cell of a tensor and of a difference."""
    page.locator("#counterfactual table").wait_for()
    page.get_by_label("Drop a CSV file here").set_input_files(ROOT / "examples" / "flowers.csv")
    page.locator("#batch-table tbody tr").first.wait_for()
    page.locator("#tensor .heatmap canvas").click(position={"x": 140, "y": 100})
    page.locator("#difference-tensors canvas").first.click(position={"x": 140, "y": 100})


if __name__ == "__main__":
    main()
