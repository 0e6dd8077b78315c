"""`stateserve predict` with a checkpoint and with a service."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from app.cli import main
from stateserve.model.architectures.multiclass import Multiclass
from tests import rest
from tests.app.cli.conftest import Run
from tests.process import Process, forked
from tests.project import IRIS, ROOT, SETOSA

OPTIONS = ["--sepal-length", "5.1", "--sepal-width=3.5", "--petal_length", "1.4"]
OPTIONS += ["--petal-width", "0.2"]


@pytest.fixture(params=["checkpoint", "service"])
def source(request: pytest.FixtureRequest, server: Process) -> list[str]:
    """A checkpoint and a service; both must give the same answer."""
    return ["--model", str(IRIS)] if request.param == "checkpoint" else ["--url", server.url]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "flowers.csv"
        path.write_text(text)
        return path

    return write


def test_one_flower_by_options(run: Run, source: list[str]) -> None:
    code, out = run("predict", *OPTIONS, *source)
    assert code == 0
    header, first, *others = [line.split() for line in out.splitlines()]
    assert header == ["class", "probability"]
    assert first[0] == "setosa"
    assert [line[0] for line in others] == ["versicolor", "virginica"]
    assert float(first[1]) > float(others[0][1]) > float(others[1][1])


def test_for_programs_it_is_the_services_answer(
    run: Run, source: list[str], server: Process
) -> None:
    code, out = run("predict", *OPTIONS, *source, "--json", "--log-probabilities")
    assert code == 0
    query = {"log_probabilities": True}
    answer = rest.post(f"{server.url}/predict", params=query, json=SETOSA).json()
    assert json.loads(out) == answer
    assert list(json.loads(out)) == list(answer)


def test_a_table(run: Run, source: list[str], write: Callable[[str], Path]) -> None:
    # Columns in another order, one with its unit, a byte order mark, blank lines, spaces.
    header = "\ufeffpetal_width,petal_length (cm),sepal_width,sepal_length\n"
    path = write(f"{header}0.2,1.4,3.5,5.1\n\n9, 6.0 ,3.3,6.3\n\n")
    code, out = run("predict", path, *source, "--log-probabilities")
    assert code == 0
    head, setosa, virginica = out.splitlines()
    columns = ["petal_width", "petal_length", "sepal_width", "sepal_length", "class"]
    assert head.split() == [*columns, "probability", "log-probability", "warnings"]
    assert setosa.split()[:5] == ["0.2", "1.4", "3.5", "5.1", "setosa"]
    assert virginica.split()[:5] == ["9", "6", "3.3", "6.3", "virginica"]
    assert virginica.rstrip().endswith("petal_width 9 is outside the training range 0.1 to 2.5 cm")


def test_a_table_for_programs_is_a_line_for_each_row(
    run: Run, source: list[str], write: Callable[[str], Path]
) -> None:
    rows = [f"{5 + index / 100},3.3,{1 + index / 20},1.2" for index in range(100)]
    code, out = run("predict", write("\n".join([",".join(SETOSA), *rows])), *source, "--json")
    assert code == 0
    answers = [json.loads(line) for line in out.splitlines()]
    model = Multiclass()
    model.load_state_dict(torch.load(IRIS))
    inputs = torch.tensor([[float(cell) for cell in row.split(",")] for row in rows])
    expected = model.eval()(inputs).exp().tolist()
    for answer, row in zip(answers, expected, strict=True):
        assert list(answer["probabilities"].values()) == pytest.approx(row, abs=1e-6)
        assert answer["model"]["name"] == "iris-model"


LABELLED = (
    "sepal_length,sepal_width,species,petal_length,petal_width\n"
    "5.1,3.5,setosa,1.4,0.2\n"
    "6.3,3.3, versicolor ,6.0,2.5\n"
    "6.4,3.2,versicolor,4.5,1.5\n"
    "6.5,3.0,virginica,5.8,2.2\n"
)


def test_a_table_with_its_classes_shows_the_accuracy(
    run: Run, source: list[str], write: Callable[[str], Path]
) -> None:
    code, out = run("predict", write(LABELLED), *source)
    assert code == 0
    # The rows are of iris.
    head, *rows, accuracy, _ = out.splitlines()
    assert head.split()[4:7] == ["true", "class", "class"]
    assert [row.split()[4:6] for row in rows] == [
        ["setosa", "setosa"],
        ["versicolor", "virginica"],
        ["versicolor", "versicolor"],
        ["virginica", "virginica"],
    ]
    assert accuracy == "accuracy 0.75: 3 of 4 rows"


def test_the_score_of_training_rows_is_no_test(
    run: Run, source: list[str], write: Callable[[str], Path]
) -> None:
    card = json.loads(IRIS.with_suffix(".json").read_text())
    kept = card["training_rows"]
    lines = [
        ",".join([*map(str, row), card["classes"][label]])
        for row, label in zip(kept["rows"], kept["labels"], strict=True)
    ]
    _, out = run("predict", write("\n".join([",".join([*SETOSA, "species"]), *lines])), *source)
    assert out.endswith("these are rows that the model was trained on, so this score is no test\n")


def test_without_training_rows_in_the_card_the_name_of_the_file_tells(
    run: Run, write: Callable[[str], Path], tmp_path: Path
) -> None:
    card = json.loads(IRIS.with_suffix(".json").read_text())
    card |= {"dataset": "flowers.csv", "training_rows": None}
    (tmp_path / "m.json").write_text(json.dumps(card))
    shutil.copy(IRIS, tmp_path / "m.pth")
    _, out = run("predict", write(LABELLED), "--model", tmp_path / "m.pth")
    assert "a file of this name, so this score is no test" in out


def test_for_programs_the_accuracy_is_not_among_the_answers(
    write: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["stateserve", "predict", str(write(LABELLED)), "--json"])
    with pytest.raises(SystemExit):
        main()
    printed = capsys.readouterr()
    classes = [json.loads(line)["class"] for line in printed.out.splitlines()]
    assert classes == ["setosa", "virginica", "versicolor", "virginica"]
    assert printed.err.startswith("accuracy 0.75: 3 of 4 rows\nnote: 50% of these rows are rows")


def test_details_are_shown_if_asked(run: Run, source: list[str], server: Process) -> None:
    query = {"calibrated": True, "out_of_distribution": True}
    answer = rest.post(f"{server.url}/predict", params=query, json=SETOSA).json()
    flags = ["--calibrated", "--out-of-distribution"]
    code, out = run("predict", *OPTIONS, *source, *flags, "--json")
    assert code == 0
    assert json.loads(out) == answer
    code, out = run("predict", *OPTIONS, *source, *flags)
    novelty = answer["novelty"]
    share = f"farther than {novelty['training_share']:.1%} of the training rows"
    label, shown = out.splitlines()[1].split()
    assert label == "setosa"
    # Not "1": the probability is less.
    assert float(shown) == pytest.approx(answer["probabilities"]["setosa"], rel=1e-9)
    assert float(shown) < 1
    assert (
        out.splitlines()[-1]
        == f"distance to the nearest class mean {novelty['distance']:.4g}, {share}"
    )


def test_a_row_far_from_the_training_rows_is_marked(
    run: Run, source: list[str], write: Callable[[str], Path]
) -> None:
    path = write(HEADER + "5.1,3.5,1.4,0.2\n4.3,4.4,6.9,0.1\n")
    code, out = run("predict", path, *source, "--out-of-distribution")
    assert code == 0
    head, near, far = out.splitlines()
    assert head.split()[-2:] == ["distance", "warnings"]
    assert "out of distribution" not in near
    assert far.rstrip().endswith("out of distribution")
    code, out = run("predict", *OPTIONS[:-1], "2.5", *source, "--out-of-distribution")
    assert out.rstrip().endswith("of the training rows, out of distribution")


def test_what_the_card_does_not_hold_is_one_line(
    run: Run, write_model: Callable[..., Path]
) -> None:
    values = ["--x0", "0", "--x1", "0", "--x2", "0", "--x3", "0"]
    code, _ = run("predict", "--model", write_model(), *values, "--calibrated")
    assert str(code).startswith("stateserve: calibrated: the model card holds no temperature; ")


def test_a_warning_is_printed_below_the_classes(run: Run, source: list[str]) -> None:
    code, out = run("predict", *OPTIONS[:-1], "9", *source)
    assert code == 0
    last = out.splitlines()[-1]
    assert last == "petal_width 9 is outside the training range 0.1 to 2.5 cm"


HEADER = "sepal_length,sepal_width,petal_length,petal_width\n"
SKIP = "--skip-bad-rows leaves out such rows"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        (HEADER, "no rows below the header"),
        (
            HEADER.replace("width", "widht", 1) + "1,2,3,4\n",
            "the header does not name the column 'sepal_width'; its columns are sepal_length, "
            "sepal_widht, petal_length, petal_width; did you mean 'sepal_widht'?",
        ),
        (
            "sepal_length," + HEADER + "1,1,2,3,4\n",
            "row 1: column 'sepal_length' stands twice in the header",
        ),
        (HEADER + "1,2,3,4\n1,2,3\n", f"row 3: 3 cells for 4 columns; {SKIP}"),
        (HEADER + "1,2,3\n", "row 2: 3 cells for 4 columns"),
        (HEADER + "1,2,3,4\n\n1,2,,4\n", f"column 'petal_length', row 4: missing value; {SKIP}"),
        (HEADER + "1,wide,3,4\n", "column 'sepal_width', row 2: 'wide' is not a finite number"),
        (HEADER + "1,nan,3,4\n", "column 'sepal_width', row 2: missing value"),
        (HEADER + "1,1e999,3,4\n", "column 'sepal_width', row 2: '1e999' is not a finite number"),
        (HEADER + "1,1_0,3,4\n", "column 'sepal_width', row 2: '1_0' is not a finite number"),
        (HEADER + '1,"2"3,3,4\n', "row 2: ',' expected after '\"'"),
    ],
)
def test_a_wrong_table_is_one_line_with_column_and_row(
    run: Run, write: Callable[[str], Path], text: str, reason: str
) -> None:
    path = write(text)
    code, _ = run("predict", path)
    assert code == f"stateserve: {path}: {reason}"


def test_bad_rows_are_left_out_on_request(
    run: Run, source: list[str], write: Callable[[str], Path]
) -> None:
    lines = LABELLED.splitlines()
    path = write("\n".join([*lines[:2], "5.1,wide,setosa,1.4,0.2", "", *lines[2:], "1,1,setosa,,"]))
    code, out = run("predict", path, *source, "--skip-bad-rows")
    assert code == 0
    head, *rows, score = out.splitlines()[:6]
    assert head.split()[:2] == ["row", "sepal_length"]
    assert [row.split()[0] for row in rows] == ["2", "5", "6", "7"]
    assert score == "accuracy 0.75: 3 of 4 rows"
    assert "left out: column 'sepal_width', row 3: 'wide' is not a finite number\n" in out
    assert "left out: column 'petal_length', row 8: missing value\n" in out
    _, out = run("predict", path, *source, "--skip-bad-rows", "--json")
    assert [json.loads(line)["row"] for line in out.splitlines()[:4]] == [2, 5, 6, 7]
    code, _ = run("predict", *OPTIONS, "--skip-bad-rows")
    assert code == 2


def test_files_that_cannot_be_read_are_named(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "flowers.csv"
    assert run("predict", path)[0] == f"stateserve: {path}: No such file or directory"
    path.write_bytes(b"caf\xe9\n\0")
    assert run("predict", path)[0] == f"stateserve: {path}: row 2: no text: a NUL at byte 5"


KNOWN = "the features are --sepal-length, --sepal-width, --petal-length, --petal-width"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "missing --sepal-length, --sepal-width, --petal-length, --petal-width; "),
        (OPTIONS[:3], "missing --petal-length, --petal-width; "),
        ([*OPTIONS, "--colour", "1"], f"no option '--colour'; {KNOWN}"),
        ([*OPTIONS, "flowers.csv"], f"no option 'flowers.csv'; {KNOWN}"),
        ([*OPTIONS, "--petal-width", "1"], "--petal-width stands twice"),
        ([*OPTIONS[:-1]], "--petal-width needs a number"),
        ([*OPTIONS[:-1], "wide"], "--petal-width: 'wide' is not a finite number"),
        ([*OPTIONS[:-1], ""], "--petal-width: missing value"),
    ],
)
def test_wrong_options_are_one_line(run: Run, arguments: list[str], reason: str) -> None:
    code, _ = run("predict", *arguments)
    assert str(code).startswith(f"stateserve: {reason}")
    assert "\n" not in str(code)


@pytest.mark.parametrize("value", ["-1.5", "-1e-5", "+2", ".5"])
def test_any_spelling_of_a_number_is_taken(run: Run, source: list[str], value: str) -> None:
    code, out = run("predict", *OPTIONS[:-1], value, *source, "--json")
    assert code == 0
    assert json.loads(out)["index"] in range(3)


def test_a_number_too_large_for_the_service_is_refused_in_one_line(
    run: Run, source: list[str]
) -> None:
    code, _ = run("predict", *OPTIONS[:-1], "1e39", *source)
    assert "--petal-width: '1e39' is too large" in str(code)
    assert "\n" not in str(code)


def test_features_with_spaces_have_options(run: Run, write_model: Callable[..., Path]) -> None:
    path = write_model()
    card = json.loads(path.with_suffix(".json").read_text())
    card["features"][0]["name"] = "od280/od315 of wine"
    path.with_suffix(".json").write_text(json.dumps(card))
    values = ["--od280/od315-of-wine", "1", "--x1", "0", "--x2", "0", "--x3", "0"]
    code, out = run("predict", "--model", path, *values)
    assert code == 0
    assert "class-0" in out


def test_the_settings_model_is_asked_unless_told(
    run: Run, monkeypatch: pytest.MonkeyPatch, write_model: Callable[..., Path]
) -> None:
    monkeypatch.setenv("STATESERVE_MODEL", str(write_model()))
    code, out = run("predict", *["--x0", "0", "--x1", "0", "--x2", "0", "--x3", "0"])
    assert code == 0
    assert "class-0" in out


def test_a_bad_checkpoint_is_one_line(run: Run, tmp_path: Path) -> None:
    code, _ = run("predict", "--model", tmp_path / "none.pth", *OPTIONS)
    assert code == f"stateserve: {tmp_path}/none.pth: No such file or directory"


def test_model_and_url_exclude_each_other(run: Run) -> None:
    code, out = run("predict", *OPTIONS, "--model", IRIS, "--url", "http://127.0.0.1:9")
    assert code == 2
    named = "a model of a service is --url http://127.0.0.1:9/models/iris-model"
    assert f"--model and --url exclude each other; {named}" in out


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:9", "http://127.0.0.1:9/model: [Errno 111] Connection refused"),
        ("127.0.0.1", "127.0.0.1/model: Request URL is missing an 'http://' or 'https://'"),
        ("http://h:port", "http://h:port: Invalid port: 'port'"),
    ],
)
def test_a_service_that_is_not_there_is_one_line(run: Run, url: str, reason: str) -> None:
    code, _ = run("predict", *OPTIONS, "--url", url)
    assert str(code).startswith(f"stateserve: {reason}")
    assert "\n" not in str(code)


def test_without_httpx_a_checkpoint_answers_and_a_service_needs_an_install() -> None:
    script = "import sys; sys.modules['httpx'] = None; from app.cli import main; main()"
    command = forked("-c", script, "predict", *OPTIONS)
    result = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True)
    assert "setosa" in result.stdout
    result = subprocess.run(
        [*command, "--url", "http://127.0.0.1:9"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert result.stderr == ("stateserve: stateserve.client needs httpx: pip install httpx\n")
