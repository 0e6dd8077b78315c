"""Names of tensors: patterns, prefixes, renaming, and the prefix between two states."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateserve.errors import InvalidNames
from stateserve.names import (
    NameChanges,
    module_prefix,
    rename,
    select,
    strip_prefix,
)

NAMES = ["encoder.0.weight", "encoder.0.bias", "encoder.10.weight", "head.weight", "head.bias"]


@pytest.mark.parametrize(
    ("patterns", "chosen"),
    [
        ([], NAMES),
        (["*.weight"], ["encoder.0.weight", "encoder.10.weight", "head.weight"]),
        (["encoder"], NAMES[:3]),
        (["encoder.0"], NAMES[:2]),
        (["encoder.?"], NAMES[:2]),
        (["head.bias", "encoder.10"], ["encoder.10.weight", "head.bias"]),
        (["*.[b]ias"], ["encoder.0.bias", "head.bias"]),
    ],
)
def test_a_pattern_selects_names_and_all_below_a_module(
    patterns: list[str], chosen: list[str]
) -> None:
    assert select(NAMES, patterns) == chosen


def test_a_pattern_that_selects_nothing_is_named_with_the_nearest_name() -> None:
    with pytest.raises(InvalidNames, match=r"'haed.bias'; the nearest name is 'head.bias'"):
        select(NAMES, ["head", "haed.bias"])


@pytest.mark.parametrize("prefix", ["module", "module."])
def test_a_prefix_is_stripped_where_it_is(prefix: str) -> None:
    assert module_prefix([prefix, "a"]) == "module.a."
    found = strip_prefix({"n_averaged": 0, "module.a.weight": 1, "modules.b": 2}, prefix)
    assert found == {"n_averaged": 0, "a.weight": 1, "modules.b": 2}


def test_a_prefix_that_is_nowhere_or_makes_two_names_equal_is_refused() -> None:
    with pytest.raises(InvalidNames, match=r"begins with 'model\.'; the first is 'a'"):
        strip_prefix({"a": 1}, "model")
    with pytest.raises(InvalidNames, match=r"'a' and 'model\.a' would both be named 'a'"):
        strip_prefix({"a": 1, "model.a": 2}, "model")


@pytest.mark.parametrize(
    ("old", "new", "renamed"),
    [
        ("fc", "classifier", ["classifier.weight", "block.0.attn.fc2.weight"]),
        ("fc.weight", "w", ["w", "block.0.attn.fc2.weight"]),
        ("block.*.attn", "layers.*.attention", ["fc.weight", "layers.0.attention.fc2.weight"]),
        ("block.*.attn", "layers", ["fc.weight", "layers.fc2.weight"]),
        ("attn", "", ["fc.weight", "block.0.fc2.weight"]),
        ("block", "", ["fc.weight", "0.attn.fc2.weight"]),
    ],
)
def test_whole_parts_are_renamed(old: str, new: str, renamed: list[str]) -> None:
    assert list(rename({"fc.weight": 1, "block.0.attn.fc2.weight": 2}, old, new)) == renamed


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("c.weight", "d", "no tensor's name has"),
        ("*.weight", "*.*", "the same number"),
        ("", "d", "the same number"),
        ("*", "same", "would both be named"),
        ("a.weight", "", "nothing is left"),
    ],
)
def test_a_renaming_that_does_not_fit_is_refused(old: str, new: str, reason: str) -> None:
    with pytest.raises(InvalidNames, match=reason):
        rename({"a.weight": 1, "b.weight": 2}, old, new)


def test_changes_come_in_order_and_the_selection_is_of_new_names() -> None:
    state = {"module.fc.weight": 1, "module.fc.bias": 2, "module.x": 3}
    found = NameChanges(["module"], ["fc=head", "head=top"], ["top"]).apply(state)
    assert found == {"top.weight": 1, "top.bias": 2}
    with pytest.raises(InvalidNames, match="'fc' is not OLD=NEW"):
        NameChanges(renames=["fc"]).apply(state)


words = st.text("ab.*?[]\\^$(", max_size=6)


@given(st.dictionaries(words, st.none(), max_size=5), words, words)
def test_any_text_is_a_pattern_or_a_renaming_or_refused(
    state: dict[str, None], old: str, new: str
) -> None:
    for change in (lambda: select(state, [old]), lambda: rename(state, old, new)):
        with suppress(InvalidNames):
            assert len(change()) <= len(state)


def test_a_change_of_two_states_must_fit_one_of_them() -> None:
    first, second = {"module.fc.w": 1, "module.x": 2}, {"head.w": 3}
    found = NameChanges(["module"], ["fc=head"], ["head"]).apply_both(first, second)
    assert found == ({"head.w": 1}, {"head.w": 3})
    assert NameChanges(["module"], ["fc=head"]).apply_both(second, first)[1]["head.w"] == 1
    for changes in (NameChanges(["model"]), NameChanges(renames=["y=z"]), NameChanges(only=["y"])):
        with pytest.raises(InvalidNames):
            changes.apply_both(first, second)
    with pytest.raises(InvalidNames, match="would both be named"):
        NameChanges(renames=["a=b"]).apply_both({"x": 1}, {"a": 1, "b": 2})
