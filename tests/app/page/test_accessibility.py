"""WCAG AA by axe-core, the keyboard alone, a phone, both colour schemes, and the policy."""

import pytest
from playwright.sync_api import Page, expect

from tests.app.page.accessibility import DESK, PHONE, expect_no_violations
from tests.app.page.conftest import CLICK, OpenPage
from tests.process import Process
from tests.project import ROOT


def show_everything(page: Page) -> None:
    # With every element: bad rows, results, a warning, an invalid number, a cell, all that unfolds.
    flowers = (ROOT / "examples" / "flowers.csv").read_text()
    content = f"{flowers}1,2,long,4\n".encode()
    file = {"name": "flowers.csv", "mimeType": "text/csv", "buffer": content}
    page.get_by_label("Drop a CSV file here").set_input_files(file)
    page.locator("#batch-bad li").wait_for()
    page.get_by_label("petal_width cm, as a number").fill("9")
    page.get_by_label("sepal_width cm, as a number").fill("")
    page.locator("#warnings p").wait_for()
    page.locator("#tensor .heatmap canvas").press("ArrowDown")
    page.locator("details:not([open]) > summary").evaluate_all(CLICK)
    # The rows of the curves look alike, and axe takes half of its time for their hundreds of cells.
    page.locator("#curves tbody tr").evaluate_all(
        "(rows) => rows.slice(9).map((row) => row.remove())"
    )
    page.locator("#layers-table button").first.click()
    page.locator("#tensor .demand svg").first.wait_for()


def expect_nothing_in_both_schemes(page: Page, size: dict[str, int]) -> None:
    show_everything(page)
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        expect_no_violations(page)
    assert page.evaluate("document.documentElement.scrollWidth") == size["width"]


def test_axe_finds_nothing_on_a_phone(visit: OpenPage, server: Process) -> None:
    page = visit(server, viewport=PHONE, reduced_motion="reduce").page
    expect_nothing_in_both_schemes(page, PHONE)


def test_axe_finds_nothing_at_a_desk_in_any_state(visit: OpenPage, server: Process) -> None:
    opened = visit(server, viewport=DESK, reduced_motion="reduce")
    page = opened.page
    expect_nothing_in_both_schemes(page, DESK)
    # Twice the size of the text, and the colours of the user.
    settings = page.context.new_cdp_session(page)
    settings.send("Page.setFontSizes", {"fontSizes": {"standard": 32}})
    page.emulate_media(forced_colors="active")
    expect_no_violations(page)
    assert page.evaluate("document.documentElement.scrollWidth") == DESK["width"]
    settings.send("Page.setFontSizes", {"fontSizes": {"standard": 16}})
    page.emulate_media(forced_colors="none")
    # All folded, and a refusal; then the service is away.
    page.locator(".fold[aria-expanded=true]").evaluate_all(CLICK)
    page.get_by_label("sepal_width cm, as a number").fill("3")
    page.get_by_label("petal_width cm, as a number").fill("1e39")
    expect(page.get_by_role("alert")).to_contain_text("too large")
    expect_no_violations(page)
    opened.forgive("422")
    opened.forgive("Failed to load resource")
    page.context.set_offline(True)
    page.get_by_role("button", name="Reset").click()
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    page.emulate_media(color_scheme="dark")
    expect_no_violations(page)
    page.context.set_offline(False)
    expect(page.get_by_role("alert")).to_be_hidden()


def test_axe_finds_nothing_where_there_are_versions(visit: OpenPage, versions: Process) -> None:
    opened = visit(versions, viewport=PHONE)
    page = opened.page
    page.locator("#difference-tensors h3").first.wait_for()
    page.locator("#version").select_option("toy 2")
    page.locator("#difference-tensors .heatmap canvas").first.wait_for()
    for scheme, size in (("light", PHONE), ("dark", DESK)):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        expect_no_violations(page)
        assert page.evaluate("document.documentElement.scrollWidth") == size["width"]


def test_nothing_is_wider_than_a_phone(visit: OpenPage, server: Process) -> None:
    page = visit(server, viewport=PHONE, has_touch=True, is_mobile=True).page
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    page.locator("#plane").tap(position={"x": 80, "y": 150})
    expect(page.locator("#verdict")).to_contain_text("setosa")


def press_tab_until(page: Page, selector: str) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"the Tab key does not reach {selector}")


def test_the_keyboard_alone_is_enough(page: Page) -> None:
    press_tab_until(page, ".skip")
    page.keyboard.press("Enter")
    press_tab_until(page, "#feature-2")
    for _ in range(25):
        page.keyboard.press("ArrowLeft")
    expect(page.get_by_label("petal_length cm, as a number")).to_have_value("1.7")
    expect(page.locator("#verdict")).to_contain_text("setosa")
    press_tab_until(page, "#reset")
    page.keyboard.press("Enter")
    expect(page.locator("#verdict")).to_contain_text("versicolor")
    press_tab_until(page, "#plane")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#verdict")).to_contain_text("virginica")
    press_tab_until(page, "input[name=edges]")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("weights", exact=True)).to_be_checked()
    press_tab_until(page, "#tensors details:nth-of-type(2) button")
    page.keyboard.press("Enter")
    page.get_by_label("Histogram of output.weight").wait_for()
    press_tab_until(page, ".heatmap canvas")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#tensor output")).to_contain_text(
        "output.weight[1, 0], versicolor from hidden 0"
    )
    press_tab_until(page, "#batch-file")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_button_switches_the_scheme_and_a_reload_keeps_it(
    visit: OpenPage, server: Process, scheme: str
) -> None:
    other = {"light": "dark", "dark": "light"}[scheme]
    page = visit(server, color_scheme=scheme).page
    ground = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(ground)
    page.get_by_role("button", name=f"Switch to {other}").click()
    after = page.evaluate(ground)
    assert after != before
    page.reload()
    page.get_by_role("button", name=f"Switch to {scheme}").click()
    assert page.evaluate(ground) == before


def test_the_policy_refuses_inline_code(visit: OpenPage, server: Process) -> None:
    opened = visit(server)
    assert opened.complaints == []
    opened.page.evaluate("""() => {
        const script = document.createElement("script");
        try { script.text = "window.broken = true"; } catch { console.error("not trusted"); }
        document.head.append(script);
        document.body.setAttribute("style", "color: red");
    }""")
    assert opened.page.evaluate("window.broken") is None
    assert any("style-src" in complaint for complaint in opened.complaints)
    assert "not trusted" in opened.complaints
    opened.complaints.clear()
