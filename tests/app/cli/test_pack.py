"""`stateserve pack`: from a class, a state and an example to files that serve."""

import errno
import json
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from stateserve import LoadOptions, load_model
from stateserve.checkpoint import state_sha256
from stateserve.model import TensorModel
from tests.app.cli.conftest import Run
from tests.user_code import NETS, lenet_state, write_code

X = np.random.default_rng(0).random((1, 8, 8))
OUTPUT = ("--output", "models/digits/1")


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """nets.py, lenet.pth, x.npy and labels.txt in the working folder."""
    monkeypatch.chdir(tmp_path)
    write_code(Path("nets.py"), NETS + "print('imported')\n")
    torch.save(lenet_state(), "lenet.pth")
    np.save("x.npy", X)
    Path("labels.txt").write_text("\n".join(f"digit {n}" for n in range(10)) + "\n")


def pack(run: Run, *more: object) -> tuple[object, str]:
    return run("pack", "nets.py:LeNet", "lenet.pth", "--example", "x.npy", *OUTPUT, *more)


def packed(path: str = "models/digits/1/model.pth") -> TensorModel:
    model = load_model(path, options=LoadOptions(allow_code=True))
    assert isinstance(model, TensorModel)
    return model


MASKED = """
from torch import nn

class Masked(nn.Module):
    def forward(self, x, mask):
        return (x * mask).sum(1)
"""


def test_axes_that_are_fixed_or_must_be_equal_are_shown(run: Run) -> None:
    write_code(Path("masked.py"), MASKED)
    torch.save({}, "none.pth")
    np.savez("rows.npz", x=np.ones((2, 6), np.float32), mask=np.ones((2, 6), bool))
    parts = ("masked.py:Masked", "none.pth", "--example", "rows.npz")
    code, out = run("pack", *parts, "--output", "models/masked/1")
    assert code == 0
    assert "for any length give --dynamic x:1,mask:1, or dynamic={" in out
    dynamic = ("--dynamic", "x:1,mask:1")
    code, out = run("pack", *parts, "--output", "models/masked/2", *dynamic)
    assert code == 0
    assert "of equal lengths: axis 1 of x, axis 1 of mask" in out.splitlines()
    assert "for any length" not in out
    code, out = run("pack", *parts, "--output", "models/masked/3", *dynamic, "--json")
    assert json.loads(out)["equal_axes"] == [["x:1", "mask:1"]]


def test_what_was_inferred_is_shown_with_the_command_that_serves_it(run: Run) -> None:
    code, out = pack(run, "--classes", "labels.txt", "--image", '{"mode": "L"}')
    assert code == 0
    assert out.splitlines() == [
        "name    dtype    shape          what                        ",
        "x       float32  [-1, 1, 8, 8]  input, image                ",
        "output  float32  [-1, 10]       output, logits of 10 classes",
        "x is float32 as the module's parameters; the example is float64",
        "the example has no batch axis; one was put in front",
        "x: the example is noise, or one colour, and nothing to try the model with; give a "
        "picture, --example FILE.png, or the tensors of pictures as example_inputs",
        "wrote models/digits/1: nets.py, model.golden.safetensors, model.pth, model.json",
        "to serve it: stateserve serve --models models --model digits --allow-code",
        "imported",
        "imported",
    ]
    model = packed()
    assert model.card.outputs[0].classes == [f"digit {n}" for n in range(10)]
    assert model.card.inputs[0].image is not None
    assert model.card.name == "digits"


def test_a_picture_is_the_example_of_an_input_of_pictures(run: Run) -> None:
    picture = Image.radial_gradient("L").resize((8, 8))
    picture.save("digit.png")
    code, out = pack(run, "--image", '{"mode": "L"}', "--example", "digit.png")
    assert code == 0
    assert "noise" not in out
    model = packed()
    np.testing.assert_allclose(model.example["x"][0, 0], np.asarray(picture) / 255, rtol=1e-6)
    assert not model.example_is_noise


def test_a_state_of_another_dtype_than_the_class_makes_is_noted(run: Run) -> None:
    halves = {
        name: each.half() if each.is_floating_point() else each
        for name, each in lenet_state().items()
    }
    torch.save(halves, "lenet.pth")
    code, out = pack(run)
    assert code == 0
    assert "the model computes in float32, as its code makes it, though the state is float16" in out
    made = "def made():\n    return LeNet().to(torch.float16)\n"
    write_code(Path("nets.py"), NETS + made)
    output = ("--output", "models/half/1")
    code, out = run("pack", "nets.py:made", "lenet.pth", "--example", "x.npy", *output)
    assert code == 0
    assert "though the state is" not in out
    assert packed("models/half/1/model.pth").signature.inputs[0].dtype == "float16"


def test_the_state_of_a_whole_module_is_packed_and_its_code_is_not_run(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    torch.save(Whole(), "lenet.pth")
    init = "    def __init__(self):\n        super().__init__(1, 2, 3)\n"
    write_code(Path("nets.py"), f"from torch import nn\nclass LeNet(nn.Conv2d):\n{init}")
    assert pack(run)[0] == 0
    assert "took the state of the whole module tests.app.cli.test_pack.Whole, whose" in caplog.text
    assert torch.load("models/digits/1/model.pth")["bias"].tolist() == [3, 3]


class Whole(nn.Conv2d):
    def __init__(self) -> None:
        super().__init__(1, 2, 3)
        nn.init.constant_(self.bias, 3)

    def __setstate__(self, state: object) -> None:
        raise SystemExit("the code of the file was run")


def test_json_is_the_only_output_of_a_file_that_prints(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = pack(run, "--json", "--name", "Digits", "--units", "V")
    assert code == 0
    content = json.loads(out[: out.index("imported")])
    assert content["serve"] == "stateserve serve --models models --model digits --allow-code"
    assert content["inputs"] == [
        {"name": "x", "dtype": "float32", "shape": [-1, 1, 8, 8], "finite": True}
    ]
    assert content["outputs"][0]["unit"] == "V"
    assert packed().card.name == "Digits"


def test_a_forward_that_fails_is_named_with_its_line(run: Run) -> None:
    path = Path("nets.py")
    path.write_text(path.read_text().replace("        x = torch.relu(", "        x.missing("))
    line = next(n for n, each in enumerate(path.read_text().splitlines(), 1) if "missing" in each)
    code, _ = pack(run)
    assert f": nets.py:{line}: the model's forward raised AttributeError: " in str(code)


def test_what_a_forward_writes_is_not_in_the_output(run: Run) -> None:
    written = "import sys; sys.stdout.write('written'); x = torch.relu"
    write_code(Path("nets.py"), NETS.replace("x = torch.relu", written))
    code, out = pack(run, "--json")
    assert code == 0
    assert json.loads(out[: out.index("written")])["files"]


def test_files_are_replaced_only_if_told(run: Run) -> None:
    assert pack(run)[0] == 0
    assert pack(run)[0] == 0, "the same files again change nothing"
    assert "there already; --force replaces it" in str(pack(run, "--name", "other")[0])
    assert packed().card.name == "digits"

    assert pack(run, "--name", "other", "--force")[0] == 0
    assert packed().card.name == "other"


def test_a_program_is_packed_and_takes_other_lengths(run: Run) -> None:
    write_code(
        Path("text.py"),
        """
        from torch import nn
        class Text(nn.Module):
            def __init__(self, size):
                super().__init__()
                self.table = nn.Embedding(size, 3)
            def forward(self, ids, mask=None):
                found = self.table(ids)
                return found.sum(1) if mask is None else (found * mask[..., None]).sum(1)
        """,
    )
    torch.save(nn.Embedding(9, 3).state_dict(), "part.pth")
    torch.save({"module.table.weight": torch.load("part.pth")["weight"]}, "text.pth")
    np.savez("ids.npz", ids=np.array([[1, 2, 3, 8]]), mask=np.ones((1, 4), np.float32))
    arguments = ("--example", "ids.npz", "--kwargs", '{"size": 9}', "--dynamic", "ids:1,mask:1")
    prefix, tokens = ("--strip-prefix", "module."), ("--tokens", '{"ids": {"vocabulary": 9}}')
    code, out = run(
        "pack", "text.py", "text.pth", *arguments, *prefix, *tokens, *OUTPUT, "--program"
    )
    assert code == 0
    assert "to serve it: stateserve serve --models models --model digits\n" in out
    Path("text.py").unlink()
    model = packed()
    assert model.signature.lines[0] == "input ids int64 [-1, -1]"
    table = torch.load("part.pth")["weight"].numpy()
    ids, mask = np.array([[4, 5, 6, 7, 8, 0]]), np.ones((1, 6), np.float32)
    found = model.run({"ids": ids, "mask": mask})["output"]
    assert found == pytest.approx(table[ids].sum(1))
    again = run("pack", "models/digits/1/model.pt2", "--output", "models/more/3", "--json")
    assert again[0] == 0
    assert packed("models/more/3/model.pth").signature.lines == model.signature.lines


def test_each_prefix_is_taken_off_what_the_one_before_left(run: Run) -> None:
    wrapped = {f"module._orig_mod.{name}": each for name, each in lenet_state().items()}
    torch.save(wrapped, "lenet.pth")
    assert pack(run, "--strip-prefix", "module", "--strip-prefix", "_orig_mod.")[0] == 0
    assert packed().state_sha256 == state_sha256(lenet_state())


REFUSED: dict[tuple[str, ...], str] = {
    ("--kwargs", "[1]"): "--kwargs: not a JSON object",
    ("--kwargs", "{"): "--kwargs: not JSON: ",
    ("--kwargs", '{"n": 1, "n": 2}'): "--kwargs: the key 'n' stands twice in one object",
    ("--kwargs", '{"n": 1}'): "nets.py:LeNet has no argument 'n'; it takes n_classes",
    ("--image", "28x28"): """accepted is such as {"mode": "L", "resize": [28, 28]}""",
    ("--image", "[28, 28]"): """not a JSON object, such as {"mode": "L", "resize": [28, 28]}""",
    ("--tokens", "100"): """not a JSON object, such as {"vocabulary": 1000, "pad": 0}""",
    ("--image", '{"mode": "X"}'): "image: mode: 'X'; accepted is 'L', 'RGB' or 'RGBA'",
    ("--image", '{"mode": "RGB"}'): "lenet.pth: x: the image gives [3, -1, -1], not [1, 8, 8]",
    ("--image", '{"y": {"mode": "L"}}'): "image: no 'y'; the names are x",
    (
        "--classes",
        "a,b",
    ): "lenet.pth: 2 classes need an output of shape [rows, 2]; the outputs are",
    ("--classes", "nowhere.txt"): "nowhere.txt: No such file",
    ("--dynamic", "x"): "--dynamic: 'x' is not INPUT:AXIS, such as ids:1",
    ("--dynamic", "x:1"): "lenet.pth: dynamic: the forward takes no other length",
    ("--features", "a,,b"): "--features: name 2 of 3 is empty",
    ("--units", "a=,b=x"): "--units: give NAME=VALUE",
    ("--strip-prefix", "module."): "lenet.pth: no name begins with 'module.'; it has ",
    ("--example", "digit.png"): "digit.png: a picture is an example of one input, and --image says",
    ("--example", "labels.txt"): "labels.txt: an example is a file .npy, .npz or .safetensors",
}


@pytest.mark.parametrize("more", REFUSED)
def test_what_cannot_be_packed_is_refused_in_one_line_and_writes_nothing(
    run: Run, more: tuple[str, ...]
) -> None:
    code, out = pack(run, *more)
    # With status 1 the code is the text of the error: the output has what the user's file prints.
    said = out.rstrip() if code == 2 else str(code)
    assert REFUSED[more] in said
    assert "\n" not in said
    assert not any(Path("models").glob("*"))


@pytest.mark.parametrize("suffix", [".pt", ".PTH", ".onnx", ".pt2", ".json"])
def test_an_output_is_no_other_file(run: Run, suffix: str) -> None:
    parts = ("nets.py:LeNet", "lenet.pth", "--example", "x.npy")
    code, out = run("pack", *parts, "--output", f"models/digits{suffix}")
    assert code == 2
    assert f"--output models/digits{suffix}: states are served from .pth, .safe" in out
    assert not Path("models").exists()
    Path("digits.bin").mkdir()
    assert run("pack", *parts, "--output", "digits.bin")[0] == 0


def without_temporary_folder() -> str:
    raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")


def test_what_needs_a_folder_for_temporary_files_says_so(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pack(run, "--program")[0] == 0
    monkeypatch.setattr(tempfile, "gettempdir", without_temporary_folder)
    parts = ("pack", "nets.py:LeNet", "lenet.pth", "--example", "x.npy", "--output", "models/d/1")
    program = ("predict", "--model", "models/digits/1/model.pth", "x.npy")
    archive = ("pack", "x.mar", "--output", "models/d/1")
    for command in ((*parts, "--program"), (*parts, "--onnx"), program, archive):
        code, _ = run(*command)
        assert "needs a folder for temporary files, and none can be written to" in str(code)
        assert "\n" not in str(code)
    assert run(*parts)[0] == 0


def test_a_state_and_an_output_are_needed(run: Run) -> None:
    assert "a class has no state" in str(run("pack", "nets.py:LeNet", *OUTPUT)[0])
    code, out = run("pack", "nets.py:LeNet", "lenet.pth")
    assert (code, "--output FOLDER is missing" in out) == (2, True)


def test_an_archive_of_torchserve_is_packed_with_its_own_state(run: Run) -> None:
    with zipfile.ZipFile("digits.mar", "w") as archive:
        archive.write("nets.py")
        archive.write("lenet.pth")
        model = {"modelName": "digits", "modelFile": "nets.py", "serializedFile": "lenet.pth"}
        archive.writestr("MAR-INF/MANIFEST.json", json.dumps({"model": model}))
    code, out = run("pack", "digits.mar", "lenet.pth", *OUTPUT)
    assert code == 2
    assert "leave out lenet.pth" in out
    code, out = run("pack", "digits.mar", "--example", "x.npy", *OUTPUT)
    assert code == 0, out
    assert packed().card.name == "digits"


POOLED = """
from torch import nn

class Pooled(nn.Sequential):
    def __init__(self):
        super().__init__(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
"""


def test_an_example_picture_becomes_an_input_by_the_handler_of_the_archive(run: Run) -> None:
    model = {"modelFile": "pooled.py", "serializedFile": "p.pt", "handler": "image_classifier"}
    torch.save({"2.weight": torch.ones(2, 3), "2.bias": torch.zeros(2)}, "p.pt")
    with zipfile.ZipFile("pooled.mar", "w") as archive:
        archive.writestr("pooled.py", POOLED)
        archive.write("p.pt")
        archive.writestr("MAR-INF/MANIFEST.json", json.dumps({"model": model}))
    picture = Image.radial_gradient("L").convert("RGB")
    picture.save("a.png")
    code, out = run("pack", "pooled.mar", "--example", "a.png", *OUTPUT)
    assert (code, "noise" in out) == (0, False)
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[:, 16:240, 16:240] / 255
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[..., None, None]
    expected = ((pixels - mean) / std)[np.newaxis].numpy()
    np.testing.assert_allclose(packed().example["input"], expected, rtol=1e-5, atol=1e-6)
