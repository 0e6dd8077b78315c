"""A wrong CSV file is refused with the row and the column."""

import pytest
from playwright.sync_api import Page

HEADER = "sepal_length,sepal_width,petal_length,petal_width\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        (HEADER, "no rows below the header"),
        ("sepal_length\n1", "no column sepal_width; the columns are sepal_length"),
        (HEADER.strip() + ",sepal_width\n1,2,3,4,5", "column sepal_width stands twice"),
        (HEADER + "1,2,3", "row 2: 3 cells for 4 columns"),
        (
            HEADER + "\n1,2,3,4\n1,2,0x1,4",
            'row 4, column petal_length: "0x1" is not a finite number',
        ),
        (HEADER + "1,2,,4", "row 2, column petal_length: missing value"),
        (HEADER + '1,2,"3,4', "row 2: a quote is not closed"),
        (HEADER + '1,2,"3"x,4', "row 2: text after a closing quote"),
    ],
)
def test_a_wrong_table_is_refused_with_the_place(modules: Page, text: str, message: str) -> None:
    script = """async ([text, features]) => {
        const { parseCsv } = await import("/page/data/csv.js");
        const { readTable } = await import("/page/data/dataset.js");
        const card = { features, classes: [] };
        try { return readTable(parseCsv(text), card); } catch (error) { return error.message; }
    }"""
    features = [{"name": name, "unit": "cm"} for name in HEADER.strip().split(",")]
    assert modules.evaluate(script, [text, features]) == message
