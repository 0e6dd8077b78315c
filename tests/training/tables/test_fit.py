"""Networks that training makes by default, on tables whose rule is known."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from stateserve.model.architectures import Tabular
from training.tables import Fit, Options, Table, outputs, read_table
from training.tables.evaluate import cautions, evaluate
from training.tables.fit import Fitted
from training.tables.target import Task


def _table(folder: Path, columns: dict[str, object], task: Task | None = None) -> Table:
    path = folder / "table.csv"
    pd.DataFrame(columns).to_csv(path, index=False)
    return read_table(path, "y", task=task)


def _fit(table: Table, **options: object) -> tuple[Fitted, dict[str, float]]:
    fitted = Fit(table, Options(**options), lambda *_: None).run()  # type: ignore[arg-type]
    return fitted, evaluate(fitted, table)


def test_a_linear_rule_is_found_with_an_interval_that_holds_its_noise(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, 300))
    noise = random.normal(size=300)
    table = _table(tmp_path, {"a": 100 * a, "b": b, "y": 1e6 + 1e4 * (a - b) + 1e3 * noise})
    fitted, metrics = _fit(table, epochs=5)
    # Dropout is off: the saved state, loaded again, has the figures that training shows.
    loaded = Tabular.from_state(fitted.module.state_dict())
    assert metrics == evaluate(replace(fitted, module=loaded), table)
    assert metrics["test_r2"] > 0.98
    assert 0.8 <= metrics["test_share_in_the_interval"] <= 1
    found = outputs(fitted.module, table.rows[fitted.parts.test])
    low, high = (found["interval"] - found["value"][:, None]).mean(axis=0)
    # 90 % of a normal distribution are within 1.645 deviations.
    assert low == pytest.approx(-1645, rel=0.3)
    assert high == pytest.approx(1645, rel=0.3)


def test_a_rule_that_is_not_linear_is_found(tmp_path: Path) -> None:
    a, b = np.random.default_rng(0).uniform(-1, 1, size=(2, 400))
    _, metrics = _fit(
        _table(tmp_path, {"a": a, "b": b, "y": np.where(a * b > 0, "same", "not")}), epochs=15
    )
    assert metrics["test_accuracy"] > 0.9


def test_the_same_seed_gives_the_same_state(tmp_path: Path) -> None:
    a = np.random.default_rng(0).normal(size=40)
    table = _table(tmp_path, {"a": a, "y": a > 0})
    first, second = (_fit(table, epochs=2)[0].module.state_dict() for _ in range(2))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_balance_finds_more_rows_of_a_rare_class(tmp_path: Path) -> None:
    a = np.random.default_rng(0).normal(size=400)
    rare = a + np.random.default_rng(1).normal(size=400) > 2
    table = _table(tmp_path, {"a": a, "y": np.where(rare, "rare", "usual")})
    assert any("--balance" in note for note in table.notes) == (rare.mean() < 0.1)
    plain, balanced = (
        _fit(table, epochs=3, balance=balance)[1]["test_balanced_accuracy"]
        for balance in (False, True)
    )
    assert balanced > plain


def test_balanced_probabilities_times_the_shares_are_those_of_the_data(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    a = random.normal(size=3000).round(3)
    rare = a + random.normal(size=3000) > 2.2
    table = _table(tmp_path, {"a": a, "y": np.where(rare, "rare", "usual")})
    fitted, metrics = _fit(table, epochs=4, balance=True)
    known = table.target.values[fitted.parts.train]
    found = outputs(fitted.module, table.rows)["log_probabilities"][:, 0]
    # A normal noise of a deviation of 1 exceeds what is missing to 2.2.
    truth = np.array([0.5 * math.erfc((2.2 - value) / math.sqrt(2)) for value in a])
    odds = np.exp(found) / (1 - np.exp(found)) * (known == 0).sum() / (known == 1).sum()
    assert np.abs(odds / (1 + odds) - truth).mean() < 0.02
    assert (np.exp(found) - truth).mean() > 0.1
    assert "(rare 0.0" in cautions(fitted, table, metrics, balance=True)[0]


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        ([1234567, 1234568], ["1234567", "1234568"]),
        ([0.0, 1.0], ["0", "1"]),
        ([True, False], ["False", "True"]),
        (["no", "yes"], ["no", "yes"]),
        ([9, 10], ["9", "10"]),
        ([-1, 0.5], ["-1", "0.5"]),
    ],
)
def test_targets_of_any_type_are_classes_by_their_text(
    values: list[object], classes: list[str], tmp_path: Path
) -> None:
    table = _table(tmp_path, {"a": range(20), "y": values * 10}, task="classes")
    assert table.target.classes == classes
    fitted, _ = _fit(table, epochs=1)
    found = outputs(fitted.module, table.rows)["log_probabilities"]
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1, atol=1e-5)


def test_a_class_of_two_rows_is_learnt_and_two_rows_of_two_classes_suffice(tmp_path: Path) -> None:
    classes = ["a"] * 20 + ["b"] * 8 + ["c"] * 2
    table = _table(tmp_path, {"x": [*range(0, 40, 2), *range(100, 116, 2), 300, 301], "y": classes})
    fitted, _ = _fit(table, epochs=2)
    assert fitted.module.output.weight.shape[0] == 3
    few = _table(tmp_path, {"x": [1.0, 2.5, 10.0, 11.5], "y": ["a", "a", "b", "b"]})
    assert len(_fit(few, epochs=1)[0].parts.train) >= 2
