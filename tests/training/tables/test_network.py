"""A class of the user behind the columns of a table: trained, written, served."""

import json
from pathlib import Path

import pytest
import torch
import typer
from torch import nn
from typer import BadParameter
from typer.testing import CliRunner

from app.settings.settings import Settings
from stateserve.errors import CodeFailed, CodeNotAllowed
from stateserve.model import LoadOptions, load_model
from stateserve.model.architectures import Columns
from tests.service import open_client
from tests.tables import INSTANCE, penguins, train_quickly, write
from training.command import train
from training.errors import DataError
from training.tables import Options

NETS = """
import torch
from torch import nn
from torch.nn import functional

class Net(nn.Module):
    def __init__(self, in_features, out_features, width=4):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(in_features, width), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Linear(width, out_features),
        )

    def forward(self, x):
        return self.layers(x)

class Logs(Net):
    def forward(self, x):
        return torch.log_softmax(self.layers(x), dim=1)

class Lazy(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.LazyLinear(3)

    def forward(self, x):
        return self.layer(x)

def flat(n_inputs):
    return nn.Sequential(nn.Linear(n_inputs, 1), nn.Flatten(0))

class Raises(Net):
    def __init__(self, in_features, out_features):
        raise ValueError("no")

class Needs(Net):
    def __init__(self, depth):
        pass

class Fixed(Net):
    def __init__(self):
        super().__init__(2, 3)

class Narrow(Net):
    def forward(self, x):
        return self.layers(x)[:, :2]

class Nan(Net):
    def forward(self, x):
        return self.layers(x) / 0

class Softmax(Net):
    def forward(self, x):
        return torch.softmax(self.layers(x), dim=1)

class Mapping(Net):
    def forward(self, x):
        return {"y": self.layers(x)}

class Empty(nn.Module):
    def forward(self, x):
        return x[:, :3]

class Detached(Net):
    def forward(self, x):
        return self.layers(x).detach()

class Random(Net):
    def forward(self, x):
        return functional.dropout(self.layers(x))

class OfTheBatch(Net):
    def forward(self, x):
        return self.layers(x - x.mean(dim=0))

class Late(Net):
    def forward(self, x):
        if self.training and len(x) < 16:
            raise RuntimeError("too few rows")
        return self.layers(x)

class Exits(Net):
    def forward(self, x):
        return exit(3) if len(x) == 8 else self.layers(x)
"""


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, NETS, "nets.py")
    return write(tmp_path, penguins())


def options(name: str, **others: int) -> Options:
    return Options(code=f"nets.py:{name}", epochs=1, **others)  # type: ignore[arg-type]


async def test_a_class_is_trained_by_the_command_and_served(table: Path) -> None:
    app = typer.Typer()
    app.command()(train)
    code = ["--code", "nets.py:Net", "--kwargs", '{"width": 6}', "--epochs", "2"]
    result = CliRunner().invoke(app, [str(table), "--target", "species", *code, "--no-report"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert "nets.py:Net(in_features=10, out_features=3, width=6), for float32 [rows, 10]" in (
        result.stdout
    )
    assert "stateserve serve --model models/penguins/1/model.pth --allow-code" in result.stdout
    folder = Path("models/penguins/1")
    assert {path.name for path in folder.iterdir()} == {
        *("model.pth", "model.json", "model.golden.safetensors", "nets.py")
    }
    state = torch.load(folder / "model.pth")
    with pytest.raises(CodeNotAllowed, match="--allow-code"):
        load_model(folder / "model.pth")
    settings = Settings(models=Path("models"), model="penguins", allow_code=True)
    async with open_client(settings) as client:
        answer = (await client.post("/predict", json=INSTANCE)).json()
        unknown = await client.post("/predict", json=INSTANCE | {"island": "Nowhere"})
        entries = (await client.get("/state")).json()["entries"]
    assert list(answer["probabilities"].values()) == pytest.approx(by_hand(state), rel=1e-4)
    assert unknown.status_code == 422
    kinds = {each["name"]: each["kind"] for each in entries}
    assert kinds["columns.mean"] == "buffer"
    assert kinds["network.layers.0.weight"] == "parameter"


def by_hand(state: dict[str, torch.Tensor]) -> list[float]:
    """The probabilities of INSTANCE, by the layers themselves."""
    columns = Columns.sized_as(state)
    layers = nn.Sequential(nn.Linear(10, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3)).eval()
    for module, prefix in ((columns, "columns."), (layers, "network.layers.")):
        part = {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}
        module.load_state_dict(part)
    with torch.inference_mode():
        logits = layers(columns(torch.tensor([[1, 39.5, 0, 1, 2008]])))
    return torch.softmax(logits / state["temperature"], dim=1)[0].tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--name", "a\x1b[31m"], "--name: no file of a model is called 'a\\x1b[31m'"),
        (["--name", ".."], "--name: no file of a model is called '..'"),
        (["--name", "a" * 250], "--name: no file of a model"),
        (["--kwargs", "[" * 5000], "--kwargs: not JSON that is read: nested too deeply"),
    ],
)
def test_options_that_training_cannot_use_are_refused_before_it(
    given: list[str], message: str
) -> None:
    app = typer.Typer()
    app.command()(train)
    arguments = ["absent.csv", "--target", "y", *given]
    with pytest.raises(BadParameter) as caught:
        CliRunner().invoke(app, arguments, standalone_mode=False, catch_exceptions=False)
    assert message in str(caught.value)


def test_log_probabilities_are_as_good_as_logits(table: Path) -> None:
    losses = []
    for name in ("Net", "Logs"):
        path = train_quickly(table, "species", options=options(name))
        losses.append(json.loads(path.with_suffix(".json").read_text())["metrics"]["test_loss"])
    assert losses[0] == pytest.approx(losses[1], rel=0.01)


@pytest.mark.parametrize(("name", "target"), [("Lazy", "species"), ("flat", "bill_length_mm")])
def test_a_lazy_module_and_a_function_load_again(table: Path, name: str, target: str) -> None:
    path = train_quickly(table, target, options=options(name))
    model = load_model(path, options=LoadOptions(allow_code=True))
    kinds = [each.kind for each in model.signature.outputs]
    assert kinds == (["log_probabilities"] if name == "Lazy" else ["values", "values"])


def test_no_batch_has_one_row(table: Path) -> None:
    # 60 rows, of which 41 are trained on.
    train_quickly(table, "species", options=options("Net", batch_size=8))
    card = json.loads((table.parent / "model.json").read_text())
    assert card["table"]["train_rows"] % 8 == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Raises", r"nets\.py:\d+: Raises\(in_features, out_features\) raised ValueError: no"),
        ("Needs", r"nets\.py:Needs needs the arguments depth: --kwargs"),
        ("Absent", r"nets\.py has no class Absent"),
        ("Fixed", r"nets\.py:\d+: forward raised .* nets\.py:Fixed gets float32 \[rows, 10\]"),
        ("Narrow", r"returned float32 \[16, 2\]; 3 classes need logits float32 \[16, 3\]"),
        ("Nan", "returned NaN or infinity"),
        ("Softmax", "returned probabilities; return logits"),
        ("Mapping", "returned a dict"),
        ("Empty", "has no parameters to train"),
        ("Detached", "depends on no parameter"),
        ("Random", "a second pass gives other outputs"),
        ("OfTheBatch", "a row alone gives other outputs"),
        ("Late", r"nets\.py:\d+: forward raised RuntimeError: too few rows"),
        ("Exits", r"nets\.py:\d+: forward raised SystemExit: 3"),
    ],
)
def test_a_module_that_cannot_be_trained_is_one_line(table: Path, name: str, message: str) -> None:
    with pytest.raises(CodeFailed, match=message) as caught:
        train_quickly(table, "species", options=options(name, batch_size=8))
    assert "\n" not in str(caught.value)
    assert not (table.parent / "model.pth").exists()


def test_a_loss_that_is_no_number_ends_the_training(table: Path) -> None:
    wild = Options(code="nets.py:Net", epochs=30, learning_rate=1e30)
    with pytest.raises(DataError, match=r"loss of epoch .* smaller --learning-rate than 1e"):
        train_quickly(table, "species", options=wild)
