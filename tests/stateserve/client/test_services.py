"""The methods besides predict: models, versions, differences, explanations, a remote state; and
what a notebook shows."""

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch

from stateserve.checkpoint import read_state
from stateserve.client.client import Client
from stateserve.client.columns import frame_columns, predictions_of
from stateserve.client.predictions import ModelReference, Prediction, PredictionList
from stateserve.errors import Problem
from stateserve.model.signature import Output
from tests.process import Process, running_server
from tests.project import IRIS, SETOSA

ROW = np.array(list(SETOSA.values()))


def test_models_versions_and_their_difference(tmp_path: Path) -> None:
    state = torch.load(IRIS)
    for version in ("1", "2"):
        place = tmp_path / "models" / "iris" / version
        place.mkdir(parents=True)
        torch.save(state, place / "iris.pth")
        state["hidden.bias"] = state["hidden.bias"] + 1
    options = ("--models", "models", "--model", "iris", "--version-policy", "all")
    with running_server(tmp_path / "log", *options, cwd=tmp_path) as server:
        client = Client(server.url)
        listed = client.models()
        assert (listed.default, [each.version for each in listed.models[0].versions]) == (
            "iris",
            ["1", "2"],
        )
        diff = client.diff("1", "2")
        assert [each.name for each in diff.differences if each.changed] == ["hidden.bias"]
        assert diff.differences[1].max_absolute == pytest.approx(1)
        row = {f"feature_{place}": value for place, value in enumerate(SETOSA.values())}
        first, second = (client.predict(row, version=version) for version in "12")
        assert (first.model.version, second.model.version) == ("1", "2")
        assert first.probabilities != second.probabilities
        bias = (
            client.array("hidden.bias", version="2")
            - client.arrays(model="iris", version="1")["hidden.bias"]
        )
        np.testing.assert_allclose(bias, 1)
        with pytest.raises(Problem, match="404"):
            client.card(version="3")
        assert "hidden.bias" in diff._repr_html_()
        assert "iris" in listed._repr_html_()


def test_an_explanation_sums_to_its_score(server: Process) -> None:
    client = Client(server.url)
    for instance in (SETOSA, ROW, torch.tensor(ROW)):
        found = client.explain(instance)
        assert found.label == "setosa"
        assert found.attributions is not None
        assert found.score is not None
        assert found.baseline_score is not None
        total = found.score - found.baseline_score + (found.convergence_delta or 0)
        assert sum(found.attributions.values()) == pytest.approx(total, abs=1e-5)
    assert found.counterfactual is not None
    assert found.counterfactual["class"] != "setosa"
    assert "petal_length" in found._repr_html_()


def test_a_remote_state_downloads_what_is_used(server: Process) -> None:
    state = Client(server.url).open_state()
    wanted = read_state(IRIS)
    assert list(state) == list(wanted)
    assert state.entries["hidden.weight"].shape == [8, 4]
    assert repr(state) == "<state of 4 tensors, 0 downloaded>"
    np.testing.assert_array_equal(state["hidden.weight"], wanted["hidden.weight"])
    assert state["hidden.weight"] is state["hidden.weight"]
    assert repr(state) == "<state of 4 tensors, 1 downloaded>"
    assert "hidden.weight" in state._repr_html_()
    with pytest.raises(KeyError):
        state["absent"]


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text, self.tags = "", set[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_notebook_shows_escaped_tables() -> None:
    name = "<script>alert('&')</script>"
    model = ModelReference(name, "1", "0" * 12)
    one = Prediction(label=name, index=0, probabilities={name: 0.75, "b": 0.25}, model=model)
    other = Prediction(outputs={name: 1.5}, units={name: name}, model=model)
    output = Output(name="y", dtype="float32", shape=[-1, 2], kind="logits", classes=[name, "b"])
    columns = predictions_of({"y": np.zeros((30, 2), np.float32)}, [output], model, 0)
    for shown in (one, PredictionList([one] * 20), PredictionList(), other, columns):
        parser = _Text()
        parser.feed(shown._repr_html_())
        assert "script" not in parser.tags
        if shown:
            assert name in parser.text
    assert "10 of 30 rows" in columns._repr_html_()
    hidden = Prediction(label="a\u202eb", index=0, probabilities={"a\u202eb": 1.0}, model=model)
    assert "a\\u202eb" in hidden._repr_html_()
    assert len(columns[:2]) == 2
    assert columns[-1].label == name


def test_an_interval_has_a_low_and_a_high_column() -> None:
    ends = np.array([[1, 2], [3, 4]], np.float32)
    for name, kind, wanted in [
        ("interval", "values", ["interval_low", "interval_high"]),
        ("interval", "tensor", ["interval_0", "interval_1"]),
        ("y", "values", ["y_0", "y_1"]),
    ]:
        output = Output(name=name, dtype="float32", shape=[-1, 2], kind=kind)
        columns = frame_columns({name: ends}, [output], None, logs=False)
        assert list(columns) == wanted
        np.testing.assert_array_equal(np.array([*columns.values()]).T, ends)
