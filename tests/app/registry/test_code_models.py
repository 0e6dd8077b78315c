"""Models whose code their users bring: found, permitted, loaded and reloaded."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from app.errors import InvalidInput, ModelUnavailable, SettingsError
from app.monitor.metrics import Metrics
from app.registry.bring_code import load_options
from app.registry.folder import Repository
from app.registry.registry import Registry
from app.settings.settings import Settings
from stateserve.errors import CheckpointError, CodeFailed
from stateserve.model import LoadOptions, TensorModel, pack_model
from tests.programs import small_archive
from tests.user_code import NETS, lenet_state, write_code

pytestmark = pytest.mark.anyio
X = np.random.default_rng(0).random((2, 1, 8, 8), np.float32)


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_code(Path("nets.py"))
    torch.save(lenet_state(), "lenet.pth")
    np.save("x.npy", X)


def registry_of(*arguments: str) -> Registry:
    """A registry that serves the models themselves."""
    words = iter(arguments)
    settings = Settings.read(
        {word[2:].replace("-", "_"): word == "--allow-code" or next(words) for word in words}
    )
    load_options(settings)
    registry = Registry(
        Repository.of(settings),
        lambda model: model,  # type: ignore[arg-type, return-value]
        Metrics(),
        options=lambda: load_options(settings),
    )
    registry.load_all()
    return registry


def model_of(registry: Registry, name: str) -> TensorModel:
    model: object = registry.current(name)
    assert isinstance(model, TensorModel)
    return model


class Pickled(nn.Module):
    """Has the parameters of a module, whose own class no pickle finds."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        for name, child in module.named_children():
            self.add_module(name, child)


def outputs(model: TensorModel) -> np.ndarray:
    return model.run({"x": X.copy()})["output"]


SERVE = ("--model", "lenet.pth", "--code", "nets.py:LeNet", "--example", "x.npy")


async def test_a_folder_serves_packed_models_with_permission_and_no_other_file_of_them() -> None:
    options = LoadOptions(code="nets.py:LeNet", example=X)
    pack_model(Path("lenet.pth"), Path("models/digits/1"), options)
    pack_model(Path("lenet.pth"), Path("models/pair.safetensors"), options)
    Path("models/alone.pt2").write_bytes(small_archive())
    Path("models/net.pt2").write_bytes(small_archive())
    pack_model(None, Path("models/named.pth"), LoadOptions(code="models/net.pt2"))
    registry = registry_of("--models", "models", "--model", "digits", "--allow-code")
    assert registry.not_served == []
    served = {(each.name, each.state) for each in registry.statuses()}
    assert served == {(name, "READY") for name in ("alone", "digits", "named", "pair")}
    assert model_of(registry, "digits").classes == []
    refused = registry_of("--models", "models", "--model", "digits")
    with pytest.raises(ModelUnavailable, match=r": nets\.py: loading the model runs this"):
        refused.current("digits")
    assert refused.ready_versions("named") == ["1"]


def add_neighbour() -> None:
    write_code(Path("layers.py"), "SIZE = 144\n")
    write_code(Path("nets.py"), "from layers import SIZE\n" + NETS)


CHANGED = ["model.pth", "model.json", "model.golden.safetensors", "nets.py", "layers.py"]


@pytest.mark.parametrize("name", CHANGED)
async def test_each_file_of_a_model_is_watched(name: str) -> None:
    add_neighbour()
    options = LoadOptions(code="nets.py:LeNet", example=X)
    pack_model(Path("lenet.pth"), Path("models/digits/1"), options)
    repository = Repository.of(Settings.read({"models": "models"}))
    before = repository.scan().models["digits"]
    assert repository.scan().models["digits"] == before
    with Path("models/digits/1", name).open("ab") as file:
        file.write(b" ")
    assert repository.scan().models["digits"] != before


async def test_a_packed_folder_is_a_model_with_its_name_and_version() -> None:
    options = LoadOptions(code="nets.py:LeNet", example=X)
    pack_model(Path("lenet.pth"), Path("models/digits/2"), options)
    registry = registry_of("--model", "models/digits/2", "--allow-code")
    assert registry.ready_versions("digits") == ["2"]
    module = model_of(registry, "digits").module
    with torch.inference_mode():
        expected = module(torch.from_numpy(X)).numpy()
    assert np.allclose(outputs(model_of(registry, "digits")), expected)
    Path("models/digits/2").rename("named")
    assert registry_of("--model", "named", "--allow-code").ready_versions("named") == ["1"]


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize("scripted", [True, False])
async def test_the_state_of_a_whole_module_is_served_with_its_class(
    scripted: bool, caplog: pytest.LogCaptureFixture
) -> None:
    module = model_of(registry_of(*SERVE), "lenet").module
    if scripted:
        torch.jit.trace(module, torch.from_numpy(X)).save("lenet.pth")
    else:
        torch.save(Pickled(module), "lenet.pth")
    with torch.inference_mode():
        expected = module(torch.from_numpy(X)).numpy()
    assert np.allclose(outputs(model_of(registry_of(*SERVE), "lenet")), expected)
    assert "took the state of the whole module" in caplog.text


async def test_a_state_is_reloaded_under_its_code_and_code_under_its_state() -> None:
    registry = registry_of(*SERVE)
    first = outputs(model_of(registry, "lenet"))
    torch.save({name: each * 2 for name, each in lenet_state().items()}, "lenet.pth")
    await registry.refresh()
    second = model_of(registry, "lenet")
    assert not np.allclose(outputs(second), first)
    write_code(Path("nets.py"), NETS.replace("return self.fc", "return 0 * self.fc"))
    await registry.refresh()
    assert (outputs(model_of(registry, "lenet")) == 0).all()
    # What answers a request now keeps its code.
    assert (outputs(second) != 0).any()
    write_code(Path("nets.py"), "1 / 0")
    await registry.refresh()
    assert (outputs(model_of(registry, "lenet")) == 0).all()
    [status] = registry.statuses("lenet")
    assert status.state == "READY"
    assert "ZeroDivisionError" in str(status.reason)


async def test_a_program_keeps_its_code_while_its_state_changes() -> None:
    Path("small.pt2").write_bytes(small_archive())
    registry = registry_of("--model", "small.pt2")
    state = model_of(registry, "small").module.state_dict()
    torch.save({name: each * 0 for name, each in state.items()}, "small.pth")
    registry = registry_of("--model", "small.pth", "--code", "small.pt2")
    found = model_of(registry, "small").run({"x": np.ones((1, 4), np.float32)})["output"]
    torch.save({name: each + 1 for name, each in state.items()}, "small.pth")
    await registry.refresh()
    changed = model_of(registry, "small").run({"x": np.ones((1, 4), np.float32)})["output"]
    assert not np.allclose(found, changed)


async def test_classes_are_read_again_with_their_file() -> None:
    Path("labels.txt").write_text("\n".join("abcdefghij"))
    registry = registry_of(*SERVE, "--classes", "labels.txt")
    assert model_of(registry, "lenet").classes == list("abcdefghij")
    Path("labels.txt").write_text("\n".join("klmnopqrst"))
    await registry.refresh()
    assert model_of(registry, "lenet").classes == list("klmnopqrst")


async def test_settings_describe_what_an_example_does_not_show() -> None:
    registry = registry_of(*SERVE, "--image", '{"mode": "L", "resize": [8, 8]}', "--units", "V")
    signature = model_of(registry, "lenet").signature
    assert signature.inputs[0].image is not None
    assert signature.outputs[0].unit == "V"


async def test_a_program_alone_is_the_model() -> None:
    Path("small.pt2").write_bytes(small_archive())
    assert model_of(registry_of("--code", "small.pt2"), "small").signature.inputs[0].name == "x"


REFUSED: dict[tuple[str, ...], tuple[type[Exception], str]] = {
    ("--models", "models", "--code", "nets.py"): (
        SettingsError,
        r"--code .*: it is for a single model, and --models .* is",
    ),
    ("--model", "lenet.pth", "--example", "x.npy"): (
        SettingsError,
        r"--example .*: it needs --code",
    ),
    ("--code", "digits.onnx"): (
        SettingsError,
        r"--code .*: digits\.onnx is an ONNX file; its graph is not served by itself",
    ),
    SERVE[2:]: (
        SettingsError,
        r"--model .*: nets.py:LeNet needs its state; .* --model FILE",
    ),
    (*SERVE, "--image", "{"): (InvalidInput, r"--image .*: .*not JSON"),
    (*SERVE, "--image", '{"mode": "X"}'): (CheckpointError, "image: mode: 'X'; accepted is 'L', "),
    (*SERVE, "--dynamic", "x"): (
        InvalidInput,
        r"--dynamic .*: .*is not INPUT:AXIS",
    ),
    (*SERVE, "--kwargs", "[]"): (
        InvalidInput,
        r"--kwargs .*: .*not a JSON object",
    ),
    (*SERVE, "--kwargs", "{"): (InvalidInput, r"--kwargs .*: .*not JSON"),
    (*SERVE, "--kwargs", '{"n": 1}'): (CodeFailed, "no argument 'n'"),
    (*SERVE, "--classes", "a,b"): (CheckpointError, "2 classes need an output of shape"),
    ("--model", "lenet.pth", "--code", "nets"): (
        CheckpointError,
        r"nets: code is FILE\.py:CLASS, or FILE\.pt2 of torch\.export, such as nets\.py:CLASS$",
    ),
    ("--model", "lenet.pth", "--code", "nets:LeNet"): (CheckpointError, r"as nets\.py:LeNet$"),
    ("--model", "lenet.pth", "--code", "."): (CheckpointError, r"such as nets\.py:CLASS$"),
    ("--model", "lenet.pth"): (CheckpointError, "it needs its code: `stateserve serve --model"),
}


@pytest.mark.parametrize("arguments", REFUSED)
async def test_settings_that_bring_no_model_are_refused(arguments: tuple[str, ...]) -> None:
    Path("models").mkdir()
    error, reason = REFUSED[arguments]
    with pytest.raises(error, match=reason):
        registry_of(*arguments)


async def test_what_was_inferred_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "app.registry"):
        registry_of(*SERVE)
    text = caplog.text
    assert "lenet.pth: input x float32 [-1, 1, 8, 8]" in text
    assert "lenet.pth: output output float32 [-1, 10], tensor" in text
    assert "no model card: the signature was inferred" in text


@pytest.mark.parametrize("edit", [lambda c: c.write_text("{"), lambda c: c.write_text("[2]")])
async def test_a_broken_card_names_no_file(edit: Callable[[Path], object]) -> None:
    options = LoadOptions(code="nets.py:LeNet", example=X)
    pack_model(Path("lenet.pth"), Path("models/pair.pth"), options)
    edit(Path("models/pair.json"))
    registry = registry_of("--models", "models", "--model", "pair", "--allow-code")
    assert [each.state for each in registry.statuses()] == ["UNAVAILABLE"]
