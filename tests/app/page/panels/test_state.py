"""The state browser: each tensor's values, statistics, histogram and files."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page, expect
from torch import nn

from tests import rest
from tests.app.page.accessibility import expect_no_violations
from tests.app.page.conftest import HANG_MILLISECONDS, OpenPage
from tests.browser import click_at
from tests.process import Process, running_server
from tests.project import IRIS


def test_every_entry_of_the_state_is_there(seen: Page) -> None:
    names = list(torch.load(IRIS, weights_only=True))
    expect(seen.locator("#tensors .name")).to_have_text(names)


def test_a_cell_tells_its_value_by_click_and_by_key(page: Page) -> None:
    weight = torch.load(IRIS, weights_only=True)["hidden.weight"]
    canvas = page.locator(".heatmap canvas")
    rows, columns = weight.shape
    click_at(canvas, 2.5 / columns, 3.5 / rows)
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


def test_a_cells_colour_grows_with_its_value(seen: Page) -> None:
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
    blueness = np.array(seen.locator(".heatmap canvas").evaluate(read))
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
    # The links are drawn again when the numbers are there.
    expect(page.locator("#tensor svg.chart").first).to_be_visible()
    # By key: a panel that is still being drawn can move a link between press and release.
    with page.expect_download() as downloading:
        page.get_by_role("link", name=".npy").press("Enter")
    content = Path(downloading.value.path()).read_bytes()
    assert (np.load(io.BytesIO(content)) == state["hidden.weight"].numpy()).all()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="the state, .pth").press("Enter")
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


def test_units_show_what_flows_through_them(seen: Page, server: Process) -> None:
    instance = {"sepal_length": 5.7, "sepal_width": 3, "petal_length": 4.2, "petal_width": 1.2}
    found = rest.post(f"{server.url}/explain", json=instance).json()
    texts = seen.locator("#network-drawing text.muted")
    expect(texts).to_have_count(8)
    expect(texts.first).not_to_be_empty()
    shown = [float(text) for text in texts.all_text_contents()]
    assert shown == pytest.approx(found["activations"]["act"], rel=0.01)


def test_a_state_that_changes_under_way_is_told(visit: OpenPage, server: Process) -> None:
    opened = visit(server)
    opened.page.route("**/state/output.bias**", lambda route: route.abort())
    opened.page.get_by_role("button", name="output.bias").click()
    expect(opened.page.locator("#tensor [role=alert]")).to_have_text("The service does not answer.")
    opened.forgive("net::ERR_FAILED")


CODE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 20, 3)
        block = lambda: nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
        self.blocks = nn.Sequential(*[block() for _ in range(10)])
        self.wide = nn.Embedding(1000, 50)

    def forward(self, x):
        return self.blocks(x) + self.wide.weight.sum() + self.stem.weight.sum()
"""


def make_net() -> nn.Module:
    space: dict[str, type[nn.Module]] = {}
    exec(CODE, space)
    torch.manual_seed(0)
    net = space["Net"]().eval()
    net.stem.weight.data[7] = 0
    return net


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """73 tensors: a convolution with a dead output, ten blocks, and 50,000 weights in one."""
    folder = tmp_path_factory.mktemp("deep")
    torch.save(make_net().state_dict(), folder / "net.pth")
    (folder / "nets.py").write_text(CODE)
    np.save(folder / "x.npy", np.ones((1, 4), np.float32))
    code = ["--code", f"{folder / 'nets.py'}:Net", "--example", str(folder / "x.npy")]
    with running_server(folder / "log", "--model", str(folder / "net.pth"), *code) as server:
        yield server


def test_a_large_state_is_found_by_module_name_and_address(browser: Browser, deep: Process) -> None:
    state = make_net().state_dict()
    page = browser.new_page()
    page.set_default_timeout(HANG_MILLISECONDS)
    page.goto(f"{deep.url}/#state?tensor=blocks.3.1.running_var&slice=1:3")
    tensors = page.locator("#tensors")
    # The modules around the tensor of the address are open, others are not.
    expect(tensors.locator("[aria-pressed=true]")).to_contain_text("blocks.3.1.running_var")
    expect(tensors.locator("details[open] > summary .module")).to_have_text(["blocks", "3", "1"])
    # A wrong slice changes nothing but the text below the field.
    field, shown = page.get_by_label("Slice"), page.locator("#tensor canvas")
    field.fill("a")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#tensor [role=alert]")).to_contain_text("'a' is not an index")
    expect(shown).to_have_count(1)
    field.fill("1:3")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#tensor [role=alert]")).to_have_count(0)
    expect(tensors.locator("summary", has_text="blocks")).to_contain_text(
        "280 parameters, 90 elements of buffers"
    )
    expect(page.get_by_label("Slice")).to_have_value("1:3")
    expect(page.get_by_role("heading", name="blocks.3.1.running_var")).to_be_in_viewport()

    page.locator("#tensors-filter").fill("STEM")
    expect(tensors.locator(".name")).to_have_text(["stem.weight", "stem.bias"])
    tensors.get_by_role("button", name="stem.weight").click()
    expect(page.get_by_label("Kernels of stem.weight").first).to_be_visible()
    expect(page.locator("#tensor")).to_contain_text("1 row is all zeros: row 7.")
    expect(page.locator("#tensor")).to_contain_text("new Conv of torch (uniform")
    page.get_by_text("Singular values", exact=True).click()
    rank = torch.linalg.matrix_rank(state["stem.weight"].flatten(1)).item()
    expect(page.locator(".demand .statistics")).to_contain_text(f"{rank} of 20")
    expect_no_violations(page)

    page.locator("#tensors-filter").fill("wide")
    tensors.get_by_role("button", name="wide.weight").click()
    picture = page.get_by_label("wide.weight, means of blocks")
    picture.click(position={"x": 1, "y": 1})
    # 1,000 rows in 128 blocks; each column is one.
    block = state["wide.weight"][:7, 0]
    expect(page.locator("#tensor output")).to_contain_text("Rows 0 to 6, columns 0 to 0: mean")
    shown = page.locator("#tensor output").inner_text().replace("\u2212", "-").split()
    low, high = float(shown[-3]), float(shown[-1])
    assert [low, high] == pytest.approx([block.min().item(), block.max().item()], rel=1e-3)
    page.get_by_role("button", name="Show its values").click()
    expect(page.get_by_role("application", name="wide.weight[0:64,0:16]")).to_be_visible()
    assert page.url.endswith("#state?tensor=wide.weight&slice=0%3A64%2C0%3A16")
    # Back to the tensors and slices shown before, and to one that is written into the address.
    title = page.locator("#tensor h3")
    page.go_back()
    expect(page.get_by_label("wide.weight, means of blocks")).to_be_visible()
    page.go_back()
    expect(title).to_have_text("stem.weight")
    page.evaluate("location.hash = 'state?tensor=stem.bias'")
    expect(title).to_have_text("stem.bias")
    page.close()


def test_a_tensor_has_a_histogram_in_each_version(visit: OpenPage, versions: Process) -> None:
    opened = visit(versions, "/?model=toy&version=2")
    opened.page.get_by_text("Histogram in each version").click()
    labels = opened.page.get_by_label("Versions", exact=True).locator("li")
    expect(labels).to_have_text(["version 1", "version 2", "version 3"])
