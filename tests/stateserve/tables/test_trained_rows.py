"""Rows that a model was trained on are recognised in any table, by the hashes in its card."""

import csv
import io
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateserve.model import Feature, RowHashes
from stateserve.tables import Wanted, keep_hashes, read_instances, read_text

FEATURES = [
    Feature(name="size", missing=True),
    Feature(name="colour", kind="category", values=["red", "green", "01"], other=True),
    Feature(name="new", kind="boolean"),
]
TEXTS = ["red", "green", "01", "violet"]


def make_rows(count: int, seed: int = 0) -> list[list[str]]:
    random = np.random.default_rng(seed)
    sizes = [f"{value:.6g}" for value in random.normal(0, 1e3, count)]
    sizes[::7] = ["NA"] * len(sizes[::7])
    # A missing size would make many rows equal: the last digits of other columns do not tell.
    colours = [TEXTS[place] for place in random.integers(0, 4, count)]
    return [
        [size, colour, ("true", "false")[place % 2]]
        for place, (size, colour) in enumerate(zip(sizes, colours, strict=True))
    ]


def hashes_of(rows: Sequence[Sequence[str]]) -> RowHashes:
    """As training has them: places of texts, NaN where missing."""
    numbers = [
        [np.nan if size == "NA" else float(size), TEXTS.index(colour), new == "true"]
        for size, colour, new in rows
    ]
    return keep_hashes(np.array(numbers, np.float32))


def note_on(rows: Sequence[Sequence[str]], trained: RowHashes, separator: str = ",") -> str | None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=separator)
    writer.writerow(["y", "new", "size", "colour"])
    for size, colour, new in rows:
        writer.writerow(["a", new, size, colour])
    sheet = read_text("a.csv", file.getvalue().encode())
    found = read_instances(sheet, Wanted(FEATURES, ["a", "b"], "y", trained))
    assert found.truth is not None
    return found.truth.note


@pytest.mark.parametrize("count", [40, 400, 20_000])
def test_training_rows_are_known_in_another_form(count: int) -> None:
    rows = make_rows(count)
    trained = hashes_of(rows)
    assert len(trained.lowest) <= 512
    words = "these are rows that the model was trained on, so this score is no test"
    assert note_on(rows[::-1], trained) == words
    assert note_on(rows, trained, "\t") == words
    # The sizes as Excel writes 1.5e3.
    assert note_on([[size.replace("e+0", "E"), *rest] for size, *rest in rows], trained) == words


def test_other_rows_are_not() -> None:
    count = 2000
    trained = hashes_of(make_rows(count))
    assert note_on(make_rows(count, seed=1), trained) is None
    mixed = make_rows(count) + make_rows(count, seed=1)
    # A seventh of the rows has no size, and is in both.
    note = note_on(mixed, trained)
    assert note is not None
    share = int(note.partition("%")[0])
    assert 47 <= share <= 67


def test_rows_that_repeat_each_other_say_nothing() -> None:
    rows = [["1", "red", "true"], ["2", "green", "false"]] * 50
    trained = hashes_of(rows)
    assert trained.repeated == 1
    assert note_on(rows, trained) is None


def test_without_hashes_the_name_of_the_file_says_it() -> None:
    sheet = read_text("folder/a.csv", b"size,colour,new,y\n1,red,true,a\n")
    for dataset, noted in (("a.csv", True), ("b.csv", False), (None, False)):
        wanted = Wanted(FEATURES, ["a", "b"], "y", dataset=dataset)
        truth = read_instances(sheet, wanted).truth
        assert truth is not None
        assert (truth.note is not None) == noted


@given(
    st.lists(
        st.floats(width=32, allow_nan=True, allow_infinity=False), min_size=2, max_size=40
    ).map(lambda numbers: np.array(numbers, np.float32).reshape(-1, 1))
)
def test_equal_numbers_have_equal_hashes_and_others_not(numbers: np.ndarray) -> None:
    found = keep_hashes(numbers)
    # NaN equals NaN here, and 0 equals -0.
    different = {None if np.isnan(each) else float(each) for each in numbers[:, 0]}
    assert len(found.lowest) == len(different)
