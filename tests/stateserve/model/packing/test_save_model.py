"""save_model: from a live module to files that give its outputs."""

import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import polars
import pytest
import torch
from torch import Tensor, nn

from stateserve import LoadOptions, load_model, save_model
from stateserve.errors import CardMismatch, CheckpointError, CodeFailed, StateMismatch
from stateserve.model import TensorModel
from stateserve.model.architectures import Columns, Tabular
from stateserve.model.arrays import to_array
from tests.process import forked
from tests.user_code import write_code

X = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    """Constructor arguments that it keeps, one that it does not, and dropout."""

    def __init__(self, n_classes: int, width: int = 5, *, scale: float = 1.0) -> None:
        super().__init__()
        self.n_classes = n_classes
        self.norm = nn.BatchNorm1d(6)
        self.hidden = nn.Linear(6, width)
        self.drop = nn.Dropout(0.5)
        self.out = nn.Linear(width, n_classes)
        self._factor = scale

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.drop(self.hidden(self.norm(x)).relu())) * self._factor


class Repeated(nn.Module):
    """One block, applied forty times."""

    def __init__(self) -> None:
        super().__init__()
        block = nn.Sequential(nn.Linear(6, 6), nn.Tanh())
        self.layers = nn.ModuleList([block] * 40)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class Outer:
    class Inner(nn.Module):
        pass


def loaded(path: Path) -> TensorModel:
    model = load_model(path, options=LoadOptions(allow_code=True))
    assert isinstance(model, TensorModel)
    return model


def outputs(module: nn.Module, x: Tensor) -> np.ndarray:
    module.eval()
    with torch.inference_mode():
        return module(x).numpy()


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_a_block_that_a_module_has_many_times_is_saved_and_served(
    tmp_path: Path, suffix: str
) -> None:
    module = Repeated()
    model = loaded(save_model(module, X, tmp_path / f"model.{suffix}"))
    assert np.allclose(model.run({"x": X.numpy()})["output"], outputs(module, X), atol=1e-6)
    assert len(model.module.state_dict()) == 80
    if suffix == "pth":
        content = (tmp_path / "model.pth").read_bytes()
        assert content.count(module.layers[0][0].weight.detach().numpy().tobytes()) == 1


@pytest.mark.parametrize("program", [False, True])
def test_the_files_give_the_outputs_of_the_module_which_stays_as_it_is(
    tmp_path: Path, program: bool
) -> None:
    torch.manual_seed(0)
    module = Net(3).train()
    module.drop.eval()
    module(X)
    before = {name: each.clone() for name, each in module.state_dict().items()}
    path = save_model(module, X, tmp_path / "m/1", classes=["a", "b", "c"], program=program)
    assert path == tmp_path / "m/1/model.pth"
    assert module.training
    assert not module.drop.training
    assert all(torch.equal(each, before[name]) for name, each in module.state_dict().items())
    model = loaded(path)
    assert model.run({"x": X.numpy()})["output"] == pytest.approx(outputs(module, X), abs=1e-5)
    assert model.card.outputs[0].classes == ["a", "b", "c"]
    assert model.card.name == "m"
    code = json.loads(path.with_suffix(".json").read_text())["code"]
    assert code["kind"] == ("program" if program else "class")
    assert program or code["kwargs"] == {"n_classes": 3}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_a_module_of_another_dtype_is_made_and_served_in_it(
    tmp_path: Path, dtype: torch.dtype
) -> None:
    module = Net(3, 5).to(dtype)
    model = loaded(save_model(module, X, tmp_path / "m/1"))
    name = str(dtype).removeprefix("torch.")
    assert model.signature.lines == [
        f"input x {name} [-1, 6]",
        f"output output {name} [-1, 3], tensor",
    ]
    assert {each.dtype for each in model.module.parameters()} == {dtype}
    with torch.no_grad():
        wanted = module.eval()(X.to(dtype)).double().numpy()
    found = model.run({"x": to_array(X.to(dtype))})["output"].astype(np.float64)
    assert found == pytest.approx(wanted, abs=1e-6)
    code = json.loads((tmp_path / "m/1/model.json").read_text())["code"]
    assert code["dtype"] == name


def test_arguments_that_the_module_does_not_keep_are_given_or_missed(tmp_path: Path) -> None:
    with pytest.raises(CardMismatch, match=r"differs from the given one.* kwargs"):
        save_model(Net(3, scale=2.0), X, tmp_path / "m.pth")
    with pytest.raises(CheckpointError, match=r"hidden\.bias has shape \[7\], not \[5\]"):
        save_model(Net(3, 7), X, tmp_path / "m.pth")
    with pytest.raises(CodeFailed, match=r'needs the arguments n_classes: .* kwargs=\{"n_classes'):
        save_model(Net(3, 7), X, tmp_path / "m.pth", kwargs={"width": 7})
    assert list(tmp_path.iterdir()) == []
    kwargs = {"n_classes": 3, "width": 7, "scale": 2.0}
    module = Net(3, 7, scale=2.0)
    model = loaded(save_model(module, X, tmp_path / "m.pth", kwargs=kwargs))
    assert model.run({"x": X.numpy()})["output"] == pytest.approx(outputs(module, X), abs=1e-5)


@pytest.mark.parametrize("wrap", [nn.DataParallel, partial(torch.compile, backend="eager")])
def test_what_wraps_a_module_is_left_out(
    tmp_path: Path, wrap: Callable[[nn.Module], nn.Module]
) -> None:
    model = loaded(save_model(wrap(Net(2)), X, tmp_path / "m/1"))
    assert "hidden.weight" in model.module.state_dict()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".pickle"])
def test_a_checkpoint_and_its_files_lie_side_by_side(tmp_path: Path, suffix: str) -> None:
    path = save_model(Net(2), X, tmp_path / f"net{suffix}", metrics={"accuracy": 0.9})
    names = {each.name for each in tmp_path.iterdir()}
    assert names == {
        f"net{suffix}",
        "net.json",
        "net.golden.safetensors",
        # The class's file, in the folder of its package.
        "tests",
    }
    assert loaded(path).card.metrics == {"accuracy": 0.9}


def test_an_older_model_is_replaced_with_its_files(tmp_path: Path) -> None:
    save_model(Net(2), X, tmp_path / "m/1")
    (tmp_path / "m/1/notes.txt").touch()
    card = (tmp_path / "m/1/model.json").read_bytes()
    with pytest.raises(FileExistsError, match="there already: overwrite=True replaces it"):
        save_model(Net(2), X, tmp_path / "m/1", program=True)
    assert (tmp_path / "m/1/model.json").read_bytes() == card
    save_model(Net(2), X, tmp_path / "m/1", program=True, overwrite=True)
    assert {each.name for each in (tmp_path / "m/1").iterdir()} == {
        "model.golden.safetensors",
        "model.json",
        "model.pt2",
        "model.pth",
        "notes.txt",
    }
    assert [each.name for each in tmp_path.iterdir()] == ["m"]


def local() -> nn.Module:
    class Local(nn.Module):
        pass

    return Local()


def without_file() -> nn.Module:
    names: dict[str, object] = {"__name__": "prompt", "nn": nn}
    exec("class Typed(nn.Module):\n    pass", names)
    return names["Typed"]()  # type: ignore[operator]


UNKNOWN: dict[str, Callable[[], nn.Module]] = {
    "local.<locals>.Local is defined inside of another definition": local,
    "Outer.Inner is defined inside": Outer.Inner,
    "Typed is in no file: it was defined in a notebook or at a prompt": without_file,
    "Linear is of the installed library torch": lambda: nn.Linear(6, 2),
}


@pytest.mark.parametrize("reason", UNKNOWN)
def test_a_class_without_a_file_of_its_own_can_be_a_program(tmp_path: Path, reason: str) -> None:
    with pytest.raises(CodeFailed, match=r"code='nets\.py:CLASS', or .*program=True") as caught:
        save_model(UNKNOWN[reason](), X, tmp_path / "m/1")
    assert reason in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_loaded_table_without_categories_is_a_program(tmp_path: Path) -> None:
    module = Tabular(Columns(6, 6, 0, 0, 0), [3], classes=2)
    first = loaded(save_model(module, X, tmp_path / "table.pth"))
    program = loaded(save_model(first.module, X, tmp_path / "p/1", program=True))
    (found,) = program.run({"x": X.numpy()}).values()
    assert found == pytest.approx(outputs(module, X))


def test_a_module_of_a_library_is_a_program_or_has_a_function(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(6, 2), nn.ReLU())
    program = loaded(save_model(module, X, tmp_path / "p/1", program=True))
    code = write_code(
        tmp_path / "make.py",
        "from torch import nn\ndef net(n): return nn.Sequential(nn.Linear(6, n), nn.ReLU())",
    )
    named = save_model(module, X, tmp_path / "c/1", code=f"{code}:net", kwargs={"n": 2})
    for model in (program, loaded(named)):
        assert model.run({"input": X.numpy()})["output"] == pytest.approx(outputs(module, X))


SCRIPT = """
import torch
from torch import nn
from layers import block

x = torch.randn(4, 6)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = block(6)
    def forward(self, x):
        return self.block(x)
model = Net()
for epoch in range(2):
    print("epoch", epoch)
from stateserve import save_model
print(save_model(model, x, "models/net/1"))
"""


def test_a_script_without_a_guard_saves_its_class_and_its_neighbours(tmp_path: Path) -> None:
    write_code(tmp_path / "train.py", SCRIPT)
    write_code(
        tmp_path / "layers.py", "from torch import nn\ndef block(n): return nn.Linear(n, 2)\n"
    )
    done = subprocess.run(
        forked("train.py"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("epoch 0\nepoch 1\nmodels/net/1/model.pth\n", "")
    (tmp_path / "layers.py").unlink()
    model = loaded(tmp_path / "models/net/1/model.pth")
    assert set(model.card.files) == {"train.py", "layers.py", "model.golden.safetensors"}


UNGUARDED = """
import torch
from torch import nn
from stateserve import LoadOptions, load_model, save_model

class Net(nn.Linear):
    def __init__(self):
        super().__init__(6, 2)

try:
    CALL
except Exception as error:
    print(type(error).__name__, error)
"""
GUARD = 'put the calls of its training under if __name__ == "__main__":\n'


def test_a_module_that_saves_at_its_import_saves_once(tmp_path: Path) -> None:
    call = "print(save_model(Net(), torch.randn(4, 6), 'models/net/1'))"
    write_code(tmp_path / "run.py", "import train")
    file = write_code(tmp_path / "train.py", UNGUARDED.replace("CALL", call))
    done = subprocess.run(
        forked("run.py"), cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "models/net/1/model.pth\n"
    # At the import for the save, and at that of the written copy.
    refused = [line for line in done.stderr.splitlines(keepends=True) if line.endswith(GUARD)]
    assert refused[0].startswith(f"CodeFailed {file}: save_model is called while the file is")
    assert len(refused) == 2
    file.write_text(file.read_text().replace("try:", "if 1:").partition("except")[0])
    with pytest.raises(CodeFailed, match="save_model is called while the file is imported"):
        save_model(nn.Linear(6, 2), X, tmp_path / "m/1", code=f"{file}:Net")


def test_a_file_that_loads_its_own_model_at_its_import_says_so(tmp_path: Path) -> None:
    torch.save(nn.Linear(6, 2).state_dict(), tmp_path / "net.pth")
    call = "load_model('net.pth', options=LoadOptions(code='train.py', example=torch.randn(4, 6)))"
    write_code(tmp_path / "train.py", UNGUARDED.replace("CALL", f"print({call}.name)"))
    done = subprocess.run(
        forked("train.py"), cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "net\n"
    assert done.stderr.startswith("CodeFailed train.py: its model is loaded while the file is")
    assert done.stderr.count(GUARD) == 1


class Several(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("unit", torch.ones(1))

    def forward(self, first: Tensor, *others: Tensor) -> Tensor:
        return first * self.unit + others[0] - others[1]


class ByName(Several):
    def forward(self, x: Tensor, mask: Tensor | None = None, *, scale: Tensor) -> Tensor:
        return x * scale * self.unit


@pytest.mark.parametrize("program", [False, True])
def test_several_inputs_are_passed_as_forward_takes_them(tmp_path: Path, program: bool) -> None:
    model = loaded(save_model(Several(), (X, X, X), tmp_path / "a/1", program=program))
    names = [each.name for each in model.signature.inputs]
    arrays = {name: np.full((1, 6), 2.0**n, np.float32) for n, name in enumerate(names)}
    assert (model.run(arrays)["output"] == 1 + 2 - 4).all()
    inputs = {"scale": X * 0 + 3, "x": X}
    model = loaded(save_model(ByName(), inputs, tmp_path / "b/1", program=program))
    found = model.run({"x": X.numpy(), "scale": np.full((4, 6), 3, np.float32)})
    assert found["output"] == pytest.approx(X.numpy() * 3)


@pytest.mark.parametrize("program", [False, True])
def test_axes_that_must_be_equal_are_in_the_card(tmp_path: Path, program: bool) -> None:
    inputs = {"x": X, "mask": X, "scale": X}
    dynamic = {name: [1] for name in inputs}
    model = loaded(
        save_model(WithMask(), inputs, tmp_path / "m/1", program=program, dynamic=dynamic)
    )
    assert model.card.equal_axes == [["x:1", "mask:1"]]
    assert [each.shape for each in model.signature.inputs] == [[-1, -1]] * 3


class WithMask(ByName):
    def forward(self, x: Tensor, mask: Tensor, scale: Tensor) -> Tensor:
        return (x * mask).sum(1) * scale.sum(1) * self.unit


def test_the_log_names_axes_that_could_have_any_length(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save_model(Several(), (X, X, X), tmp_path / "m/1")
    (record,) = caplog.records
    assert "axis 1 of first, axis 1 of others_0, axis 1 of others_1" in record.getMessage()
    assert "--dynamic first:1,others_0:1,others_1:1" in record.getMessage()


class Means(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((1, 2, 3))


@pytest.mark.parametrize("program", [False, True])
def test_advice_is_logged_once_and_as_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, program: bool
) -> None:
    noise = torch.rand(2, 1, 8, 8)
    with caplog.at_level("INFO", "stateserve.model"):
        save_model(Means(), noise, tmp_path / "m/1", image={"mode": "L"}, program=program)
    for advice in ("the example is noise", "fixed to the lengths of the example"):
        levels = [each.levelname for each in caplog.records if advice in each.getMessage()]
        assert levels == ["WARNING"]


def test_a_program_that_cannot_be_exported_says_why(tmp_path: Path) -> None:
    class Branch(Several):
        def forward(self, x: Tensor) -> Tensor:
            return x if x.sum() > 0 else -x

    with pytest.raises(CheckpointError) as caught:
        save_model(Branch(), X.abs(), tmp_path / "m/1", program=True)
    assert "torch.export: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_module_without_a_state_is_saved_and_loaded(tmp_path: Path) -> None:
    class Twice(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * 2

    model = loaded(save_model(Twice(), X, tmp_path / "twice/1", program=True))
    assert (model.run({"x": X.numpy().copy()})["output"] == X.numpy() * 2).all()


@pytest.mark.filterwarnings("ignore:Lazy modules:UserWarning")
@pytest.mark.parametrize("make", [lambda: nn.LazyLinear(3), lambda: nn.Linear(6, 3, device="meta")])
def test_a_module_whose_state_has_no_values_is_refused(
    make: Callable[[], nn.Module], tmp_path: Path
) -> None:
    with pytest.raises(StateMismatch, match="'weight' of the state has no values"):
        save_model(make(), X, tmp_path / "m/1", program=True)


REFUSED: dict[str, dict[str, object]] = {
    "module: of type OrderedDict; accepted is a torch.nn.Module": {"module": Net(3).state_dict()},
    "module: the class; accepted is a torch.nn.Module": {"module": Net},
    "path: of type NoneType; accepted is a folder": {"path": None},
    "the card: name: ": {"name": "a" * 1001},
    "name: 3 of type int; accepted: a text": {"name": 3},
    "kwargs: [1] of type list; accepted: values of JSON": {"kwargs": [1]},
    "hyperparameters 'layers': [1, 2] of type list; accepted: booleans": {
        "hyperparameters": {"lr": 0.1, "layers": [1, 2]}
    },
    "metrics 'loss': nan of type float; accepted: finite numbers": {"metrics": {"loss": np.nan}},
    "units: ['cm', 'm']; accepted is a text, or texts by output": {"units": ["cm", "m"]},
    "units: {'output': 3}; accepted is a text": {"units": {"output": 3}},
    "features: 'a,b'; accepted is a list of columns": {"features": "a,b"},
    "features: [1, 2]; accepted is a list of columns": {"features": [1, 2]},
    "dynamic: 'x:1'; accepted is a list of axes": {"dynamic": "x:1"},
    "dynamic: {'x': 1}; accepted is a list of axes": {"dynamic": {"x": 1}},
    'image: \'L\'; accepted is a dict, such as {"mode": "L"': {"image": "L"},
    "tokens: 100; accepted is a dict": {"tokens": 100},
    "the example is of type DataFrame; accepted is an array or a tensor: df.to_numpy(), and": {
        "example_inputs": polars.DataFrame({"a": [1.0]})
    },
    "the example x is a dict; an argument that is a dict": {"example_inputs": {"x": {"x": X}}},
    "forward has no argument 'y'; it takes x; an argument that": {"example_inputs": {"y": X}},
    "the model's inputs are not known; give an example": {"example_inputs": None},
}


@pytest.mark.parametrize("reason", REFUSED)
def test_an_argument_of_another_type_is_refused_in_one_line(reason: str, tmp_path: Path) -> None:
    given = {"module": Net(3), "example_inputs": X, "path": tmp_path / "m/1"} | REFUSED[reason]
    with pytest.raises(CardMismatch) as caught:
        save_model(**given)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_what_was_inferred_and_how_to_serve_it_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "stateserve.model"):
        path = save_model(Net(3), X.double(), tmp_path / "m/1", classes=range(3))
    lines = [each.getMessage().removeprefix(f"{path}: ") for each in caplog.records]
    assert lines == [
        "input x float32 [-1, 6]",
        "output output float32 [-1, 3], logits",
        "x is float32 as the module's parameters; the example is float64",
        f"to serve it: stateserve serve --models {tmp_path} --model m --allow-code",
    ]


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text("")
    with pytest.raises(FileExistsError, match="a file, where a folder belongs"):
        save_model(nn.Linear(6, 2), X, tmp_path / "nets.py", program=True)
