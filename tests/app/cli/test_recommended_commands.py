"""Commands that an error recommends work, once the names in capitals are replaced."""

import json
import re
import shlex
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.app.cli.conftest import Run
from tests.user_code import NETS, lenet_state, write_code

X = np.random.default_rng(0).random((1, 1, 8, 8), np.float32)
CODE, STATE = ("--code", "nets.py:LeNet"), ("--model", "lenet.pth")


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """nets.py, lenet.pth and x.npy in the working folder."""
    monkeypatch.chdir(tmp_path)
    write_code(Path("nets.py"), NETS)
    torch.save(lenet_state(), "lenet.pth")
    np.save("x.npy", X)


def recommended(text: str, command: str) -> list[str]:
    """The arguments of the command that the text has in backticks."""
    [found] = re.findall(f"`stateserve {command} (.*?)`", text)
    found = found.replace("FILE.py:CLASS", "nets.py:LeNet").replace("NAME", "digits")
    return [command, *shlex.split(found)]


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict", *STATE, "x.npy"),
        ("card", "lenet.pth", "--features", "a,b", "--classes", "c,d"),
    ],
)
def test_a_state_of_another_network_is_packed_as_its_refusal_says(
    run: Run, arguments: tuple[str, ...]
) -> None:
    text = str(run(*arguments)[0])
    assert recommended(text, "serve") == ["serve", *STATE, *CODE, "--example", "x.npy"]
    assert run(*recommended(text, "pack"))[0] == 0
    assert run("predict", "--model", "models/digits/1", "--allow-code", "x.npy")[0] == 0


@pytest.mark.parametrize("option", ["--code", "--code=nets.py:LeNet", "--tops", "--model.pth"])
def test_an_option_of_another_command_is_no_file_of_predict(run: Run, option: str) -> None:
    code, out = run("predict", *STATE, "x.npy", option, "nets.py:LeNet")
    assert code == 2
    assert f"no option '{option.partition('=')[0]}' beside a file; " in out
    assert ("`stateserve pack` takes it" in out) == ("code" in option)


@pytest.mark.parametrize(
    ("model", "made"),
    [
        ({"serializedFile": "script.pt"}, ""),
        ({"serializedFile": "lenet.onnx"}, ""),
        ({"serializedFile": "lenet.pth", "modelFile": "nets.py"}, " --example x.npy"),
        ({"serializedFile": "lenet.pt2"}, " "),
    ],
)
def test_an_archive_of_torchserve_names_its_weights_and_what_makes_a_model(
    run: Run, model: dict[str, str], made: str
) -> None:
    with zipfile.ZipFile("a.mar", "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", json.dumps({"model": model}))
        for name in model.values():
            archive.writestr(name, b"content")
    text = str(run("convert", "a.mar", "s.pth")[0])
    assert f"with its weights in '{model['serializedFile']}'; unpack it and take the file" in text
    assert (f"pack FILE.mar{made.rstrip()} --output FOLDER" in text) == bool(made)


@pytest.mark.parametrize("command", ["predict", "state"])
def test_where_the_model_of_the_settings_is_not_what_names_another_is_said(
    run: Run, command: str
) -> None:
    Path("flowers.csv").write_text("sepal_length\n1\n")
    code, out = run(command, *(["flowers.csv"] if command == "predict" else []))
    assert code == 2
    given = "--model FILE or --url URL" if command == "predict" else "FILE or URL"
    assert f"models/iris-model.pth, that of the settings, does not exist; give {given}" in out
