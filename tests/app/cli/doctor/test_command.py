"""The command doctor, in this process: its findings, and its exit status."""

import json
import shutil
import socket
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from app.cli.doctor.installation import EXTRAS
from stateserve.model import LoadOptions, pack_model
from tests.app.cli.conftest import Run
from tests.project import IRIS, ROOT
from tests.user_code import lenet_state, write_code


def findings(out: str) -> dict[str, tuple[str, str]]:
    """Level and detail by subject."""
    lines = (line.split(None, 1) for line in out.splitlines()[:-1])
    return {rest.partition(": ")[0]: (level, rest.partition(": ")[2]) for level, rest in lines}


def test_a_whole_installation_passes(run: Run) -> None:
    code, out = run("doctor", "--model", IRIS, "--port", "0")
    found = findings(out)
    assert code == 0
    assert found["torch"] == ("ok", torch.__version__)
    assert found["model iris-model 1"] == ("ok", f"{IRIS} loads; numpy")
    assert found["STATESERVE_PORT"] == ("ok", "0")
    assert out.splitlines()[-1].startswith("0 failed, 0 warned, ")


def test_every_extra_of_the_project_is_known() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    of_developers = {"bench", "dev", "docs", "fuzz", "supply"}
    assert EXTRAS.keys() == declared["optional-dependencies"].keys() - of_developers


def test_an_extra_is_a_failure_only_if_a_setting_needs_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)
    code, out = run("doctor", "--demo", "--port", "0")
    level, detail = findings(out)["extra grpc"]
    assert (code, level) == (0, "ok")
    assert detail == "not installed; it gives --grpc-port (no grpc): pip install '.[grpc]'"
    code, out = run("doctor", "--demo", "--port", "0", "--grpc-port", "0")
    assert code == 1
    assert findings(out)["extra grpc"][0] == "fail"


@pytest.mark.parametrize(
    ("path", "why"), [("/dev/zero", "not a regular file"), ("/etc/passwd", "not TOML")]
)
def test_a_file_without_keys_is_a_failure(run: Run, path: str, why: str) -> None:
    code, out = run("doctor", "--demo", "--port", "0", "--api-keys", path)
    assert code == 1
    assert f"fail  STATESERVE_API_KEYS: {path}: {why}" in out


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("--prediction-log", "x://y", "not sqlite:////FOLDER/FILE.db"),
        ("--prediction-log", "sqlite:////nowhere/log.db", "/nowhere/log.db cannot be written"),
        ("--prediction-log", "postgresql://127.0.0.1:1/log", "no connection: "),
        ("--uds", "a" * 300, "too long"),
        ("--uds", "/nowhere/socket", "No such file or directory"),
        ("--uds", "/dev/null", "a file that is no socket"),
    ],
)
def test_a_place_that_serve_cannot_use_is_a_failure(
    run: Run, option: str, value: str, why: str
) -> None:
    code, out = run("doctor", "--demo", "--port", "0", option, value)
    level, detail = findings(out)[option.removeprefix("--").replace("-", " ")]
    assert (code, level, why in detail) == (1, "fail", True), detail


def test_a_place_that_is_free_stays_free(run: Run, tmp_path: Path) -> None:
    log, path = tmp_path / "log.db", tmp_path / "socket"
    code, _ = run("doctor", "--demo", "--prediction-log", f"sqlite:///{log}", "--uds", path)
    assert (code, log.exists(), path.exists()) == (0, False, False)


def test_each_model_loads_or_has_a_reason(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_code(Path("nets.py"))
    torch.save(lenet_state(), "lenet.pth")
    example = np.zeros((2, 1, 8, 8), np.float32)
    options = LoadOptions(code="nets.py:LeNet", example=example)
    pack_model(Path("lenet.pth"), Path("models/digits/1"), options)
    Path("models/broken.pth").write_bytes(b"PK\x03\x04")
    Path("models/other.onnx").touch()
    code, out = run("doctor", "--models", "models", "--model", "digits", "--port", "0")
    found = findings(out)
    assert code == 1
    level, detail = found["model digits 1"]
    assert (level, "--allow-code" in detail) == ("fail", True)
    assert found["model broken 1"][0] == "fail"
    assert found["not served"][0] == "warn"
    code, out = run("doctor", "--models", "models", "--model", "digits", "--allow-code")
    found = findings(out)
    assert found["model digits 1"] == (
        "ok",
        "models/digits/1/model.pth loads; eager, channels_last",
    )
    assert found["STATESERVE_ALLOW_CODE"][0] == "warn"
    Path("empty").mkdir()
    code, out = run("doctor", "--models", "empty", "--port", "0")
    assert "empty: no model in it; stateserve train makes a model" in findings(out)["models"][1]


@pytest.mark.parametrize(
    ("canary", "shadow", "level", "detail"),
    [
        ("iris:2=0.5", None, "ok", "iris 2 takes 0.5 of the requests"),
        (None, "iris:2", "ok", "iris 2 takes 1 of the requests"),
        ("iris:7=0.1", None, "fail", "no version '7' of iris; known: 1, 2"),
        (None, "other:1", "fail", "no model 'other'; known: iris"),
    ],
)
def test_a_canary_or_shadow_is_judged_as_at_the_start(
    run: Run, tmp_path: Path, canary: str | None, shadow: str | None, level: str, detail: str
) -> None:
    for version in ("1", "2"):
        folder = tmp_path / "iris" / version
        folder.mkdir(parents=True)
        for file in (IRIS, IRIS.with_suffix(".json")):
            shutil.copy(file, folder)
    kind, target = ("canary", canary) if canary else ("shadow", shadow)
    code, out = run("doctor", "--models", tmp_path, "--port", "0", f"--{kind}", target)
    assert code == (level == "fail")
    assert findings(out)[kind] == (level, detail)


def test_a_default_that_is_not_chosen_is_a_failure(run: Run, tmp_path: Path) -> None:
    for name in ("first", "second"):
        for suffix in (".pth", ".json"):
            shutil.copy(IRIS.with_suffix(suffix), tmp_path / f"{name}{suffix}")
    code, out = run("doctor", "--models", tmp_path, "--port", "0")
    assert code == 1
    assert (
        "which is the default? There is first, second; give --models" in findings(out)["models"][1]
    )


def test_what_would_stop_the_start_is_a_failure(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = ("--demo", "--port", port, "--device", "cuda:99", "--workers", "999")
        code, out = run("doctor", *options, "--host", "127.0.0.1", "--json")
    found = {each["subject"]: each for each in json.loads(out)["checks"]}
    assert (code, json.loads(out)["failed"]) == (1, 2)
    assert found["port"]["detail"].startswith("--port (STATESERVE_PORT): Address already in use")
    assert found["device"]["level"] == "fail"
    assert found["threads"]["level"] == "warn"


def test_wrong_settings_are_a_failure_and_the_rest_is_checked(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATESERVE_PROT", "1")
    code, out = run("doctor")
    found = findings(out)
    assert code == 1
    assert found["settings"][1].endswith("did you mean STATESERVE_PORT?")
    assert found["numpy"] == ("ok", np.__version__)
