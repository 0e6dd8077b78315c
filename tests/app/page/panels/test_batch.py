"""A CSV in, a CSV out."""

import csv
from pathlib import Path

from playwright.sync_api import Page, expect

from tests import rest
from tests.app.page.conftest import OpenPage
from tests.process import Process
from tests.project import ROOT

DROP = """
([name, text]) => {
    const data = new DataTransfer();
    data.items.add(new File([text], name, { type: "text/csv" }));
    const drop = document.querySelector("#drop");
    const options = { dataTransfer: data, bubbles: true, cancelable: true };
    for (const type of ["dragover", "drop"]) drop.dispatchEvent(new DragEvent(type, options));
}
"""


def test_a_csv_file_comes_back_with_its_classes(
    page: Page, server: Process, tmp_path: Path
) -> None:
    source = ROOT / "examples" / "flowers.csv"
    page.get_by_label("Drop a CSV file here").set_input_files(source)
    expect(page.locator("#batch-table tbody tr")).to_have_count(3)
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download results").click()
    assert downloading.value.suggested_filename == "flowers-predicted.csv"
    with (
        source.open(newline="") as before,
        Path(downloading.value.path()).open(newline="") as after,
    ):
        given, found = list(csv.reader(before)), list(csv.DictReader(after))
    names = [header.removesuffix(" (cm)") for header in given[0]]
    instances = [dict(zip(names, map(float, row), strict=True)) for row in given[1:]]
    answers = rest.post(f"{server.url}/predict", json={"instances": instances}).json()
    for row, line, answer in zip(given[1:], found, answers["predictions"], strict=True):
        assert list(map(float, list(line.values())[:4])) == list(map(float, row))
        assert line["class"] == answer["class"]
        for name, probability in answer["probabilities"].items():
            assert float(line[f"probability of {name}"]) == probability
        assert bool(line["warnings"]) == bool(answer["warnings"])


def test_a_dropped_file_keeps_its_other_columns_in_any_order(page: Page, tmp_path: Path) -> None:
    text = (
        "petal_width (cm);note;petal_length;sepal_width;sepal_length\r\n"
        '0,2;"a ""b""; c\nd";1,4;3,5;5,1'
    )
    page.evaluate(DROP, ["mine.csv", text])
    expect(page.locator("#batch-table tbody")).to_contain_text("setosa")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download results").click()
    with Path(downloading.value.path()).open(newline="") as file:
        row = next(csv.DictReader(file, delimiter=";"))
    assert (row["note"], row["petal_width (cm)"]) == ('a "b"; c\nd', "0,2")
    assert "," in row["probability of setosa"]


def test_a_file_with_its_classes_shows_the_accuracy(page: Page) -> None:
    rows = ["5.1,3.5,setosa,1.4,0.2", "6.3,3.3,versicolor,6.0,2.5", "6.4,3.2,versicolor,4.5,1.5"]
    header = "sepal_length,sepal_width,class,petal_length,petal_width"
    page.evaluate(DROP, ["labelled.csv", "\n".join([header, *rows])])
    message = "Accuracy 66.7 %: 2 of 3 rows have the class that the column class says."
    note = "67% of these rows are rows that the model was trained on, so this score is no test"
    expect(page.locator("#batch-score")).to_have_text(f"{message} Note: {note}.")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download results").click()
    with Path(downloading.value.path()).open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [(line["class"], line["predicted class"]) for line in found] == [
        ("setosa", "setosa"),
        ("versicolor", "virginica"),
        ("versicolor", "versicolor"),
    ]
    # A class that the model lacks counts as wrong.
    page.evaluate(DROP, ["mine.csv", "\n".join([header, *rows, "5,3,rose,1,0.2"])])
    expect(page.locator("#batch-score")).to_contain_text("2 of 4 rows")
    expect(page.locator("#batch-notes")).to_contain_text("'rose' is no class of the model")


def test_a_file_of_another_program_is_read_as_in_training(page: Page) -> None:
    header = "SEPAL_LENGTH;sepal_width;petal_length (cm);petal_width;Stück;class"
    rows = ["5,1;3,5;1,4;0,2;1. Blüte;setosa", "6,3;3,3;6,0;2,5;2. Blüte;virginica"]
    text = "\r\n".join([header, *rows]).encode("latin-1")
    file = {"name": "blüten.csv", "mimeType": "application/vnd.ms-excel", "buffer": text}
    page.locator("#batch-file").set_input_files(file)
    expect(page.locator("#batch-score")).to_contain_text("Accuracy 100.0 %: 2 of 2 rows")
    expect(page.locator("#batch-notes li").first).to_contain_text("encoding Windows-1252")
    second = page.locator("#batch-table tbody tr:nth-child(2) td")
    expect(second.nth(3)).to_have_text("6.3")
    expect(second.nth(7)).to_have_text("2. Blüte")


def test_results_follow_the_details(page: Page, server: Process) -> None:
    page.get_by_label("Drop a CSV file here").set_input_files(ROOT / "examples" / "flowers.csv")
    shown = page.locator("#batch-table tbody tr:nth-child(2) td:nth-child(3)")
    expect(shown).to_have_text("79.2 %")
    page.get_by_label("calibrated").check()
    expect(shown).to_have_text("> 99.9 %")
    page.get_by_label("distance").uncheck()
    expect(page.locator("#batch-status")).to_have_text("flowers.csv: 3 rows")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download results").click()
    assert b"distance" not in Path(downloading.value.path()).read_bytes()


def test_a_large_file_is_shown_in_part(page: Page) -> None:
    lines = [f"{4 + row % 40 / 10},3,{1 + row % 50 / 10},{row % 25 / 10}" for row in range(12_000)]
    header = "sepal_length,sepal_width,petal_length,petal_width"
    page.evaluate(DROP, ["many.csv", "\n".join([header, *lines])])
    expect(page.locator("#batch-status")).to_have_text("many.csv: 12,000 rows")
    expect(page.locator("#batch-table tbody tr")).to_have_count(100)
    expect(page.locator("#batch-table")).to_contain_text("11,900 more rows; the download has all.")
    counts = [
        int(text.split()[-1]) for text in page.locator("#batch-counts li").all_text_contents()
    ]
    assert sum(counts[:3]) == 12_000


def test_a_row_can_be_put_on_the_sliders(page: Page) -> None:
    page.get_by_label("Drop a CSV file here").set_input_files(ROOT / "examples" / "flowers.csv")
    page.get_by_role("button", name="4", exact=True).click()
    expect(page.get_by_label("petal_width cm, as a number")).to_have_value("2.9")
    expect(page.locator("#verdict")).to_contain_text("virginica")


def test_a_wrong_file_is_told_and_a_mended_one_is_read(visit: OpenPage, server: Process) -> None:
    opened = visit(server)
    page = opened.page
    page.get_by_label("Drop a CSV file here").set_input_files(ROOT / "examples" / "flowers.csv")
    expect(page.locator("#batch-results")).to_be_visible()
    header = "sepal_length,sepal_width,petal_length,petal_width"
    faults = {
        "1,2,wide,4": "column 'petal_length', row 2: 'wide' is not a finite number",
        "1,2,3,1e300": "column 'petal_width', row 2: '1e300' is too large",
        "": "no rows below the header",
    }
    for rows, fault in faults.items():
        page.evaluate(DROP, ["mine.csv", f"{header}\n{rows}"])
        expect(page.locator("#batch-status")).to_contain_text(f"mine.csv: {fault}")
        expect(page.locator("#batch-results")).to_be_hidden()
    # The browser complains of each refusal.
    opened.complaints.clear()
    page.evaluate(DROP, ["mine.csv", f"{header}\n1,2,3,4\n1,2,3"])
    expect(page.locator("#batch-status")).to_contain_text("mine.csv: 1 row, and 1 row left out")
    page.evaluate(DROP, ["mine.csv", f"{header}\n1,2,3,4"])
    expect(page.locator("#batch-status")).to_have_text("mine.csv: 1 row")
    expect(page.locator("#batch-results")).to_be_visible()
