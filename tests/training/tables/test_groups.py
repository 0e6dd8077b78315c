"""Rows of one person, the note about them, and columns that tell the target by themselves."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from training.errors import DataError
from training.tables.columns import Choices
from training.tables.evaluate import evaluate
from training.tables.fit import Fit
from training.tables.plan import Options
from training.tables.table import Table, read_table


def subjects(folder: Path, count: int = 30, each: int = 6) -> Path:
    """The rows of a subject are alike, and its state is chance."""
    random = np.random.default_rng(0)
    subject = np.repeat(np.arange(count), each)
    base, state = random.normal(size=(count, 3)), random.permutation(count) % 2
    values = base[subject] + random.normal(size=(count * each, 3)) / 20
    frame = pd.DataFrame(values.round(3), columns=["a", "b", "c"])
    frame.insert(0, "subject", [f"S{number:02}" for number in subject])
    frame["state"] = np.where(state[subject], "ill", "well")
    path = folder / "subjects.csv"
    frame.sample(frac=1, random_state=1).to_csv(path, index=False)
    return path


def read(path: Path, group: str | None = "subject", target: str = "state") -> Table:
    return read_table(path, target, Choices(group=group))


def test_the_rows_of_a_group_are_in_one_part_and_chance_is_found_to_be_chance(
    tmp_path: Path,
) -> None:
    path = subjects(tmp_path)
    table = read(path)
    assert [each.name for each in table.features] == ["a", "b", "c"]
    assert "the rows of each of the 30 groups of 'subject' are in one part" in table.notes
    for hidden in (None, (4,)):
        parts = Fit(table, Options(hidden=hidden), lambda *_: None).parts
        groups = [table.groups[rows] for rows in vars(parts).values()]
        assert sum(len(np.unique(each)) for each in groups) == 30
    fitted = Fit(table, Options(epochs=3), lambda *_: None).run()
    assert evaluate(fitted, table)["test_accuracy"] < 0.9
    # The held-out rows say so, too: they are of other subjects.
    assert all(trial.loss > 0.5 for trial in fitted.trials)
    alone = read(path, None)
    found = Fit(alone, Options(epochs=3), lambda *_: None).run()
    assert evaluate(found, alone)["test_accuracy"] > 0.9


def test_a_column_that_names_persons_is_noted_with_the_option(tmp_path: Path) -> None:
    notes = read(subjects(tmp_path), None).notes
    assert any("'subject': its 30 values have 6.0 rows each" in note for note in notes)
    assert any("--group subject keeps" in note for note in notes)


@pytest.mark.parametrize("name", ["PatientID", "store_id", "customer no", "user", "Proband"])
def test_names_of_persons_and_things_are_known(tmp_path: Path, name: str) -> None:
    frame = pd.DataFrame({name: np.arange(60) // 5, "x": np.arange(60) % 7 / 3, "y": np.arange(60)})
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert any("--group" in note for note in read_table(tmp_path / "t.csv", "y").notes)


@pytest.mark.parametrize(
    ("group", "said"),
    [
        ("y", "'y' is the target"),
        ("x", "all rows have other values"),
        ("few", "it has 3 different values, and 5 are needed"),
        ("nothing", "no column 'nothing'"),
    ],
)
def test_a_column_that_divides_no_rows_is_refused(tmp_path: Path, group: str, said: str) -> None:
    frame = pd.DataFrame(
        {"x": np.arange(30) / 7, "few": np.arange(30) % 3, "y": np.arange(30) ** 2}
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match=f"--group: .*{said}"):
        read(tmp_path / "t.csv", group, "y")


def test_a_column_that_tells_the_target_alone_is_noted(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    price = random.uniform(1, 100, 60).round(2)
    frame = pd.DataFrame(
        {
            "cheap": np.where(price < 50, "yes", "no"),
            "tax": (price * 0.19).round(4),
            "noise": random.normal(size=60).round(3),
            "kind": np.arange(60) % 4,
            "price": price,
        }
    )
    path = tmp_path / "prices.csv"
    frame.to_csv(path, index=False)

    def told(target: str) -> list[str]:
        told = "alone tells the target of all rows"
        return [note.split("'")[1] for note in read_table(path, target).notes if told in note]

    assert told("price") == ["tax"]
    assert told("cheap") == ["tax", "price"]
    assert told("kind") == []
