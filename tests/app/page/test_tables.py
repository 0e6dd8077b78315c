"""The page of tables with categories, booleans and missing values, of values, and of tensors."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from playwright.sync_api import Page, expect

from stateserve import save_model
from tests import rest
from tests.app.page.accessibility import DESK, PHONE, expect_no_violations
from tests.app.page.conftest import OpenPage, Visit
from tests.app.page.percent import percent
from tests.process import Process, running_server
from tests.project import ROOT
from tests.tables import ISLANDS, SPECIES, penguins, train_quickly, write

PAIR = """
import torch

class Pair(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.items = torch.nn.Embedding(20, 4)
        self.context = torch.nn.Linear(3, 4)

    def forward(self, ids: torch.Tensor, context: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"planes": self.items(ids) * self.context(context)[:, None]}
"""


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A classifier and a regression of the same table, a model with two inputs, and a regression
    of two numbers."""
    folder = tmp_path_factory.mktemp("models")
    for name, target in (("penguins", "species"), ("bill", "bill_length_mm")):
        place = folder / name / "1"
        place.mkdir(parents=True)
        train_quickly(write(place, penguins()), target)
    code = tmp_path_factory.mktemp("code") / "nets.py"
    code.write_text(PAIR)
    names: dict[str, Any] = {}
    exec(PAIR, names)
    torch.manual_seed(0)
    inputs = {"ids": torch.tensor([[1, 2], [3, 4], [5, 6]]), "context": torch.rand(3, 3)}
    given = {"code": f"{code}:Pair", "tokens": {"ids": {"vocabulary": 20}}}
    save_model(names["Pair"](), inputs, folder / "pair/1", **given)
    plan = torch.nn.Linear(2, 2)
    plan.weight.data, plan.bias.data = torch.tensor([[1.0, 0], [0, 10]]), torch.zeros(2)
    given = {"features": ["width", "depth"], "units": "m", "program": True}
    save_model(plan, torch.rand(20, 2), folder / "plan/1", **given)
    arguments = ("--models", str(folder), "--model", "penguins", "--allow-code")
    log = tmp_path_factory.mktemp("log")
    arguments += ("--prediction-log", f"sqlite:///{log}/log.db")
    with running_server(log / "log", *arguments) as server:
        yield server


def answer_to(server: Process, model: str, instance: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = rest.post(f"{server.url}/models/{model}/predict", json=instance).json()
    return answer


def code_of(page: Page, title: str) -> str:
    expect(page.locator("#snippets")).to_have_attribute("aria-busy", "false")
    return page.get_by_role("region", name=f"{title} code").text_content() or ""


def output_of(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def choose_penguin(opened: Visit, server: Process) -> dict[str, Any]:
    page = opened.page
    page.get_by_label("island", exact=True).select_option("Dream")
    page.get_by_label("tagged", exact=True).uncheck()
    page.get_by_label("sex", exact=True).select_option("(missing)")
    page.get_by_label("bill_length_mm is missing").check()
    shown = json.loads(output_of("sh", "-c", code_of(page, "Shell")))
    instance: dict[str, Any] = {
        **{"island": "Dream", "bill_length_mm": None, "sex": None, "tagged": False},
        "year": float(page.get_by_label("year, as a number").input_value()),
    }
    wanted = answer_to(server, "penguins", instance)
    # The last digit depends on the rows that share a pass.
    probabilities = pytest.approx(wanted["probabilities"], abs=1e-6)
    assert shown == wanted | {"probabilities": probabilities}
    expect(page.locator("#verdict")).to_contain_text(wanted["class"])
    best = wanted["probabilities"][wanted["class"]]
    expect(page.locator("#verdict .probability")).to_have_text(percent(best))
    return instance


def test_categories_booleans_and_missing_values_have_their_controls(
    visit: OpenPage, tables: Process
) -> None:
    opened = visit(tables, viewport=DESK)
    page = opened.page
    expect(page.locator("#purpose")).to_have_text(
        "Predicts species (Adelie, Chinstrap or Gentoo) "
        "from 5 features: island, bill_length_mm, sex, tagged and year."
    )
    expect(page.locator("#facts")).to_have_text(
        re.compile(r"test accuracy [\d.]+ % on \d+ rows · trained on \d+ rows of penguins.csv · ")
    )
    # A training row of each class, which has its island.
    examples = page.locator("#examples")
    for name, island in zip(SPECIES, ISLANDS, strict=True):
        examples.select_option(f"training row, species {name}")
        expect(page.get_by_label("island", exact=True).locator(":checked")).to_have_text(island)
        expect(examples.locator(":checked")).to_have_text(f"training row, species {name}")
    instance = choose_penguin(opened, tables)
    name = str(page.locator("#verdict .what").text_content())
    assert output_of(sys.executable, "-c", code_of(page, "Python")).startswith(f"{name} ")
    printed = output_of("node", "-e", code_of(page, "JavaScript"))
    assert json.loads(printed)["class"] == name
    # The address has the texts, and a missing value as an empty one.
    page.wait_for_url("**island=Dream**sex=&**")
    page.reload()
    expect(page.get_by_label("sex", exact=True)).to_have_value("NaN")
    expect(page.locator("#verdict .what")).to_have_text(name)
    # Categories have no gradient, but shares.
    explained = rest.post(f"{tables.url}/models/penguins/explain", json=instance).json()
    place = "; with each number at its median, and no category, it is "
    expect(page.locator("#attributions-sum")).to_contain_text(place)
    meaning = page.locator("#attributions-sum").inner_text().replace("\u2212", "-")
    assert meaning.startswith(f"The log-probability of {name} is ")
    whole, less, together = map(float, re.findall(r"(?:is|together) ([-+]?[\d.]+\d)", meaning))
    assert whole == pytest.approx(explained["score"], rel=1e-2)
    assert less == pytest.approx(explained["baseline_score"], rel=1e-2)
    assert together == pytest.approx(whole - less, abs=1e-9)
    expect(page.locator("#attributions li")).to_have_count(5)
    expect(page.locator("#curves-feature option")).to_have_text(["bill_length_mm", "year"])
    # The network gets a number for each value of a category, a missing one and a scaled number.
    units = page.locator("#network-drawing text")
    for unit in (
        "island = Dream: 1",
        "island = Biscoe: 0",
        "sex = (missing): 1",
        "tagged, scaled: ",
    ):
        expect(units.filter(has_text=unit)).to_have_count(1)
    layer = page.locator("#layers-table").get_by_role("button", name="hidden.0", exact=True)
    layer.click()
    expect(page.locator("#layer .strip")).to_be_visible()
    page.locator("#layer").get_by_role("button", name="hidden.0.weight").click()
    page.get_by_label("Histogram of hidden.0.weight").wait_for()
    expect_no_violations(page)


def test_rows_of_any_separator_and_case_are_predicted_and_a_wrong_one_told(
    visit: OpenPage, tables: Process
) -> None:
    opened = visit(tables, folded=True, viewport=PHONE)
    page = opened.page
    expect(page.locator(".views > .panel > :not(h2)").filter(visible=True)).to_have_count(0)
    # Drawn while the panel had no width.
    page.get_by_role("button", name="State", exact=True).click()
    picture = page.locator("#tensor .heatmap canvas").bounding_box()
    assert picture is not None
    assert picture["width"] > 100
    page.get_by_role("button", name="Batch", exact=True).click()
    head, *rows = penguins(12, ";").splitlines()
    text = "\n".join([head.upper().replace("SPECIES", "species"), *rows])
    status = page.locator("#batch-status")
    bad = page.locator("#batch-bad li")
    for more, wanted in (
        ("\nMoon;40;male;True;2008;", "12 rows, and 1 row left out"),
        ("", "12 rows"),
    ):
        file = {"name": "rows.csv", "mimeType": "text/csv", "buffer": (text + more).encode()}
        page.locator("#batch-file").set_input_files(file)
        expect(status).to_have_text(f"rows.csv: {wanted}")
        expect(bad).to_have_count(1 if more else 0)
        if more:
            expect(bad).to_contain_text("column 'ISLAND', row 14: 'Moon' is none of Biscoe,")
    expect(page.locator("#batch-score")).to_contain_text("of 12 rows have the class")
    pasted = text.replace(";", "\t").splitlines()[:3]
    paste = """(text) => {
        const clipboardData = new DataTransfer();
        clipboardData.setData("text/plain", text);
        const event = new ClipboardEvent("paste", { clipboardData });
        document.getElementById("drop").dispatchEvent(event);
    }"""
    page.evaluate(paste, "\n".join(pasted))
    expect(status).to_have_text("pasted cells.csv: 2 rows")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_the_drift_of_categories_and_missing_values(visit: OpenPage, tables: Process) -> None:
    rows = penguins(300).replace("Dream", "Biscoe").replace("female", "")
    answer = rest.post(
        f"{tables.url}/predict", content=rows.encode(), headers={"Content-Type": "text/csv"}
    )
    # Feedback waits until the predictions are written.
    about = {"prediction_id": f"{answer.headers['x-prediction-id']}:0", "class": "Adelie"}
    rest.post(f"{tables.url}/feedback", json=about).raise_for_status()
    page = visit(tables, "/#monitoring").page
    # The other tests have asked for a few rows.
    blocks = page.locator("#monitoring-features > div")
    for place, lines in (
        (0, [r"Biscoe.*6[5-7]\.. %", r"Dream.*[01]\.. %", r"Torgersen.*3[2-4]\.. %"]),
        (2, [r"^female.*[01]\.. %", r"^male.*4[5-7]\.. %", r"missing.*5[2-5]\.. %"]),
    ):
        expect(blocks.nth(place).locator("h4")).to_contain_text("major drift")
        blocks.nth(place).get_by_text("Data as a table").click()
        rows = blocks.nth(place).locator("tbody tr")
        expect(rows).to_have_text([re.compile(line) for line in lines])


def test_a_value_has_its_interval_and_two_inputs_their_fields(
    visit: OpenPage, tables: Process
) -> None:
    page = visit(tables, "/?model=bill&version=1#state", viewport=DESK).page
    shown = json.loads(output_of("sh", "-c", code_of(page, "Shell")))["outputs"]
    # All with the decimals that show six digits of the largest.
    value, low, high = (f"{each:.4f}" for each in (shown["value"], *shown["interval"]))
    expect(page.locator("#verdict")).to_have_text(f"bill_length_mm {value}")
    lengths = [float(row.split(",")[1]) for row in penguins().splitlines()[1:] if "NA" not in row]
    offered = page.locator("#examples option").all_text_contents()[2:]
    chosen = [float(text.removeprefix("training row, bill_length_mm ")) for text in offered]
    assert set(chosen) <= set(lengths)
    assert sorted(chosen) == chosen
    expect(page.locator("#interval")).to_have_text(f"90 % interval: {low} to {high}")
    top = "document.getElementById('state').getBoundingClientRect().top"
    assert 0 <= page.evaluate(top) < DESK["height"] / 2
    page.get_by_role("link", name="Code").click()
    expect(page.get_by_role("heading", name="Call it from code")).to_be_in_viewport()

    expect(page.locator("#monitoring-truth")).to_have_text("Error from feedback")
    expect(page.locator("#monitoring-shares")).to_be_hidden()
    file = {"name": "rows.csv", "mimeType": "text/csv", "buffer": penguins(12).encode()}
    page.locator("#batch-file").set_input_files(file)
    score = page.locator("#batch-score")
    expect(score).to_contain_text("rows with a value in the column bill_length_mm.")
    expect(score).to_contain_text(re.compile("^R2 .*, mean absolute error [0-9.]+: "))
    columns = page.locator("#batch-columns")
    expect(columns).to_contain_text("the answers are scored")

    # The only number needs no choice.
    expect(page.locator("#map-number")).to_be_hidden()
    page.goto(f"{tables.url}/?model=plan&version=1")
    # The first is the width, whose slider ends at ten; the second is ten times the depth.
    expect(page.locator("#legend")).to_have_text(re.compile(r"^output\[0\] from .* to 9\.\d+ m$"))
    # Without a target there is no score, and without intervals no column of them.
    expect(columns).not_to_contain_text("scored")
    file = {"name": "plan.csv", "mimeType": "text/csv", "buffer": b"width,depth,output\n1,2,3\n"}
    page.locator("#batch-file").set_input_files(file)
    names = ["Row", "predicted output", "width", "depth", "output", "Outside"]
    expect(page.locator("#batch thead th")).to_have_text(names)
    # A number with all digits of float32 fits.
    field = page.get_by_label("width, as a number")
    field.fill("-1.37839353")
    assert field.evaluate("(field) => field.scrollWidth - field.clientWidth") == 0
    page.get_by_role("button", name="Reset").click()
    page.locator("#map-number").select_option("output[1]")
    expect(page.locator("#legend")).to_have_text(re.compile(r"^output\[1\] from .* to 9\d\.\d+ m$"))
    page.locator("#curves-number").select_option("output[1]")
    expect(page.get_by_role("img", name=re.compile(r"^output\[1\] as "))).to_be_visible()
    # Each number has contributions of its own; the other feature has none.
    for number, (width, depth) in (("output[0]", (1, 0)), ("output[1]", (0, 1))):
        page.locator("#why-number").select_option(number)
        expect(page.locator("#attributions-sum")).to_contain_text(f"{number} is ")
        bars = page.locator("#attributions li", has_text=re.compile("width|depth"))
        shares = [float(each.split("\n")[-1].replace("−", "-")) for each in bars.all_inner_texts()]
        assert [share != 0 for share in shares] == [width, depth]
    page.goto(f"{tables.url}/?model=pair&version=1")
    field = page.get_by_label("ids", exact=True)
    note = page.locator("#note-ids")
    expect(note).to_have_text("token ids from 0 to 19, int64 of shape 2")
    field.fill("3 30")
    expect(note).to_have_text("ids: 30 is not from 0 to 19")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#outdated")).to_be_visible()
    field.fill("3 4")
    page.get_by_label("context", exact=True).fill("[1, 0.5, 0]")
    page.get_by_role("button", name="Predict").click()
    wanted = answer_to(tables, "pair", {"ids": [3, 4], "context": [1, 0.5, 0]})
    expect(page.locator("#outputs pre")).to_contain_text(str(wanted["outputs"]["planes"][0][0])[:6])
    expect(page.locator("#outputs canvas")).to_have_count(1)
    expect(page.locator("#outdated")).to_be_hidden()
    answers = [
        json.loads(output_of("sh", "-c", code_of(page, "Shell"))),
        json.loads(output_of("node", "-e", code_of(page, "JavaScript"))),
    ]
    assert answers == [wanted, wanted]
    assert "planes" in output_of(sys.executable, "-c", code_of(page, "Python"))
    expect_no_violations(page)
