"""The report of a training run, read as a browser reads it."""

import ast
import json
import shlex
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import sync_playwright

from app.settings.settings import Settings
from tests.app.page.accessibility import PHONE, expect_no_violations
from tests.browser import ARGUMENTS, find_chromium
from tests.service import open_client
from tests.tables import penguins, train_quickly, write
from training.tables import Options

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "花 زهرة 🌸 👨‍👩‍👧",
    "{{ 7 * 7 }}",
]


class Report(HTMLParser):
    """`tables` are rows of cells by caption, `commands` the texts of `pre` by their labels."""

    def __init__(self, model: Path) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.commands: dict[str, str] = {}
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(model.with_suffix(".html").read_text())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)
        if tag == "table":
            self._rows: list[list[str]] = []
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")
        elif tag == "pre":
            self._label = dict(attrs)["aria-label"] or ""

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        self.text += data
        if "caption" in self._open:
            self.tables[data] = self._rows
        elif "td" in self._open or "th" in self._open:
            self._rows[-1][-1] += data
        elif "pre" in self._open:
            self.commands[self._label] = self.commands.get(self._label, "") + data

    def table(self, word: str) -> list[list[str]]:
        """The rows below the header of the table whose caption has `word`."""
        (found,) = (rows for caption, rows in self.tables.items() if word in caption)
        return found[1:]

    @property
    def instance(self) -> dict[str, object]:
        body = shlex.split(self.commands["Command to ask from a shell"])[-1]
        (instance,) = json.loads(body)["instances"]
        return instance


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write(tmp_path_factory.mktemp("penguins"), penguins())
    return train_quickly(path, "species", report=True)


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(0)
    size, noise = random.normal(size=(2, 200))
    frame = pd.DataFrame({"noise": noise, "size": size, "price (EUR)": 1e5 + 2e4 * size})
    frame["rooms"] = np.arange(200) % 7
    path = tmp_path_factory.mktemp("values") / "houses.csv"
    frame.to_csv(path, index=False)
    options = Options(hidden=(), epochs=20)
    return train_quickly(path, "price (EUR)", options=options, report=True)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    labels = np.arange(120) % len(HOSTILE)
    frame = pd.DataFrame({f"{HOSTILE[0]} (cm)": labels + np.linspace(0, 1, 120)})
    frame[f"kind {HOSTILE[1]}"] = [HOSTILE[label] for label in labels]
    path = tmp_path_factory.mktemp("hostile") / "table's.csv"
    frame.to_csv(path, index=False)
    return train_quickly(path, f"kind {HOSTILE[1]}", report=True)


def test_the_figures_are_those_of_the_card(model: Path) -> None:
    report, card = Report(model), json.loads(model.with_suffix(".json").read_text())
    metrics = card["metrics"]
    mine, linear, forest, constant = report.table("Accuracy of this model and of others")
    assert mine[0::2] == ["this model", "", f"{metrics['test_loss']:.3f}"]
    assert mine[1] == f"{metrics['test_accuracy']:.3f}"
    assert mine[3] == f"{metrics['test_balanced_accuracy']:.3f}"
    assert [linear[0], forest[0]] == ["logistic regression", "random forest"]
    assert constant[1] == f"{metrics['test_share_of_the_most_frequent_class']:.3f}"
    matrix = np.array([row[1:] for row in report.table("true class (rows)")], int)
    assert matrix.sum() == card["table"]["test_rows"]
    assert matrix.trace() / matrix.sum() == pytest.approx(metrics["test_accuracy"])
    decisions = [{"name": name, "decision": what} for name, what in report.table("became")]
    assert decisions == card["table"]["columns"]


async def test_its_commands_get_the_answer_that_it_shows(model: Path) -> None:
    report = Report(model)
    assert shlex.split(report.commands["Command to serve"])[2:] == ["--model", model.name]
    async with open_client(Settings(model=model)) as client:
        answer = (await client.post("/predict", json=report.instance)).json()
    assert f"The answer is {answer['class']}." in report.text
    python = ast.parse(report.commands["Python"])
    (given,) = (each for each in ast.walk(python) if isinstance(each, ast.Dict))
    assert ast.literal_eval(given) == report.instance


async def test_a_number_has_residuals_and_the_coverage_of_its_interval(values: Path) -> None:
    report, card = Report(values), json.loads(values.with_suffix(".json").read_text())
    mine, *_, mean = report.table("R2 of this model")
    assert mine[1] == f"{card['metrics']['test_r2']:.3f}"
    assert float(mean[1]) <= 0
    inside = f"{100 * card['metrics']['test_share_in_the_interval']:.1f} %"
    assert report.table("within their interval")[0] == ["all", "40", inside]
    important = report.table("Importance")
    assert [row[0] for row in important[:1]] == ["size"]
    assert all(float(row[-1].replace(",", "")) > 0 for row in important)
    for word in ("error added (EUR)", "root mean squared error (EUR)", "predicted (EUR)"):
        assert word in report.text
    assert type(report.instance["rooms"]) is int
    described = [given["aria-label"] for tag, given in report.elements if tag == "svg"]
    assert len(described) == 2
    assert "40 test rows" in str(described[0])
    async with open_client(Settings(model=values)) as client:
        answer = (await client.post("/predict", json=report.instance)).json()
    assert f"The answer is {answer['outputs']['value']:.6g} EUR." in report.text


def test_names_are_text_in_any_script(hostile: Path) -> None:
    report = Report(hostile)
    assert all(name in report.text for name in HOSTILE)
    tags = {tag for tag, _ in report.elements}
    assert not tags & {"script", "img", "iframe", "object"}
    for _, given in report.elements:
        assert not [name for name in given if name.startswith("on")]
        for link in (given.get("href"), given.get("src")):
            assert link is None or link.startswith(("#", "data:,"))
    assert list(report.instance) == [HOSTILE[0]]
    serve = shlex.split(report.commands["Command to serve"])
    assert serve[-1] == hostile.name


def test_columns_that_are_shuffled_once_have_no_deviation(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(60, 60)), columns=[f"c{i}" for i in range(60)])
    frame["y"] = frame["c0"]
    frame.to_csv(tmp_path / "wide.csv", index=False)
    # So many weights that one pass for each column is enough work.
    options = Options(hidden=(12_000,), epochs=1)
    report = Report(train_quickly(tmp_path / "wide.csv", "y", options=options, report=True))
    important = report.table("Importance")
    assert {len(row) for row in important} == {3}
    assert "deviation" not in report.text


def test_many_classes_have_their_mistakes_in_place_of_a_matrix(tmp_path: Path) -> None:
    labels = np.arange(450) % 45
    frame = pd.DataFrame({"x": labels % 7, "y": [f"class {label}" for label in labels]})
    frame.to_csv(tmp_path / "many.csv", index=False)
    report = Report(train_quickly(tmp_path / "many.csv", "y", report=True))
    mistakes = report.table("most frequent mistakes")
    assert 0 < len(mistakes) <= 20
    assert all(truth != found for truth, found, _ in mistakes)
    assert len(report.table("lowest recall")) == 40


def test_a_rare_class_has_figures_of_its_own_and_balance_a_caution(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"x": random.normal(size=200), "z": random.normal(size=200)})
    frame["fraud"] = np.where(np.arange(200) % 20 == 0, "yes", "no")
    frame.to_csv(tmp_path / "rare.csv", index=False)
    for balance, said in (
        (False, "not above that of always the most frequent class; --balance finds more rows"),
        (True, "the share of its class among the training rows (no 0.9"),
    ):
        options = Options(hidden=(), epochs=2, balance=balance)
        model = train_quickly(tmp_path / "rare.csv", "fraud", options=options, report=True)
        report, printed = Report(model), " ".join(capsys.readouterr().out.split())
        metrics = json.loads(model.with_suffix(".json").read_text())["metrics"]
        area, precision = metrics["test_roc_auc"], metrics["test_average_precision"]
        assert said in printed
        assert said in report.text
        figures = f"ROC AUC {area:.4f}; average precision of yes {precision:.4f} (0.0500 by chance)"
        assert figures in printed
        mine, *_, constant = report.table("ccuracy of this model and of others")
        assert mine[-2:] == [f"{area:.3f}", f"{precision:.3f}"]
        assert constant[-2:] == ["0.500", "0.050"]


def test_axe_finds_nothing_and_a_phone_shows_all(hostile: Path, values: Path) -> None:
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        for model, scheme in ((hostile, "light"), (values, "dark")):
            said: list[str] = []
            # Its policy allows no script, not even that of axe.
            context = browser.new_context(color_scheme=scheme, viewport=PHONE, bypass_csp=True)  # type: ignore[arg-type]
            page = context.new_page()
            page.on("console", lambda message, said=said: said.append(message.text))  # type: ignore[misc]
            page.goto(model.with_suffix(".html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
            page.set_viewport_size({"width": 390, "height": 844})
            table = page.get_by_role("region", name="Comparison")
            assert table.evaluate("region => region.scrollWidth <= region.clientWidth")
            expect_no_violations(page)
            assert said == []
        browser.close()
