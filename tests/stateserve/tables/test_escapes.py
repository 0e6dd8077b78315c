"""Backslashes of MySQL and formulas of Excel, and files that only look like them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateserve.tables import read_text


def cells(text: str) -> list[str | None]:
    found = read_text("t.csv", text.encode()).columns[0].cells
    assert isinstance(found, list)
    return found


@given(st.lists(st.text('ab,;"\\', min_size=1), min_size=2))
def test_what_mysql_writes_is_read(texts: list[str]) -> None:
    def written(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    rows = [f'{written(text)},"1"' for text in [*texts, 'a"b']]
    assert cells("\n".join(['"x","y"', *rows])) == [*texts, 'a"b']


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('"C:\\dir\\"', "C:\\dir\\"),
        ('"a ""b"" \\"', 'a "b" \\'),
        ('"{""a"": ""x\\"", y""}"', '{"a": "x\\", y"}'),
        ('="007"', "007"),
        ('"=""x"""', '="x"'),
        ('"5\\""', '5"'),
    ],
)
def test_other_backslashes_and_formulas(written: str, read: str) -> None:
    assert cells(f'x,y\n{written},1\n"b",2\n') == [read, "b"]


def test_the_missing_value_of_mysql_is_no_letter() -> None:
    assert cells('x,y\n\\N,1\n"a\\"b",2\n') == [None, 'a"b']
