"""The state browser: each tensor's values, statistics, histogram and files."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import Page, expect

from tests import rest
from tests.app.page.conftest import OpenPage
from tests.process import Process
from tests.project import IRIS


def test_every_entry_of_the_state_is_there(page: Page) -> None:
    names = list(torch.load(IRIS, weights_only=True))
    expect(page.locator("#tensors .name")).to_have_text(names)


def test_a_cell_tells_its_value_by_click_and_by_key(page: Page) -> None:
    weight = torch.load(IRIS, weights_only=True)["hidden.weight"]
    canvas = page.locator(".heatmap canvas")
    box = canvas.bounding_box()
    assert box is not None
    rows, columns = weight.shape
    canvas.click(position={"x": box["width"] * 2.5 / columns, "y": box["height"] * 3.5 / rows})
    readout = page.locator("#tensor output")
    expect(readout).to_contain_text("hidden.weight[3, 2], hidden 3 from petal_length")
    shown = readout.inner_text().split(" = ")[1].replace("−", "-")
    assert np.float32(shown) == weight[3, 2].item()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(readout).to_contain_text("hidden.weight[4, 3], hidden 4 from petal_width")
    # At the edge the focus stays.
    page.keyboard.press("ArrowRight")
    expect(readout).to_contain_text("hidden.weight[4, 3]")


def test_a_cells_colour_grows_with_its_value(page: Page) -> None:
    weight = torch.load(IRIS, weights_only=True)["hidden.weight"]
    rows, columns = weight.shape
    # In a corner of each cell, beyond the digits.
    read = f"""(canvas) => {{
        const copy = new OffscreenCanvas(canvas.width, canvas.height);
        const context = copy.getContext("2d", {{ willReadFrequently: true }});
        context.drawImage(canvas, 0, 0);
        const [width, height] = [canvas.width / {columns}, canvas.height / {rows}];
        return Array.from({{ length: {rows * columns} }}, (_, cell) => {{
            const [line, column] = [Math.floor(cell / {columns}), cell % {columns}];
            const corner = [column * width + 2, line * height + 2];
            const [red, , blue] = context.getImageData(...corner, 1, 1).data;
            return blue - red;
        }});
    }}"""
    blueness = np.array(page.locator(".heatmap canvas").evaluate(read))
    values = weight.flatten().numpy()
    # Red for negative, blue for positive; each end has its own slope.
    order = np.argsort(values)
    assert (np.diff(blueness[order]) >= -2).all()
    assert blueness[order[0]] < -50
    assert blueness[order[-1]] > 100


def test_statistics_are_the_states(page: Page) -> None:
    page.get_by_role("button", name="output.bias").click()
    page.get_by_label("Histogram of output.bias").wait_for()
    bias = torch.load(IRIS, weights_only=True)["output.bias"].double()
    figures = page.locator(".statistics dd").all_inner_texts()
    shown = [text.replace("−", "-") for text in figures[:5]]
    expected = [bias.min(), bias.max(), bias.mean(), bias.std(correction=0), bias.norm()]
    assert shown == [str(np.float32(value.item())) for value in expected]


def test_a_tensor_and_the_state_can_be_taken_away(page: Page, tmp_path: Path) -> None:
    state = torch.load(IRIS, weights_only=True)
    with page.expect_download() as downloading:
        page.get_by_role("link", name=".npy").click()
    content = Path(downloading.value.path()).read_bytes()
    assert (np.load(io.BytesIO(content)) == state["hidden.weight"].numpy()).all()
    with page.expect_download() as downloading:
        page.get_by_role("link", name=".pth").click()
    taken = torch.load(downloading.value.path(), weights_only=True)
    assert all(torch.equal(taken[name], tensor) for name, tensor in state.items())


def test_edges_are_as_wide_as_the_weights(page: Page, server: Process) -> None:
    page.get_by_label("weights", exact=True).check()
    state = torch.load(IRIS, weights_only=True)
    widths = page.locator("#network-drawing path").evaluate_all(
        "(paths) => paths.map((path) => Number(path.getAttribute('stroke-width')))"
    )
    signs = page.locator("#network-drawing path").evaluate_all(
        "(paths) => paths.map((path) => path.getAttribute('class'))"
    )
    weights = torch.cat([state["hidden.weight"].flatten(), state["output.weight"].flatten()])
    assert len(widths) == len(weights)
    assert signs.count("negative") == int((weights < 0).sum())
    largest = max(state[f"{layer}.weight"].abs().max() for layer in ("hidden", "output"))
    assert max(widths) == pytest.approx(6)
    assert min(widths) == pytest.approx(0.4 + 5.6 * (weights.abs().min() / largest).item(), abs=0.1)


def test_units_show_what_flows_through_them(page: Page, server: Process) -> None:
    instance = {"sepal_length": 5.7, "sepal_width": 3, "petal_length": 4.2, "petal_width": 1.2}
    found = rest.post(f"{server.url}/explain", json=instance).json()
    texts = page.locator("#network-drawing text.muted")
    expect(texts).to_have_count(8)
    shown = [float(text) for text in texts.all_text_contents()]
    assert shown == pytest.approx(found["activations"]["act"], rel=0.01)


def test_a_state_that_changes_under_way_is_told(visit: OpenPage, server: Process) -> None:
    opened = visit(server)
    opened.page.route("**/state/output.bias**", lambda route: route.abort())
    opened.page.get_by_role("button", name="output.bias").click()
    expect(opened.page.locator("#tensor [role=alert]")).to_have_text("The service does not answer.")
    # Two requests were aborted, and each is logged at its own time.
    opened.forgive("net::ERR_FAILED")
