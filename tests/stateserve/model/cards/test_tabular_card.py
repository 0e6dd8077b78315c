"""The card: old cards stay readable, new parts must be consistent, and text is readable."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateserve.errors import CardMismatch
from stateserve.model.cards.tabular_card import Card, read_card
from tests.project import IRIS

TEXT = IRIS.with_suffix(".json").read_text()
OPTIONAL = ["calibration", "baseline", "mahalanobis", "histograms", "training_rows"]


def test_a_card_without_the_training_rows_parts_is_readable(tmp_path: Path) -> None:
    old = {name: value for name, value in json.loads(TEXT).items() if name not in OPTIONAL}
    path = tmp_path / "old.json"
    path.write_text(json.dumps(old))
    card = read_card(path)
    assert all(getattr(card, name) is None for name in OPTIONAL)
    assert card.golden == read_card(IRIS.with_suffix(".json")).golden


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"baseline": [1, 2, 3]}, "baseline does not fit 1 x 4"),
        ({"histograms": []}, "histograms does not fit 1 x 4"),
        ({"histograms": [{"edges": [0, 1], "counts": [1, 2]}] * 4}, "counts does not fit 1 x 1"),
        ({"training_rows": {"total": 1, "rows": [[1] * 4], "labels": [3]}}, "outside 0 to 2"),
        (
            {"training_rows": {"total": 1, "rows": [[1] * 4], "labels": []}},
            "labels: a list of length 0;",
        ),
        ({"training_rows": {"total": 1, "rows": [[1] * 3], "labels": [0]}}, "fit 1 x 4"),
        (
            {"mahalanobis": {"class_means": [[0] * 4], "precision": [], "percentiles": [0] * 101}},
            "precision: a list of length 0; accepted is",
        ),
        (
            {
                "mahalanobis": {
                    "class_means": [[0] * 4] * 3,
                    "precision": [[0] * 4] * 3,
                    "percentiles": [0] * 101,
                }
            },
            "precision does not fit 4 x 4",
        ),
    ],
)
def test_parts_that_do_not_fit_the_features_are_refused(
    changes: dict, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "card.json"
    path.write_text(json.dumps(json.loads(TEXT) | changes))
    with pytest.raises(CardMismatch) as caught:
        read_card(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_a_row_of_numbers_stands_on_one_line() -> None:
    assert "\n      [5.1, 2.5, 3.0, 1.1],\n" in TEXT
    assert Card.model_validate_json(TEXT).to_json().decode() == TEXT


@given(st.text(alphabet='[]\n ",1\\', min_size=1), st.lists(st.floats(-1e9, 1e9), max_size=3))
def test_shortening_lines_changes_no_content(name: str, baseline: list[float]) -> None:
    card = Card.model_validate_json(TEXT).model_copy(update={"name": name, "baseline": baseline})
    assert json.loads(card.to_json()) == card.model_dump(mode="json")


def test_a_card_from_before_the_intervals_is_read(tmp_path: Path) -> None:
    card = json.loads(IRIS.with_suffix(".json").read_text())
    del card["calibration"]["bootstrap"]
    for when in ("before", "after"):
        del card["calibration"][when]["expected_calibration_error_interval"]
    path = tmp_path / "old.json"
    path.write_text(json.dumps(card))
    read = read_card(path).calibration
    assert read is not None
    assert (read.bootstrap, read.after.expected_calibration_error_interval) == (None, None)
