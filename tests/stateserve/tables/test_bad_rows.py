"""All bad rows of a table are counted at once, and listed in the order of the file."""

import pytest

from stateserve.errors import TableError
from stateserve.model import Feature
from stateserve.tables import Wanted, read_instances, read_text

FEATURES = [Feature(name="x"), Feature(name="on", kind="boolean")]
TEXT = "x,on\n1,WAHR\n,true\nwide,true\n2,perhaps\n3\n4,FALSCH\n5,\n-,vrai\n6,faux\n"


def test_bad_rows_are_counted_and_listed_in_order() -> None:
    sheet = read_text("t.csv", TEXT.encode(), skip_bad_rows=True)
    with pytest.raises(TableError, match="row 3: missing value; 5 rows are bad"):
        read_instances(sheet, Wanted(FEATURES))
    found = read_instances(sheet, Wanted(FEATURES), skip_bad_rows=True)
    rows = [int(each.split("row ")[1].split(":")[0]) for each in found.bad]
    assert (rows, found.left_out) == ([3, 4, 5, 6, 8, 9], 6)
    assert found.columns == {"x": [1, 4, 6], "on": [True, False, False]}


def test_where_all_rows_are_bad_each_is_named() -> None:
    sheet = read_text("t.csv", b"x,on\n1\ny,true\n2,perhaps\n", skip_bad_rows=True)
    with pytest.raises(TableError, match="all 3 rows are bad, the first: row 2") as caught:
        read_instances(sheet, Wanted(FEATURES), skip_bad_rows=True)
    assert [each.split(":")[0] for each in caught.value.details] == [
        "row 2",
        "column 'x', row 3",
        "column 'on', row 4",
    ]
    none = read_text("t.csv", b"x,on\n" + 30 * b"1,2,3\n", skip_bad_rows=True)
    with pytest.raises(TableError, match="all 30 rows are bad") as caught:
        read_instances(none, Wanted(FEATURES), skip_bad_rows=True)
    assert caught.value.details[-1] == "and 10 more bad rows"
