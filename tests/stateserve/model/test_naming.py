"""Cards made from names: consistent with their state, loaded and served, or refused."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from stateserve.errors import CardMismatch, StateMismatch
from stateserve.model.cards.card_location import card_path
from stateserve.model.cards.tabular_card import TRAINED, Card, read_card
from stateserve.model.naming import card_like, card_of_names, split_unit
from stateserve.model.predictor import Predictor
from stateserve.text import printable
from tests.checkpoints import save_model
from tests.networks import seeded
from tests.project import IRIS

IRIS_CARD = IRIS.with_suffix(".json")
HEADERS, CLASSES = ["a (cm)", "b", "c", "d"], ["x", "y", "z"]
REFERENCE_DATA = ("calibration", "baseline", "mahalanobis", "histograms", "training_rows")
NAME = st.text(max_size=210) | st.from_regex(r"[a-z ,(]{1,9} ?\([a-z/%°]{1,5}\)", fullmatch=True)
NAMES = st.lists(NAME, min_size=3, max_size=4)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state of four features and three classes, without a card."""
    path = tmp_path_factory.mktemp("bare") / "bare.pth"
    torch.save(seeded(0).state_dict(), path)
    return path


def loaded(path: Path, card: Card) -> Card:
    """The card that the service loads, after the check of its golden prediction."""
    try:
        card_path(path).write_bytes(card.to_json())
        return Predictor.load(path).card
    finally:
        card_path(path).unlink()


@pytest.mark.parametrize(
    ("header", "parts"),
    [("a (cm)", ("a", "cm")), ("a", ("a", None)), ("od280/od315", ("od280/od315", None))],
)
def test_units_are_taken_from_the_header(header: str, parts: tuple[str, str | None]) -> None:
    assert split_unit(header) == parts


def is_valid(headers: list[str], classes: list[str]) -> bool:
    names, units = zip(*map(split_unit, headers), strict=True)
    return (
        (len(headers), len(classes)) == (4, 3)
        and (len(set(names)), len(set(classes))) == (4, 3)
        and all(0 < len(name) <= 200 for name in (*names, *classes))
        and all(len(unit or "") <= 100 for unit in units)
        and all(printable(name) == name for name in (*headers, *classes))
    )


@given(NAMES, NAMES)
def test_names_come_back_from_the_card_or_are_refused_in_one_line(
    bare: Path, headers: list[str], classes: list[str]
) -> None:
    if is_valid(headers, classes):
        found = loaded(bare, card_of_names(bare, headers, classes))
        assert [(each.name, each.unit) for each in found.features] == list(map(split_unit, headers))
        assert found.classes == classes
    else:
        with pytest.raises(CardMismatch) as caught:
            card_of_names(bare, headers, classes)
        assert str(caught.value).startswith(f"{bare}: ")
        assert "\n" not in str(caught.value)


@given(st.lists(st.text(min_size=1, max_size=200), min_size=7, max_size=7, unique=True))
def test_every_name_of_another_card_is_taken(bare: Path, names: list[str]) -> None:
    known = read_card(IRIS_CARD)
    features = [
        each.model_copy(update={"name": name})
        for each, name in zip(known.features, names[:4], strict=True)
    ]
    other = bare.with_name("other.json")
    other.write_bytes(
        known.model_copy(update={"features": features, "classes": names[4:]}).to_json()
    )
    found = loaded(bare, card_like(bare, other))
    assert (found.features, found.classes) == (features, names[4:])


def test_of_another_state_only_features_and_classes_are_taken(bare: Path) -> None:
    made, known = card_like(bare, IRIS_CARD), read_card(IRIS_CARD)
    assert (made.features, made.classes) == (known.features, known.classes)
    assert all(getattr(made, name) is None for name in (*TRAINED, *REFERENCE_DATA))
    assert made.libraries == {}
    assert made.golden is not None
    inputs = torch.tensor(made.golden.inputs)
    with torch.inference_mode():
        expected = seeded(0)(inputs)
    torch.testing.assert_close(torch.tensor(made.golden.log_probabilities), expected)
    for column, feature in zip(inputs.T.tolist(), known.features, strict=True):
        assert feature.range
        low, high = feature.range
        assert min(column) >= low - 1e-6
        assert max(column) <= high + 1e-6
    assert made.warnings == []


def test_of_the_same_state_all_is_true(tmp_path: Path) -> None:
    path = tmp_path / "copied.safetensors"
    save_file(torch.load(IRIS), path)
    assert card_like(path, IRIS_CARD) == read_card(IRIS_CARD)


@pytest.mark.parametrize(
    ("headers", "classes", "reason"),
    [
        (HEADERS[:3], CLASSES, "has 4 features and 3 classes; the given names are 3 and 3"),
        (HEADERS, [*CLASSES, "w"], "has 4 features and 3 classes; the given names are 4 and 4"),
        ([], [], "the given names are 0 and 0"),
        (["a", "a", "c", "d"], CLASSES, "features: repeats a"),
        (["a (cm)", "a", "c", "d"], CLASSES, "features: repeats a"),
        (HEADERS, ["x", "x", "z"], "classes: repeats x"),
        (["a", "", "c", "d"], CLASSES, "features.1.name: ''; accepted is a length of at least 1"),
        (HEADERS, ["x" * 201, "y", "z"], "accepted is a length of at most 200"),
        ([f"a ({'m' * 101})", *HEADERS[1:]], CLASSES, "accepted is a length of at most 100"),
        (HEADERS, ["x\x1b[31m", "y", "z"], r"the name x\x1b[31m has characters that are not shown"),
        (HEADERS, ["x\ny", "y", "z"], r"the name x\ny has characters"),
        (HEADERS, ["\udcff", "y", "z"], r"the name \udcff has characters"),
    ],
)
def test_names_that_do_not_do_are_refused(
    bare: Path, headers: list[str], classes: list[str], reason: str
) -> None:
    with pytest.raises(CardMismatch) as caught:
        card_of_names(bare, headers, classes)
    assert str(caught.value).startswith(f"{bare}: ")
    assert reason in str(caught.value)


def test_a_card_of_other_sizes_is_refused(bare: Path, tmp_path: Path) -> None:
    torch.save(seeded(0, 5, 3, 4).state_dict(), tmp_path / "other.pth")
    with pytest.raises(CardMismatch) as caught:
        card_like(tmp_path / "other.pth", IRIS_CARD)
    assert str(caught.value) == (
        f"{tmp_path}/other.pth: the state has 5 features and 4 classes; {IRIS_CARD} has 4 and 3"
    )


def test_a_card_that_is_not_true_of_its_own_state_is_refused(tmp_path: Path) -> None:
    path = save_model(tmp_path / "made.pth")
    card = json.loads(card_path(path).read_bytes())
    card["golden"]["log_probabilities"][0][0] -= 1
    card_path(path).write_text(json.dumps(card))
    with pytest.raises(CardMismatch, match=r"made\.json: the card's golden prediction is not"):
        card_like(path, card_path(path))


def test_a_state_that_no_card_fits_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "made.pth"
    torch.save({"fc.weight": torch.ones(3, 4)}, path)
    with pytest.raises(
        StateMismatch,
        match=r"made\.pth: the state of another network: it has 1 entries: fc 1; it needs its code",
    ):
        card_of_names(path, HEADERS, CLASSES)
    module = seeded(0)
    with torch.no_grad():
        module.output.weight.fill_(3e38)
        module.hidden.bias.fill_(3e38)
    torch.save(module.state_dict(), path)
    with pytest.raises(CardMismatch, match=r"made\.pth: log_probabilities.*finite number"):
        card_of_names(path, HEADERS, CLASSES)
