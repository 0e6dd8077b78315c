"""`python -m training`, run as a command."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_wine

from stateserve import load_model
from stateserve.model.predictor import Predictor
from tests import rest
from tests.process import forked, running_server
from tests.project import IRIS, ROOT
from tests.tables import penguins, write


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(forked(*command), cwd=ROOT, capture_output=True, text=True, check=False)


def train(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run("training", *arguments)


def test_the_committed_card_says_what_the_recipe_is() -> None:
    card = json.loads(IRIS.with_suffix(".json").read_text())
    assert card["metrics"]["test_accuracy"] >= 0.95
    assert card["metrics"]["seeds"]["count"] == 20
    assert card["metrics"]["seeds"]["mean_test_accuracy"] >= 0.95
    hyperparameters = card["hyperparameters"]
    recipe = [hyperparameters[key] for key in ("epochs", "batch_size", "learning_rate")]
    assert recipe == [100, 5, 0.001]
    assert card["split"] == {"train_rows": 105, "test_rows": 45, "test_size": 0.3}


def test_another_data_set_is_trained_served_and_inspected(tmp_path: Path) -> None:
    wine = load_wine(as_frame=True)
    frame = wine.frame.assign(target=wine.target_names[wine.target])
    frame.to_csv(tmp_path / "wine.csv", index=False)
    source = ["--data", str(tmp_path / "wine.csv"), "--target", "target", "--batch-norm"]
    result = train(*source, "--output", str(tmp_path), "--seeds", "2", "--epochs", "5")
    assert (result.returncode, result.stderr) == (0, "")
    assert "epoch 5/5" in result.stdout
    assert "class_0: precision" in result.stdout
    calibration = json.loads((tmp_path / "wine.json").read_text())["calibration"]
    assert f"calibration error on {calibration['measured_rows']} test rows: " in result.stdout
    for when in ("before", "after"):
        found = calibration[when]
        low, high = found["expected_calibration_error_interval"]
        error = f"{found['expected_calibration_error']:.4f}"
        assert f"{error} (95 % interval {low:.4f} to {high:.4f}) {when}" in result.stdout
    plots = sorted(path.name for path in (tmp_path / "plots").iterdir())
    assert plots == ["wine-confusion.png", "wine-loss.png", "wine-regions.png"]
    flower = frame.iloc[0].drop("target").to_dict()
    model = str(tmp_path / "wine.pth")
    with running_server(tmp_path / "log", "--model", model) as running:
        answer = rest.post(f"{running.url}/predict", json=flower).json()
        assert answer["class"] == "class_0"
        assert answer["model"]["name"] == "wine"
        mean = rest.get(f"{running.url}/state/norm.running_mean").json()
        assert (mean["kind"], mean["shape"]) == ("buffer", [13])
        assert running.stop() == 0


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    result = train("--dry-run", "--output", str(tmp_path))
    assert result.returncode == 0
    assert "would train 100 epochs" in result.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [["--seeds", "0"], ["examples/wine.csv", "--target", "cultivar", "--no-report"]]
)
def test_an_output_with_the_suffix_of_a_state_is_the_model_itself(
    tmp_path: Path, arguments: list[str]
) -> None:
    output = tmp_path / "models/d.safetensors"
    result = train(*arguments, "--epochs", "1", "--output", str(output))
    assert f"wrote {output}" in result.stdout
    assert load_model(output).name == "d"


def test_without_a_folder_for_temporary_files_one_line_says_what_is_needed() -> None:
    # No file may have a byte; a fork of the tests' server has found its folder already.
    command = ["sh", "-c", 'ulimit -f 0; exec "$0" -m training', sys.executable]
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("stateserve: training needs a folder for temporary files, ")
    assert refused.stderr.endswith("TMPDIR=FOLDER\n")


def test_a_model_of_other_data_is_replaced_with_a_warning(tmp_path: Path) -> None:
    options = ["--target", "cultivar", "--epochs", "1", "--no-report", "--hidden", "linear"]
    options += ["--name", "w", "--output", str(tmp_path)]
    first, again = (train("examples/wine.csv", *options).stdout for _ in range(2))
    assert "replaced" not in first
    assert f"replaced {tmp_path}/w.pth, trained on wine.csv\nwrote " in again
    assert "warning" not in again
    other = train("examples/wine.csv", *options, "--target", "alcohol").stdout
    warning = f"warning: this run replaces {tmp_path}/w.pth, a model that predicts cultivar: "
    assert other.index(warning) < other.index("trained ")
    assert f"replaced {tmp_path}/w.pth" in other


def test_options_reach_the_card(tmp_path: Path) -> None:
    options = [
        "--seeds",
        "0",
        "--epochs",
        "2",
        "--batch-size",
        "10",
        "--learning-rate",
        "0.01",
        "--hidden",
        "3",
    ]
    result = train(*options, "--test-size", "0.5", "--name", "small", "--output", str(tmp_path))
    assert result.returncode == 0, result.stderr
    card = Predictor.load(tmp_path / "small.pth").card
    assert (card.name, card.architecture.n_hidden, card.metrics.seeds) == ("small", 3, None)
    assert (card.hyperparameters.epochs, card.hyperparameters.batch_size) == (2, 10)
    assert (card.hyperparameters.learning_rate, card.split.test_rows) == (0.01, 75)
    assert torch.load(tmp_path / "small.pth")["hidden.weight"].shape == (3, 4)


def test_the_precision_of_a_class_that_no_row_was_given_is_undefined(tmp_path: Path) -> None:
    # Steps so short that the network does not change.
    untrained = ["--epochs", "1", "--learning-rate", "1e-12", "--seeds", "0"]
    result = train(*untrained, "--name", "untrained", "--output", str(tmp_path))
    assert result.returncode == 0, result.stderr
    card = json.loads((tmp_path / "untrained.json").read_text())
    precisions = {name: each["precision"] for name, each in card["metrics"]["per_class"].items()}
    never = [name for name, precision in precisions.items() if precision is None]
    assert never
    for name in precisions:
        assert (f"{name}: precision undefined, recall 0.000" in result.stdout) == (name in never)
    with running_server(tmp_path / "log", "--model", str(tmp_path / "untrained.pth")) as running:
        served = rest.get(f"{running.url}/model").json()["card"]["metrics"]["per_class"]
        assert {name: each["precision"] for name, each in served.items()} == precisions
        assert running.stop() == 0


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--data", "absent.csv", "--target", "y"], 1, "stateserve: absent.csv: No such file"),
        (["--target", "y"], 2, "--target is a column of a table: give DATA, too"),
        (["examples/wine.csv"], 1, "Perhaps --target cultivar; the columns are alcohol"),
        (["--batch-norm", "--batch-size", "1"], 2, "--batch-size 2 or more"),
        (["--epochs", "1_0"], 2, "--epochs: '1_0' is not a whole number"),
        (["--output", "d.pt"], 2, "--output d.pt: states are served from .pth, .safetensors"),
        (["--output", "d.PTH"], 2, "--output d.PTH: states are served from .pth"),
        (["--output", "d.pth", "--name", "d"], 2, "--output d.pth is the name already; leave"),
        (["--output", "/dev/null/models"], 1, "--output /dev/null/models: a file, where a folder"),
        (["--output", "/proc/x", "--dry-run"], 1, "--output /proc/x: cannot be written to: "),
        (
            ["examples/wine.csv", "--target", "cultivar", "--output", "/proc/x", "--dry-run"],
            1,
            "--output /proc/x: cannot be written to: ",
        ),
    ],
)
def test_mistakes_end_with_a_message(arguments: list[str], status: int, message: str) -> None:
    result = train(*arguments)
    assert result.returncode == status
    assert message in result.stderr
    assert "trained" not in result.stdout
    assert "epoch" not in result.stdout
    assert "Traceback" not in result.stderr


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    table, output = write(tmp_path, penguins()), tmp_path / "models"
    output.mkdir()
    options = ["--output", str(output), "--hidden", "linear", "--epochs", "1"]
    command = ("training", str(table), "--target", "species", *options)
    full = run("tests.restricted", "small_files", "1000", "--", *command)
    said = f"stateserve: {output}: File too large\n"
    assert (full.returncode, full.stderr) == (1, said)
    assert not list(output.iterdir())
