"""Which rows are copies of another, and the parts that they are in."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from training.tables.copies import group_copies
from training.tables.ensemble.problem import Problem, hold_out
from training.tables.ensemble.trees import grow_trees
from training.tables.split import split


@given(st.integers(0, 99), st.integers(0, 150), st.booleans())
def test_all_copies_of_a_row_are_in_one_part_and_in_one_fold(
    seed: int, copies: int, classify: bool
) -> None:
    random = np.random.default_rng(seed)
    rows = random.normal(size=(100, 2)).astype(np.float32)
    rows[random.random((100, 2)) < 0.1] = np.nan
    values = rows[:, 0] > 0 if classify else random.normal(size=100)
    drawn = random.permutation(np.append(np.arange(100), random.integers(0, 100, copies)))
    rows, values = rows[drawn], values.astype(int if classify else np.float32)[drawn]
    groups, note = group_copies(rows, values)
    parts = split(values, classify, 0.2, 0.15, seed, groups)
    every = [parts.train, parts.validation, parts.test]
    np.testing.assert_array_equal(np.sort(np.concatenate(every)), np.arange(len(rows)))
    of_parts = [set(groups[part]) for part in every]
    assert sum(map(len, of_parts)) == len(set(groups))
    # Two rows without any value may be alike by chance.
    assert len(set(groups)) <= 100
    assert len(of_parts[2]) == pytest.approx(20, abs=1)
    assert (note is not None) == (len(set(groups)) < len(rows))
    for mask in hold_out(values, classify, 5, seed, groups).numpy():
        assert mask.any()
        assert not set(groups[mask]) & set(groups[~mask])


def test_rows_that_all_differ_are_split_as_scikit_learn_splits_them() -> None:
    rows = np.arange(60, dtype=np.float32)[:, None]
    values = np.arange(60) % 3
    groups, note = group_copies(rows, values)
    assert note is None
    parts = split(values, True, 0.2, 0.15, 7, groups)
    rest, test = train_test_split(np.arange(60), test_size=12, random_state=7, stratify=values)
    np.testing.assert_array_equal(parts.test, np.sort(test))
    assert len(rest) == len(parts.train) + len(parts.validation)


def test_few_combinations_of_values_are_no_copies() -> None:
    random = np.random.default_rng(0)
    few = random.integers(0, 2, (600, 3)).astype(np.float32)
    answers = random.integers(0, 5, (600, 3)).astype(np.float32)
    for rows in (few, answers):
        groups, note = group_copies(rows, random.integers(0, 2, 600))
        assert len(set(groups)) == 600
        assert note is not None
        assert "few combinations" in note
    # The same table two and four times: each row has copies, and no other row its values.
    table = random.normal(size=(50, 3)).astype(np.float32)
    for times in (2, 4):
        groups, note = group_copies(np.tile(table, (times, 1)), np.arange(50 * times) % 50)
        assert len(set(groups)) == 50
        assert (
            note
            == f"{50 * times - 50} rows repeat another row; all copies of a row are in one part"
        )
    _, note = group_copies(np.append(table, table[:1], axis=0), np.zeros(51))
    assert note == "1 row repeats another row; all copies of a row are in one part"


def test_no_part_is_empty_if_each_class_is_one_row_many_times() -> None:
    values = np.repeat(np.arange(30), 2)
    groups, _ = group_copies(values[:, None].astype(np.float32), values)
    parts = split(values, True, 0.2, 0.15, 0, groups)
    assert len(parts.test)
    assert set(values[parts.train]) == set(values)


def test_trees_score_a_row_without_its_copies() -> None:
    random = np.random.default_rng(0)
    rows = np.repeat(random.normal(size=(200, 3)).astype(np.float32), 2, axis=0)
    targets = np.repeat(random.integers(0, 2, 200), 2)
    groups, _ = group_copies(rows, targets)
    held_out = hold_out(targets, True, 5, 0, groups)
    tensor, truth = torch.from_numpy(rows), torch.from_numpy(targets)
    found = grow_trees(Problem(tensor, 3, truth, 2, None, held_out, groups), 50, 0)
    right = found.scores.argmax(1) == truth
    # The targets are chance: so are the answers for rows that no tree has seen.
    assert 0.35 < right.float().mean() < 0.65
    assert torch.equal(found.scores[0::2], found.scores[1::2])
