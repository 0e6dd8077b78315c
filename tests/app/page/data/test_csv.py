"""The page's CSV against Python's csv module."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Page

CELLS = st.text(st.sampled_from('ab",\r\n é\t;'), max_size=6)
ROWS = st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=5)


@given(rows=ROWS)
def test_csv_is_read_as_pythons_writer_wrote_it(modules: Page, rows: list[list[str]]) -> None:
    stream = io.StringIO()
    csv.writer(stream).writerows(rows)
    script = """async (text) => {
        const { parseCsv } = await import("/page/data/csv.js");
        return parseCsv(text).map(({ cells }) => cells);
    }"""
    assert modules.evaluate(script, stream.getvalue()) == rows


@given(text=st.text(st.sampled_from('a",\r\n'), max_size=12))
def test_any_text_is_read_as_python_reads_it_or_refused(modules: Page, text: str) -> None:
    script = """async (text) => {
        const { parseCsv } = await import("/page/data/csv.js");
        try { return parseCsv(text).map(({ cells }) => cells); }
        catch (error) { return error.message; }
    }"""
    found = modules.evaluate(script, text)
    try:
        expected = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        assert isinstance(found, str)
        return
    assert found == [row for row in expected if row]


@given(rows=ROWS)
def test_csv_is_written_as_python_reads_it(modules: Page, rows: list[list[str]]) -> None:
    script = 'async (rows) => (await import("/page/data/csv.js")).formatCsv(rows)'
    text = modules.evaluate(script, rows)
    found = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert [row or [""] for row in found] == rows
