"""Schema version 2 of the card."""

import json
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from stateserve.model.architectures.code_record import CodePath, FileName
from stateserve.model.cards.model_card import ModelCard

SHA = "0" * 64
CARD: dict[str, Any] = {
    "schema_version": 2,
    "name": "digits",
    "code": {"kind": "class", "file": "p/nets.py", "name": "LeNet", "sha256": SHA},
    "inputs": [{"name": "x", "dtype": "float32", "shape": [-1, 2]}],
    "outputs": [{"name": "y", "dtype": "float32", "shape": [-1]}],
    "state_sha256": SHA,
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(min_size=1, max_size=5), JSON, max_size=4))
def test_a_card_reads_back_the_same_with_any_arguments(kwargs: dict[str, object]) -> None:
    card = ModelCard.model_validate({**CARD, "code": {**CARD["code"], "kwargs": kwargs}})
    content = card.to_json()
    assert ModelCard.model_validate(json.loads(content)) == card
    assert json.loads(content)["code"]["kwargs"] == kwargs


def test_a_list_of_numbers_takes_one_line_and_what_is_unknown_none() -> None:
    text = ModelCard.model_validate(CARD).to_json().decode()
    assert '"shape": [-1, 2]' in text
    assert "null" not in text


@given(st.text(max_size=20))
def test_a_file_of_a_card_is_in_its_folder(text: str) -> None:
    for kind, deep in ((FileName, False), (CodePath, True)):
        try:
            name = TypeAdapter(kind).validate_python(text)
        except ValidationError:
            continue
        path = PurePosixPath(name)
        assert not path.is_absolute()
        assert not any(part.startswith(".") for part in path.parts)
        assert deep or len(path.parts) == 1
        assert "\\" not in name
        assert "\0" not in name


@pytest.mark.parametrize(
    "name", ["../a.py", "/a.py", "a/../b.py", "a//b.py", ".a.py", "a\\b.py", "a\0.py", "a.py\n"]
)
def test_a_path_out_of_the_folder_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="is not a Python file in the card's folder or below"):
        ModelCard.model_validate({**CARD, "code": {**CARD["code"], "file": name}})


def test_the_files_of_a_card_are_listed() -> None:
    golden = {"file": "model.golden.safetensors", "sha256": SHA}
    modules = {"p/layers.py": SHA}
    code = {**CARD["code"], "modules": modules}
    card = ModelCard.model_validate({**CARD, "code": code, "golden": golden})
    assert card.files == ["p/nets.py", "p/layers.py", "model.golden.safetensors"]
    program = {"kind": "program", "file": "p.pt2", "sha256": SHA}
    assert ModelCard.model_validate({**CARD, "code": program}).files == ["p.pt2"]
