"""`stateserve predict` with a model of any module, and with files of every format."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from PIL import Image
from torch import Tensor, nn

from stateserve.model import Feature, ImageInput, Input, Output, TensorModel
from tests.app.cli.conftest import Run
from tests.process import Process
from tests.programs import small_archive
from tests.project import IRIS, SETOSA
from tests.tensor_models import lenet, model_of, save_models, two_inputs

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)
FEATURES = [Feature(name="a", minimum=0, maximum=1, example=0.5), Feature(name="b", unit="cm")]
SOURCES = ["checkpoint", "service"]


class Halves(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x / 2


def table() -> TensorModel:
    inputs = [Input(name="x", dtype="float32", shape=[-1, 2], features=FEATURES)]
    price = Output(name="output", dtype="float32", shape=[-1, 2], kind="values", unit="EUR")
    return model_of(Halves(), inputs, [price], {"x": torch.rand(3, 2)}, name="table")


def pictures() -> TensorModel:
    model = lenet()
    [given] = model.card.inputs
    image = given.model_copy(update={"image": ImageInput(mode="L", resize=[8, 8])})
    return replace(model, card=model.card.model_copy(update={"inputs": [image]}))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_models(Path(), pictures(), two_inputs(), table())


def predict(run: Run, model: str, *arguments: str) -> list[str]:
    code, out = run("predict", "--model", model, "--allow-code", *arguments)
    assert code == 0, code
    return out.splitlines()


def probabilities() -> np.ndarray:
    model = lenet()
    with torch.inference_mode():
        logits = model.module(torch.tensor(PIXELS)[None, None] / 255)
    return torch.softmax(logits, 1)[0].numpy()


def test_pictures_are_classified_and_the_most_probable_classes_shown(run: Run) -> None:
    Image.fromarray(PIXELS).save("a.png")
    Image.fromarray(PIXELS).resize((16, 16), Image.Resampling.NEAREST).save("b.PNG", "PNG")
    order = np.argsort(-probabilities())
    header, *rows = predict(run, "lenet/1", "a.png", "--top", "3")
    assert header.split() == ["class", "probability"]
    assert [row.split()[0] for row in rows] == [str(each) for each in order[:3]]
    first, *_ = (json.loads(line) for line in predict(run, "lenet/1", "a.png", "--json"))
    assert list(first["probabilities"].values()) == pytest.approx(probabilities(), abs=1e-5)
    assert first["model"]["name"] == "lenet"
    header, one, two = predict(run, "lenet/1/model.pth", "a.png", "b.PNG")
    assert header.split() == ["file", "class", "probability", "warnings"]
    assert (one.split()[0], two.split()[0]) == ("a.png", "b.PNG")
    assert one.split()[1] == str(order[0])


@pytest.mark.parametrize("suffix", ["npz", "safetensors", "json"])
def test_several_inputs_are_read_from_one_file(run: Run, suffix: str) -> None:
    a, b = np.ones((2, 3), "f4"), np.zeros((2, 2), "f4")
    np.savez("x.npz", a=a, b=b)
    safetensors.numpy.save_file({"a": a, "b": b}, "x.safetensors")
    rows = [{"a": a[0].tolist(), "b": b[0].tolist()}] * 2
    Path("x.json").write_text(json.dumps({"instances": rows}))
    wanted = two_inputs().run({"a": a.copy(), "b": b.copy()})
    answers = [json.loads(line) for line in predict(run, "two/1", f"x.{suffix}", "--json")]
    assert [each["outputs"]["price"] for each in answers] == pytest.approx(wanted["price"])
    assert answers[0]["units"] == {"price": "EUR"}
    header, *rows = predict(run, "two/1", f"x.{suffix}")
    assert header.split() == ["row", "price", "(EUR)", "embedding", "warnings"]
    assert len(rows) == 2


def test_columns_have_options_and_a_table(run: Run) -> None:
    assert predict(run, "table/1", "--a", "4", "--b", "1") == [
        "output        value   ",
        "output (EUR)  [2, 0.5]",
        "a 4 is outside the training range 0 to 1",
    ]
    Path("x.csv").write_text("b (cm),a\n1,0.5\n")
    header, row = predict(run, "table/1", "x.csv")
    assert header.split() == ["b", "a", "output", "(EUR)", "warnings"]
    assert row.split() == ["1", "0.5", "[0.25,", "0.5]"]


@pytest.mark.parametrize("source", SOURCES)
def test_a_tabular_classifier_takes_arrays_and_json(run: Run, source: str, server: Process) -> None:
    chosen = ["--model", str(IRIS)] if source == "checkpoint" else ["--url", server.url]
    Path("one.json").write_text(json.dumps(SETOSA))
    np.save("rows.npy", np.array([list(SETOSA.values())] * 2))
    code, one = run("predict", *chosen, "one.json", "--json")
    assert code == 0
    code, rows = run("predict", *chosen, "rows.npy", "--json")
    assert code == 0
    assert rows == one * 2
    assert json.loads(one)["class"] == "setosa"


REFUSED: dict[tuple[str, ...], str] = {
    ("two/1", "x.npy"): "the model takes no application/x-npy; it takes application/json, app",
    ("two/1", "--a", "1"): "no named columns, but the inputs a float32 [-1, 3], b float32",
    ("two/1", "x.json"): "x.json: /b: missing; float32 of shape [2] is needed",
    ("two/1", "x.json", "x.csv"): "x.csv: of several files, each is one of .json, .npy",
    ("two/1", "nowhere.json"): "nowhere.json: No such file or directory",
    ("two", "x.json"): "two: a folder with 0 models that have a card; name one checkpoint",
    ("table/1", "x.csv"): "x.csv: the header does not name the column 'b'",
}


@pytest.mark.parametrize("arguments", REFUSED)
def test_an_input_that_does_not_fit_is_one_line(run: Run, arguments: tuple[str, ...]) -> None:
    np.save("x.npy", np.ones((1, 3)))
    Path("x.json").write_text('{"a": [1, 2, 3]}')
    Path("x.csv").write_text("a,truth\n1,3\n")
    model, *others = arguments
    code, _ = run("predict", "--model", model, "--allow-code", *others)
    assert REFUSED[arguments] in str(code)
    assert "\n" not in str(code)


def test_a_packed_program_needs_no_permission(run: Run) -> None:
    Path("small.pt2").write_bytes(small_archive())
    code, _ = run("pack", "small.pt2", "--output", "small/1")
    assert code == 0
    np.save("x.npy", np.ones((1, 4), "f4"))
    code, out = run("predict", "--model", "small/1", "x.npy", "--json")
    assert code == 0
    assert json.loads(out)["model"]["name"] == "small"


def test_the_file_of_a_class_runs_only_with_permission(run: Run) -> None:
    code, _ = run("predict", "--model", "two/1", "x.npz")
    assert "nets.py: loading the model runs this file; start with --allow-code" in str(code)
