"""`stateserve card`: writes a card for a checkpoint without one."""

import json
from pathlib import Path

import pytest
import torch

from stateserve.model.predictor import Predictor
from tests.app.cli.conftest import Run
from tests.networks import seeded
from tests.project import IRIS

IRIS_CARD = IRIS.with_suffix(".json")
NAMES = ("--features", 'a (cm), "b, c",d ,e', "--classes", "x,y,z")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A state of four features and three classes, without a card."""
    path = tmp_path / "bare.pth"
    torch.save(seeded(0).state_dict(), path)
    return path


def test_names_are_given_as_lines_of_csv(run: Run, bare: Path) -> None:
    assert run("card", bare, *NAMES) == (
        0,
        f"wrote {bare.with_suffix('.json')}: 4 features, 3 classes; "
        "metrics and reference data are not known\n"
        "the model card has no training ranges: there is no warning about values outside of them\n",
    )
    card = Predictor.load(bare).card
    assert [each.name for each in card.features] == ["a", "b, c", "d", "e"]
    assert card.features[0].unit == "cm"
    code, out = run("predict", "--model", bare, "--a=1", "--b,-c=1", "--d=1", "--e=1", "--json")
    assert code == 0
    assert json.loads(out.splitlines()[0])["class"] in card.classes


@pytest.mark.parametrize("like", [IRIS, IRIS_CARD])
def test_names_are_those_of_a_card_or_of_a_checkpoint_with_one(
    run: Run, bare: Path, like: Path
) -> None:
    code, out = run("card", bare, "--like", like, "--json")
    target = bare.with_suffix(".json")
    assert (code, json.loads(out)) == (0, {"file": str(target), "features": 4, "classes": 3})
    assert Predictor.load(bare).card.classes == ["setosa", "versicolor", "virginica"]


def test_a_card_is_replaced_only_if_told(run: Run, bare: Path) -> None:
    target = bare.with_suffix(".json")
    target.write_text("{}")
    refused = f"stateserve: {target}: there already; --force replaces it"
    assert run("card", bare, "--like", IRIS_CARD)[0] == refused
    assert target.read_text() == "{}"
    assert run("card", bare, "--like", IRIS_CARD, "--force")[0] == 0
    assert Predictor.load(bare).card.classes[0] == "setosa"


def test_the_card_of_an_older_state_lends_its_names_to_the_new_one(run: Run, bare: Path) -> None:
    target = bare.with_suffix(".json")
    target.write_bytes(IRIS_CARD.read_bytes())
    assert run("card", bare, "--like", target, "--force")[0] == 0
    assert Predictor.load(bare).card.classes[0] == "setosa"


def test_printing_writes_no_file(run: Run, bare: Path) -> None:
    code, out = run("card", bare, "--like", IRIS_CARD, "--print")
    assert (code, json.loads(out)["classes"][0]) == (0, "setosa")
    assert list(bare.parent.iterdir()) == [bare]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--features", "a,b,c", "--classes", "x,y,z"), "the given names are 3 and 3"),
        (("--features", "a,,c,d", "--classes", "x,y,z"), "--features: name 2 of 4 is empty"),
        (("--features", "a,b,c,d", "--classes", 'x,"y'), "classes: unexpected end of data"),
        (("--features", "", "--classes", "x,y,z"), "the given names are 0 and 3"),
        (("--features", "a,b,c,d\x1b", "--classes", "x,y,z"), r"the name d\x1b has characters"),
        (("--like", "nowhere.json"), "nowhere.json: No such file"),
        (("--like", __file__), "not JSON"),
    ],
)
def test_what_makes_no_card_is_refused_in_one_line(
    run: Run, bare: Path, arguments: tuple[str, ...], reason: str
) -> None:
    # With status 1 the code is the text of the error, with status 2 the text is in the output.
    code, out = run("card", bare, *arguments)
    said = f"{code}\n{out}".removeprefix("2\n").rstrip()
    assert reason in said
    assert "\n" not in said
    assert list(bare.parent.iterdir()) == [bare]


@pytest.mark.parametrize("arguments", [(), NAMES[:2], (*NAMES, "--like", IRIS_CARD)])
def test_names_come_from_one_place(run: Run, bare: Path, arguments: tuple[object, ...]) -> None:
    code, out = run("card", bare, *arguments)
    assert code == 2
    assert "both --features and --classes" in out
