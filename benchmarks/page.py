"""`python -m benchmarks.page`: how the page loads, and its frames while a slider is dragged.

The browser and the service share this machine's cores.
"""

import itertools
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import httpx
import torch
import typer
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.server import free_port, running_server
from benchmarks.single import service_command
from stateserve.model import TrainingRows, save_checkpoint
from stateserve.model.architectures import Multiclass
from tests.browser import ARGUMENTS, find_chromium
from tests.checkpoints import make_card
from tests.project import IRIS

FEATURES, HIDDEN, CLASSES, ROWS = 100, 64, 50, 500
MOVES = 120
PLACE = """(element) => {
    const { x, y, width, height } = element.getBoundingClientRect();
    return [x, y, width, height];
}"""
WATCH = """() => {
    const times = [];
    window.frames_seen = times;
    const see = (time) => { times.push(time); requestAnimationFrame(see); };
    requestAnimationFrame(see);
}"""


def bench(
    rounds: Annotated[int, typer.Option(min=1, help="How often each page is opened.")] = 5,
) -> None:
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        wide = make_wide_table(folder / "wide.pth")
        for model, slider in ((IRIS, 2), (wide, 3)):
            with serving(model, folder / f"{model.stem}.log") as url:
                loads = [load(browser, url) for _ in range(rounds + 1)][1:]
                drags = [drag(browser, url, slider) for _ in range(2)]
            print(model.stem)
            for index, label in enumerate(("requests", "kB", "ms to the first answer")):
                print(f"  {label}: {spread([each[index] for each in loads])}")
            for index, label in enumerate(("frame p95 ms", "longest frame ms", "requests")):
                print(f"  drag, {label}: {spread([each[index] for each in drags])}")
        browser.close()


def make_wide_table(path: Path) -> Path:
    torch.manual_seed(0)
    module = Multiclass(FEATURES, HIDDEN, CLASSES).eval()
    rows = TrainingRows(
        total=ROWS,
        rows=(2 * torch.rand(ROWS, FEATURES) - 1).tolist(),
        labels=[row % CLASSES for row in range(ROWS)],
    )
    card = make_card(module, training_rows=rows, baseline=[0.0] * FEATURES)
    save_checkpoint(module.state_dict(), card, path)
    return path


@contextmanager
def serving(model: Path, log: Path) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    def probe() -> None:
        httpx.get(f"{url}/state?values=false").raise_for_status()

    with running_server(service_command(port, "--model", str(model)), probe, log=log):
        yield url


def load(browser: Browser, url: str) -> tuple[float, float, float]:
    """Requests, kilobytes received and milliseconds to the first answer, without a cache."""
    page = browser.new_context().new_page()
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    received: list[float] = []
    session.on("Network.loadingFinished", lambda found: received.append(found["encodedDataLength"]))
    page.goto(url, wait_until="commit")
    page.wait_for_function("() => document.querySelector('#verdict .probability')")
    interactive = page.evaluate("performance.now()")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)
    page.context.close()
    return len(received), sum(received) / 1000, interactive


def drag(browser: Browser, url: str, slider: int) -> tuple[float, float, float]:
    """Frames while a pointer drags a slider: 95th percentile, longest, and requests sent."""
    page: Page = browser.new_context(viewport={"width": 1280, "height": 720}).new_page()
    page.goto(url)
    page.locator("#verdict .probability").wait_for()
    page.wait_for_load_state("networkidle")
    handle = page.locator(f"#feature-{slider}")
    handle.scroll_into_view_if_needed()
    left, top, width, height = handle.evaluate(PLACE)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    middle = top + height / 2
    page.mouse.move(left + width * 0.2, middle)
    page.mouse.down()
    page.evaluate(WATCH)
    for move in range(MOVES):
        page.mouse.move(left + width * (0.2 + 0.6 * move / MOVES), middle)
        page.wait_for_timeout(16)
    times = page.evaluate("window.frames_seen")
    page.mouse.up()
    page.context.close()
    frames = sorted(after - before for before, after in itertools.pairwise(times))
    return statistics.quantiles(frames, n=20)[-1], frames[-1], len(sent)


def spread(values: list[float]) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.0f} ({low:.0f} to {high:.0f})"


if __name__ == "__main__":
    typer.run(bench)
