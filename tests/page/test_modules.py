"""The page's own formats, against Python's: csv and NumPy are the oracles."""

import base64
import csv
import io
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from playwright.sync_api import Browser, Page

from tests.process import Process


@pytest.fixture(scope="module")
def modules(browser: Browser, server: Process) -> Iterator[Page]:
    """A page that can import the modules, and does nothing else."""
    page = browser.new_page()
    page.goto(f"{server.url}/page/icon.svg")
    yield page
    page.close()


CELLS = st.text(st.sampled_from('ab",\r\n é\t;'), max_size=6)
ROWS = st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=5)


@given(rows=ROWS)
def test_csv_is_read_as_pythons_writer_wrote_it(modules: Page, rows: list[list[str]]) -> None:
    stream = io.StringIO()
    csv.writer(stream).writerows(rows)
    script = (
        'async (text) => (await import("/page/csv.js")).parseCsv(text).map(({ cells }) => cells)'
    )
    assert modules.evaluate(script, stream.getvalue()) == rows


@given(text=st.text(st.sampled_from('a",\r\n'), max_size=12))
def test_any_text_is_read_as_python_reads_it_or_refused(modules: Page, text: str) -> None:
    script = """async (text) => {
        const { parseCsv } = await import("/page/csv.js");
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
    script = 'async (rows) => (await import("/page/csv.js")).formatCsv(rows)'
    text = modules.evaluate(script, rows)
    found = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert [row or [""] for row in found] == rows


HEADER = "sepal_length,sepal_width,petal_length,petal_width\n"


@pytest.mark.parametrize(
    ("text", "told"),
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
def test_a_wrong_table_is_told_where(modules: Page, text: str, told: str) -> None:
    script = """async ([text, features]) => {
        const { parseCsv } = await import("/page/csv.js");
        const { readTable } = await import("/page/table.js");
        const card = { features, classes: [] };
        try { return readTable(parseCsv(text), card); } catch (error) { return error.message; }
    }"""
    features = [{"name": name, "unit": "cm"} for name in HEADER.strip().split(",")]
    assert modules.evaluate(script, [text, features]) == told


FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(
    values=npst.arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=FLOATS)
)
def test_npy_is_written_as_numpy_reads_it(modules: Page, values: np.ndarray) -> None:
    script = """async ([values, shape]) => {
        const { encodeNpy } = await import("/page/npy.js");
        return Array.from(encodeNpy(Float32Array.from(values), shape));
    }"""
    written = bytes(modules.evaluate(script, [values.flatten().tolist(), list(values.shape)]))
    found = np.load(io.BytesIO(written), allow_pickle=False)
    assert (found.dtype, found.shape) == (np.float32, values.shape)
    assert (found == values).all()


DECODE = """async (text) => {
    const { decodeNpy } = await import("/page/npy.js");
    const { buffer } = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    try {
        const { shape, data } = decodeNpy(buffer);
        return { shape, data: Array.from(data, String) };
    } catch (error) { return error.message; }
}"""


def decode(modules: Page, array: np.ndarray) -> dict[str, list[object]] | str:
    stream = io.BytesIO()
    np.save(stream, array)
    return modules.evaluate(DECODE, base64.b64encode(stream.getvalue()).decode())


@given(
    dtype=st.sampled_from(["<f4", "<f8", "i1", "<i2", "<i4", "<i8", "u1", "?"]),
    shape=npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    data=st.data(),
)
def test_npy_is_read_as_numpy_wrote_it(
    modules: Page, dtype: str, shape: tuple[int, ...], data: st.DataObject
) -> None:
    # A double holds these exactly, whatever the dtype.
    values = data.draw(npst.arrays(np.int8, shape, elements=st.integers(0, 1)))
    array = values.astype(dtype)
    if array.dtype.kind == "f":
        array /= 3
    found = decode(modules, array)
    assert isinstance(found, dict)
    assert found["shape"] == list(shape)
    assert (
        np.array(found["data"], dtype=np.float64).tolist() == array.flatten().astype(float).tolist()
    )


def test_npy_of_other_kinds_is_refused(modules: Page) -> None:
    assert "<c8" in str(decode(modules, np.zeros(2, np.complex64)))
    assert "Fortran" in str(decode(modules, np.zeros((2, 3), order="F")))
    assert "not an npy file" in modules.evaluate(DECODE, base64.b64encode(b"PNG").decode())


def test_questions_go_one_at_a_time_and_the_newest_wins(modules: Page) -> None:
    script = """async () => {
        const { Latest } = await import("/page/latest.js");
        const log = [];
        const open = [];
        const latest = new Latest(
            (question) => new Promise((resolve, reject) => {
                log.push(`ask ${question}`);
                open.push({ resolve, reject });
            }),
            (answer, question) => log.push(`show ${answer} to ${question}`),
            (error) => log.push(`fail ${error}`),
        );
        const settled = () => new Promise((resolve) => setTimeout(resolve));
        for (const question of [1, 2, 3]) latest.want(question);
        await settled();
        open[0].resolve("one");
        await settled();
        latest.want(4);
        open[1].reject("broken");
        await settled();
        open[2].resolve("four");
        await settled();
        latest.want(5);
        return log;
    }"""
    expected = [
        "ask 1",
        "show one to 1",
        "ask 3",
        "fail broken",
        "ask 4",
        "show four to 4",
        "ask 5",
    ]
    assert modules.evaluate(script) == expected


@given(
    minimum=st.floats(-1e6, 1e6, allow_subnormal=False),
    span=st.floats(1e-3, 1e6) | st.just(0.0),
)
def test_a_slider_covers_the_training_range_in_round_steps(
    modules: Page, minimum: float, span: float
) -> None:
    feature = {"minimum": minimum, "maximum": minimum + span}
    script = 'async (feature) => (await import("/page/scale.js")).sliderRange(feature)'
    found = modules.evaluate(script, feature)
    low, high, step = found["low"], found["high"], found["step"]
    assert low <= feature["minimum"] <= feature["maximum"] <= high
    assert low < high
    assert np.log10(step) == pytest.approx(round(np.log10(step)))
    assert (high - low) / step > 17


@given(
    value=st.floats(allow_nan=False) | st.floats(width=32, allow_nan=False),
    dtype=st.sampled_from(["float32", "bfloat16"]),
)
def test_a_number_has_the_shortest_digits_of_its_dtype(
    modules: Page, value: float, dtype: str
) -> None:
    script = 'async ([value, dtype]) => (await import("/page/scale.js")).digits(value, dtype)'
    with np.errstate(over="ignore"):
        single = np.float32(value)
    normal = 2.0**-126 <= abs(value) <= float(np.finfo(np.float32).max)
    shown = modules.evaluate(script, [value, dtype]).replace("−", "-").replace("∞", "inf")
    # repr is shortest, too: of float32 where it holds the number, else of float64.
    assert float(shown) == float(str(single if normal else value))
    shown = modules.evaluate(script, [value, "float64"]).replace("−", "-").replace("∞", "inf")
    assert float(shown) == value
