"""The CSV of the results against Python's csv module."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Page

CELLS = st.text(st.sampled_from('ab",\r\n é\t;'), max_size=6)


@given(rows=st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=5))
def test_csv_is_written_as_python_reads_it(modules: Page, rows: list[list[str]]) -> None:
    script = 'async (rows) => (await import("/page/model/results.js")).formatCsv(rows)'
    text = modules.evaluate(script, rows)
    found = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert [row or [""] for row in found] == rows
