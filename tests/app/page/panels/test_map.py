"""The decision map and the curves: their colours are the service's answers."""

import numpy as np
from playwright.sync_api import Page, expect

from tests import rest
from tests.app.page.conftest import OpenPage, wait_until
from tests.app.page.percent import percent
from tests.process import Process

SIDE = 64
READ_COLOURS = """
(canvas) => {
    // A copy: the browser warns of reading what it keeps to draw.
    const copy = new OffscreenCanvas(canvas.width, canvas.height);
    const context = copy.getContext("2d", { willReadFrequently: true });
    context.drawImage(canvas, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const swatches = [...document.querySelectorAll("#legend .swatch")];
    const colours = swatches.map((each) =>
        getComputedStyle(each).backgroundColor.match(/[0-9.]+/g).map(Number));
    return { side: canvas.width, data: Array.from(data), colours };
}
"""


def shown_classes(page: Page) -> np.ndarray:
    """The class index of each cell of the map (lines, columns), by the legend's nearest colour."""
    read = page.locator("#plane .answers").evaluate(READ_COLOURS)
    side = read["side"]
    pixels = np.array(read["data"]).reshape(side, side, 4)[..., :3]
    distances = np.abs(pixels[:, :, None] - np.array(read["colours"])[:, :3]).max(axis=3)
    # Transparency on a canvas changes a colour by a few of 256 steps.
    assert distances.min(axis=2).max() <= 4
    return distances.argmin(axis=2)


def true_classes(page: Page, server: Process, across: str, up: str) -> np.ndarray:
    """The classes of /predict for JSON instances at the centre of every eighth cell."""
    instance, axes = {}, {}
    for row in page.locator(".feature").all():
        slider = row.locator("input[type=range]")
        name = row.locator("label").inner_text().removesuffix(" cm").strip()
        instance[name] = float(slider.input_value())
        axes[name] = [float(slider.get_attribute(end) or "nan") for end in ("min", "max")]
    shares = (np.arange(0, SIDE, 8) + 0.5) / SIDE
    xs = axes[across][0] + shares * (axes[across][1] - axes[across][0])
    ys = axes[up][1] - shares * (axes[up][1] - axes[up][0])
    instances = [instance | {across: x, up: y} for y in ys.tolist() for x in xs.tolist()]
    answers = rest.post(f"{server.url}/predict", json={"instances": instances}).json()
    indices = [answer["index"] for answer in answers["predictions"]]
    return np.array(indices).reshape(len(ys), len(xs))


def test_the_maps_colours_are_the_services_classes(seen: Page, server: Process) -> None:
    expect(seen.locator("#map-x")).to_have_value("2")
    shown = shown_classes(seen)
    assert shown.shape == (SIDE, SIDE)
    assert set(shown.flat) == {0, 1, 2}
    assert (shown[::8, ::8] == true_classes(seen, server, "petal_length", "petal_width")).all()


def test_the_map_follows_other_axes_and_other_features(page: Page, server: Process) -> None:
    page.get_by_label("Across").select_option("sepal_width")
    page.get_by_label("petal_length cm, as a number").fill("2.4")
    expected = true_classes(page, server, "sepal_width", "petal_width")
    wait_until(page, lambda: (shown_classes(page)[::8, ::8] == expected).all())
    page.get_by_label("petal_length cm, as a number").fill("5.5")
    other = true_classes(page, server, "sepal_width", "petal_width")
    assert (other != expected).any()
    wait_until(page, lambda: (shown_classes(page)[::8, ::8] == other).all())


def test_one_feature_is_never_on_both_axes(page: Page) -> None:
    page.get_by_label("Across").select_option("petal_width")
    expect(page.get_by_label("Up")).to_have_value("2")


def test_a_click_moves_the_input_there(page: Page) -> None:
    plane = page.locator("#plane")
    box = plane.locator(".answers").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.1)
    expect(page.locator("#verdict")).to_contain_text("virginica")
    page.mouse.click(box["x"] + box["width"] * 0.1, box["y"] + box["height"] * 0.9)
    expect(page.locator("#verdict")).to_contain_text("setosa")


def test_the_map_tells_what_it_shows_under_the_pointer(seen: Page) -> None:
    box = seen.locator("#plane .answers").bounding_box()
    assert box is not None
    seen.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.1)
    expect(seen.locator("#map-readout")).to_contain_text("virginica")
    expect(seen.locator("#verdict")).to_contain_text("versicolor")


def test_curves_tell_the_services_probabilities(page: Page, server: Process) -> None:
    page.locator("#curves-feature").select_option("petal_width")
    page.locator("#curves-plot svg").wait_for()
    high = page.locator("#feature-3").get_attribute("max")
    instance = {"sepal_length": 5.7, "sepal_width": 3, "petal_length": 4.2}
    instance["petal_width"] = float(high or "nan")
    answer = rest.post(f"{server.url}/predict", json=instance).json()
    texts = [f"{name}: {percent(value)}" for name, value in answer["probabilities"].items()]
    expected = f"petal_width {high}; {', '.join(texts)}"

    def is_reported() -> bool:
        box = page.locator("#curves-plot svg").bounding_box()
        # It is drawn anew with each answer.
        if box is None:
            return False
        # The last of the points, at the end of the slider.
        page.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] / 2)
        page.mouse.move(box["x"] + box["width"] - 1, box["y"] + box["height"] / 2)
        return page.locator("#curves-readout").inner_text() == expected

    wait_until(page, is_reported)


def test_a_map_that_is_refused_says_so(visit: OpenPage, server: Process) -> None:
    opened = visit(server)
    page = opened.page
    page.get_by_label("sepal_length cm, as a number").fill("1e39")
    expect(page.locator("#map-readout")).to_contain_text("a finite number belongs")
    expect(page.locator("#curves-readout")).to_contain_text("a finite number belongs")
    expect(page.locator("#plane")).to_have_attribute("aria-busy", "false")
    assert page.locator("#plane .answers").evaluate(READ_COLOURS)["data"] == [0] * SIDE * SIDE * 4
    opened.complaints.clear()
