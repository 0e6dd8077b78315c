"""The golden file: every dtype goes through it; what does not fit the card is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

from stateserve.errors import CardMismatch
from stateserve.model.architectures.code import sha256
from stateserve.model.arrays import to_array
from stateserve.model.cards.model_card import GoldenFile, ModelCard
from stateserve.model.loading.golden_file import encode_golden, read_golden
from stateserve.model.signature import DTYPES, Dtype, Input, Output

SHA = "0" * 64


def card_of(dtype: Dtype) -> ModelCard:
    return ModelCard.model_validate(
        {
            "name": "x",
            "code": {"kind": "program", "file": "p.pt2", "sha256": SHA},
            "inputs": [Input(name="a/b", dtype=dtype, shape=[-1, 2])],
            "outputs": [Output(name="y", dtype="float32", shape=[-1])],
            "state_sha256": SHA,
        }
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_of_every_dtype_are_read_as_written(tmp_path: Path, dtype: Dtype) -> None:
    rows = to_array(torch.tensor([[0, 1], [1, 1], [0, 0]]).to(getattr(torch, dtype)))
    out = np.arange(3, dtype=np.float32)
    golden = {1: ({"a/b": rows[:1]}, {"y": out[:1]}), 3: ({"a/b": rows}, {"y": out})}
    content, entry = encode_golden(golden, "m.golden.safetensors")
    (tmp_path / entry.file).write_bytes(content)
    card = card_of(dtype).model_copy(update={"golden": entry})
    found = read_golden(tmp_path / "m.json", card)
    assert found.keys() == {1, 3}
    for count, (inputs, outputs) in found.items():
        assert inputs["a/b"].dtype.name == dtype
        assert inputs["a/b"].tobytes() == golden[count][0]["a/b"].tobytes()
        assert (outputs["y"] == out[:count]).all()


X, Y = torch.zeros(1, 2), torch.zeros(1)
ONE = {"1/inputs/a/b": X, "1/outputs/y": Y}
THREE = {"3/inputs/a/b": torch.zeros(3, 2), "3/outputs/y": torch.zeros(3)}
NONE = {"0/inputs/a/b": X[:0], "0/outputs/y": Y[:0]}
TWO = {"2/inputs/a/b": torch.zeros(2, 2), "2/outputs/y": torch.zeros(2)}
WRONG: dict[str, bytes] = {
    "no tensor '1/inputs/a/b' in it": save(NONE),
    "no tensor '3/inputs/a/b' in it": save(ONE),
    "no tensor '1/outputs/y' in it": save(THREE | {"1/inputs/a/b": X}),
    "'0/inputs/a/b' in it is no tensor of the card": save(ONE | THREE | NONE),
    "'2/inputs/a/b' in it is no tensor of the card": save(ONE | THREE | TWO),
    "'01/inputs/a/b' in it is no tensor": save(ONE | THREE | {"01/inputs/a/b": X.clone()}),
    "'x' in it is no tensor": save(ONE | THREE | {"x": torch.zeros(1)}),
    "'a/b' of 3 rows is float32": save(THREE | ONE | {"3/inputs/a/b": X.clone()}),
    "is float64": save(THREE | ONE | {"1/inputs/a/b": X.double()}),
    "m.golden.safetensors: ": b"\xff" * 100,
    "not": b"",
}


@pytest.mark.parametrize("reason", WRONG)
def test_a_file_that_does_not_fit_the_card_is_refused(tmp_path: Path, reason: str) -> None:
    (tmp_path / "m.golden.safetensors").write_bytes(WRONG[reason])
    entry = GoldenFile(file="m.golden.safetensors", sha256=sha256(WRONG[reason]))
    card = card_of("float32").model_copy(update={"golden": entry})
    with pytest.raises(CardMismatch, match=reason) as caught:
        read_golden(tmp_path / "m.json", card)
    assert str(caught.value).startswith(f"{tmp_path}/m.golden.safetensors: ")
    assert "\n" not in str(caught.value)


def test_inputs_without_values_prove_nothing(tmp_path: Path) -> None:
    empty = {"1/inputs/x": torch.zeros(1, 0), "3/inputs/x": torch.zeros(3, 0)}
    content = save(empty | {"1/outputs/y": Y, "3/outputs/y": torch.zeros(3)})
    entry = GoldenFile(file="m.golden.safetensors", sha256=sha256(content))
    (tmp_path / entry.file).write_bytes(content)
    words = {"name": "x", "dtype": "float32", "shape": [-1, -1]}
    card = card_of("float32").model_dump() | {"inputs": [words], "golden": entry}
    with pytest.raises(CardMismatch, match="the input 'x' of 1 rows has no values"):
        read_golden(tmp_path / "m.json", ModelCard.model_validate(card))


@pytest.mark.parametrize(
    ("kind", "row", "words"),
    [
        ("probabilities", [-1.0, 2.0], "values that are no probabilities"),
        # As sigmoids of several labels.
        ("probabilities", [0.9, 0.8], "rows that are no probabilities of classes"),
        ("log_probabilities", [-1.0, 2.0], "values that are no log_probabilities"),
        ("log_probabilities", [-0.1, -0.1], "rows that are no log_probabilities of classes"),
    ],
)
def test_a_kind_that_the_golden_outputs_contradict_is_refused(
    tmp_path: Path, kind: str, row: list[float], words: str
) -> None:
    output = {"name": "y", "dtype": "float32", "shape": [-1, 2], "kind": kind}
    y = torch.tensor([row])
    content = save(THREE | ONE | {"1/outputs/y": y, "3/outputs/y": y.expand(3, 2).contiguous()})
    entry = GoldenFile(file="m.golden.safetensors", sha256=sha256(content))
    (tmp_path / entry.file).write_bytes(content)
    card = card_of("float32").model_dump() | {"outputs": [output], "golden": entry}
    with pytest.raises(CardMismatch, match=f"'y' has {words}"):
        read_golden(tmp_path / "m.json", ModelCard.model_validate(card))
