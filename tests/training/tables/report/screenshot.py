"""The picture of docs/training.md: `python -m tests.training.tables.report.screenshot`."""

import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright
from sklearn.datasets import load_wine

from tests.browser import ARGUMENTS, find_chromium
from tests.project import ROOT
from tests.tables import train_quickly
from training.tables import Options

PICTURE = ROOT / "docs" / "report.png"
VIEWPORT = {"width": 900, "height": 1180}


def main() -> None:
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        table = Path(name) / "wine.csv"
        wine = load_wine(as_frame=True)
        wine.frame.assign(target=wine.target_names[wine.target]).to_csv(table, index=False)
        model = train_quickly(table, "target", options=Options(), report=True)
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        page = browser.new_page(viewport=VIEWPORT)  # type: ignore[arg-type]
        page.goto(model.with_suffix(".html").as_uri())
        image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        image = image.quantize(64, dither=Image.Dither.NONE)
        image.save(PICTURE, optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
