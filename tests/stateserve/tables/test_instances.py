"""Which column of a table is which feature, by the names in its header."""

import numpy as np
import pytest

from stateserve.errors import TableError
from stateserve.model import Feature
from stateserve.tables.instances import Wanted, read_instances
from stateserve.tables.sheet import Column, Sheet


def row_of(header: list[str], features: dict[str, str | None]) -> dict[str, object]:
    """The instance of a row whose cells are 0, 1, 2..., for features with these units."""
    columns = [Column(name, np.array([place])) for place, name in enumerate(header)]
    wanted = Wanted([Feature(name=name, unit=unit) for name, unit in features.items()])
    [found] = read_instances(Sheet("t.csv", columns, np.array([2])), wanted).instances
    return {**found}


@pytest.mark.parametrize(
    "name",
    [
        *("petal_width", "petal_width (cm)", "Petal_Width", "petal width (cm)", "petal-width"),
        *("PetalWidthCm", "petalWidth", "PETAL WIDTH [cm]", "petal.width"),
    ],
)
def test_a_column_may_have_other_case_separators_and_the_unit(name: str) -> None:
    features = {"petal_length": "cm", "petal_width": "cm"}
    assert row_of(["Id", name, "petal_length"], features) == {"petal_length": 2, "petal_width": 1}


def test_an_exact_name_goes_before_a_similar_one() -> None:
    assert row_of(["A B", "a_b"], {"a_b": None}) == {"a_b": 1}
    assert row_of(["+", "a+", "a-"], {"a-": None, "a+": None, "+": None}) == {
        **{"+": 0, "a+": 1, "a-": 2}
    }


@pytest.mark.parametrize(
    ("header", "features", "reason"),
    [
        (["A B", "a-b"], {"a_b": None}, "the header names twice the column 'a_b'"),
        (["x1_1"], {"x_11": None, "x_1_1": None}, "does not name the columns 'x_11', 'x_1_1'"),
        (["X_11", "x_1_1"], {"x_11": None, "x_1_1": None}, "does not name the column 'x_11'"),
        (["-"], {"+": None}, r"does not name the column '\+'"),
        (["petal_width"], {"petal_width": None, "sepal_width": None}, "are petal_width$"),
        (["age", "widht"], {"width": None}, "are age, widht; did you mean 'widht'"),
    ],
)
def test_a_name_that_may_be_of_several_features_is_of_none(
    header: list[str], features: dict[str, str | None], reason: str
) -> None:
    with pytest.raises(TableError, match=reason):
        row_of(header, features)
