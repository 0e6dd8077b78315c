"""Names of classes in every form in which programs and files have them."""

import enum
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from stateserve.errors import CardMismatch
from stateserve.model import hints_of, parse_classes
from stateserve.model.signature_inference import infer
from stateserve.model.signature_inference.class_names import class_names

PETS = ["cat", "dog"]


class Pet(enum.StrEnum):
    CAT = "cat"
    DOG = "dog"


class Heads(nn.Module):
    """Two outputs of classes, and one of values."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"kind": x[:, :3], "sex": x[:, 3:], "age": x[:, 0]}


FORMS: dict[str, object] = {
    "a list": PETS,
    "a tuple": tuple(PETS),
    "a NumPy array": np.array(PETS),
    "the keys of a dict": {"cat": 0, "dog": 1}.keys(),
    "members of an Enum of texts": Pet,
    "{name: index}": {"dog": 1, "cat": 0},
    "{name: NumPy index}": {"dog": np.int64(1), "cat": np.int64(0)},
    "{index: name}": {1: "dog", 0: "cat"},
    "{decimal text: name}": {"1": "dog", "0": "cat"},
    "{index: [id, name]}": {"1": ["n2", "dog"], "0": ["n1", "cat"]},
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_names_the_classes_in_their_order(form: str) -> None:
    assert class_names(FORMS[form]) == {"": PETS}
    assert class_names({"kind": FORMS[form], "sex": ["f", "m"]}) == {
        "kind": PETS,
        "sex": ["f", "m"],
    }


@pytest.mark.parametrize("numbers", [range(3), [0, 1, 2], np.arange(3), {"0": 0, "1": 1, "2": 2}])
def test_integers_are_names_as_texts(numbers: object) -> None:
    assert class_names(numbers) == {"": ["0", "1", "2"]}


@given(st.lists(st.text(min_size=1), min_size=1, unique=True), st.randoms())
def test_a_map_in_any_order_is_read_by_its_indices(names: list[str], random: "st.Random") -> None:
    pairs = list(enumerate(names))
    random.shuffle(pairs)
    assert class_names({name: index for index, name in pairs}) == {"": names}
    assert class_names(dict(pairs)) == {"": names}


REFUSED: dict[str, object] = {
    "classes: 'cat' of type str; accepted is a list": "cat",
    "classes: a set has no order; give a list": {"cat", "dog"},
    "classes: type int; accepted is a list": 2,
    "classes: type ndarray; accepted is a list": np.array(2),
    "classes: 0.5 of type float among the names; a name is a text or an integer": ["cat", 0.5],
    "classes: type NoneType among the names": ["cat", None],
    "classes: type list among the names": [["cat", "dog"]],
    "classes: they need the indices 0, 1, 2": {"cat": 1, "dog": 2},
    "classes: they need the indices 0, 1, 2 and": {"cat": 0, "dog": 0},
    "classes: they need the indices 0, 1, 2 and so": {0: "cat", 2: "dog"},
    "classes: they need the indices 0, 1, 2 and so on": {},
    "classes: 'cat' has 'dog' of type str; accepted is": {"cat": "dog"},
    "classes of 'kind': a set has no order": {"kind": {"cat", "dog"}},
    "classes of 'kind': they need the indices": {"kind": {"cat": 3}},
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_names_no_classes_is_refused_in_one_line(reason: str) -> None:
    with pytest.raises(CardMismatch, match=re.escape(reason)) as caught:
        class_names(REFUSED[reason])
    assert "\n" not in str(caught.value)


def test_each_output_has_classes_of_its_own() -> None:
    x = np.random.default_rng(0).random((4, 5), np.float32)
    hints = hints_of(classes={"sex": {"m": 1, "f": 0}, "kind": list("abc")}, units={"age": "a"})
    outputs = infer(Heads(), x, hints).signature.outputs
    assert [each.classes for each in outputs] == [list("abc"), ["f", "m"], None]
    assert [each.kind for each in outputs] == ["logits", "logits", "values"]
    for name, reason in {
        "size": "classes: no 'size'; the names are kind, sex, age",
        "age": r"need an output of shape \[rows, 2\]; the outputs are age \[-1\]; of p, the prob",
    }.items():
        with pytest.raises(CardMismatch, match=reason):
            infer(Heads(), x, hints_of(classes={name: PETS}))


def test_classes_that_fit_two_outputs_need_the_name_of_one() -> None:
    class Twice(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x, x + 1

    with pytest.raises(CardMismatch, match=r"classes: of which, 'output_0' or 'output_1'\? Give"):
        infer(Twice(), torch.rand(4, 2), hints_of(classes=PETS))


@pytest.mark.parametrize(
    ("text", "found"),
    {
        "cat,dog": {"": PETS},
        '"cat, big",dog': {"": ["cat, big", "dog"]},
        "Dr. A,Dr. B": {"": ["Dr. A", "Dr. B"]},
        ",".join(["a" * 150] * 40): {"": ["a" * 150] * 40},
        '["cat","dog"]': {"": PETS},
        ' {"cat": 0, "dog": 1}': {"": PETS},
        '{"0": "cat", "1": "dog"}': {"": PETS},
        '{"kind": ["cat", "dog"]}': {"kind": PETS},
        "labels.txt": {"": PETS},
        "labels.json": {"": PETS},
    }.items(),
)
def test_an_option_has_names_json_or_a_file(
    text: str, found: dict[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("labels.txt").write_text("\ufeffcat\n\ndog\n", "utf-8")
    Path("labels.json").write_text(json.dumps({"1": "dog", "0": "cat"}))
    assert parse_classes(text) == found


@pytest.mark.parametrize(
    ("text", "reason"),
    {
        '["cat", "dog"': "classes: not JSON: Expecting ',' delimiter",
        "[" * 100_000: "classes: not JSON that is read: nested too deeply",
        '{"0": "cat", "0": "dog"}': "classes: the key '0' stands twice in one object",
        '["cat", 0.5]': "classes: 0.5 of type float among the names",
        "labels.json": "labels.json: classes: 'cat' of type str; accepted is a list",
        "none.json": "none.json: No such file",
    }.items(),
)
def test_an_option_without_names_is_refused_in_one_line(
    text: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("labels.json").write_text('"cat"')
    with pytest.raises(Exception, match=re.escape(reason)) as caught:
        parse_classes(text)
    assert "\n" not in str(caught.value)
