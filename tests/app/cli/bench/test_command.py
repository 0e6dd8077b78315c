"""The command bench, on a real service."""

import json
from pathlib import Path

import numpy as np
import pytest

from app.cli.bench.body import body_of_model
from app.cli.bench.target import BenchFailed, Target
from app.errors import InvalidOption
from tests.app.cli.conftest import Run
from tests.process import Process
from tests.project import SETOSA

SHORT = ("--duration", "0.2", "--warm-up", "0", "--connections", "2")


def test_a_model_is_measured_by_its_own_example(run: Run, server: Process) -> None:
    code, out = run("bench", server.url, *SHORT)
    assert code == 0
    assert f"POST {server.url}/predict, iris-model 1 on numpy\n" in out
    assert "requests/s" in out
    assert "none failed" in out


@pytest.mark.parametrize("options", [("--rows", "5"), ("--rows", "5", "--format", "npy")])
def test_the_result_for_programs(run: Run, server: Process, options: tuple[str, ...]) -> None:
    url = f"{server.url}/models/iris-model"
    code, out = run("bench", url, *SHORT, *options, "--rate", "50", "--json")
    # On busy cores a warning follows: bench was behind its schedule.
    found, _ = json.JSONDecoder().raw_decode(out)
    assert (code, found["url"], found["rows"]) == (0, f"{url}/predict", 5)
    assert (found["requests"], found["errors"]) == (10, {})
    assert found["rows_per_second"] == pytest.approx(5 * found["requests_per_second"], abs=0.5)
    times = found["latency_ms"]
    assert 0 < times["p50"] <= times["p90"] <= times["p99"] <= times["max"]


def test_a_file_is_sent_as_it_is(run: Run, server: Process, tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text(json.dumps(SETOSA))
    code, out = run("bench", server.url, *SHORT, "--body", body)
    assert (code, f"{body.stat().st_size} bytes of application/json\n" in out) == (0, True)
    body.write_text("{}")
    code, _ = run("bench", server.url, *SHORT, "--body", body)
    assert str(code).startswith("stateserve: POST /predict: 422 /sepal_length: ")
    code, out = run("bench", server.url, "--body", tmp_path / "body.txt")
    assert (code, "body.txt: needs one of .json" in out) == (2, True)


def test_an_address_without_a_model_is_one_line(run: Run, server: Process) -> None:
    code, _ = run("bench", f"{server.url}/models/iris")
    assert str(code).startswith("stateserve: GET /models/iris/model: 404 no model 'iris'; known: ")
    assert "\n" not in str(code)
    assert "key" not in str(code)


@pytest.mark.parametrize("host", ["a b", "a..b", "a" * 300, "127.0.0.1:1/\xe4"])
def test_an_address_that_no_request_can_have_is_one_line(host: str) -> None:
    with pytest.raises(BenchFailed, match=host[:3]):
        Target.of(f"http://{host}", None, whole=False).describe_model()


@pytest.mark.parametrize("inputs", [[], [{"shape": [9]}], [3], {"a": 1}])
def test_a_signature_of_another_form_is_refused(inputs: object) -> None:
    with pytest.raises(BenchFailed, match="signature is not one of stateserve"):
        body_of_model({"signature": {"inputs": inputs}}, 1, None)


@pytest.mark.parametrize("url", ["ftp://a", "http://", "http://a:99999", "http://[::1"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidOption, match="URL"):
        Target.of(url, None, whole=False)


@pytest.mark.parametrize(
    ("url", "whole", "found"),
    [
        ("localhost:8000", False, "http://localhost:8000/predict"),
        ("https://a.b/x/", False, "https://a.b:443/x/predict"),
        ("http://[::1]:80/predict?top=1", False, "http://[::1]:80/predict?top=1"),
        ("http://a:1/v2/models/m/infer", True, "http://a:1/v2/models/m/infer"),
        ("http://a:1", True, "http://a:1/predict"),
    ],
)
def test_the_target_of_an_address(url: str, whole: bool, found: str) -> None:
    assert Target.of(url, None, whole=whole).url == found


def test_the_key_is_a_header_of_each_request() -> None:
    target = Target.of("http://a", "ssk_1", whole=False)
    head, _, body = target.message(b"[]", "application/json").partition(b"\r\n\r\n")
    assert b"\r\nAuthorization: Bearer ssk_1\r\n" in head
    assert b"\r\nContent-Length: 2" in head
    assert body == b"[]"


def test_a_body_without_an_example_is_of_zeros() -> None:
    picture = {"name": "x", "dtype": "float32", "shape": [-1, 3, -1, 4]}
    model = {"signature": {"inputs": [picture]}, "example": None}
    body = body_of_model(model, 2, None)
    assert body.media_type == "application/x-npy"
    assert body.content.endswith(np.zeros((2, 3, 8, 4), np.float32).tobytes())
    two = {"signature": {"inputs": [picture, picture | {"name": "y"}]}}
    instances = json.loads(body_of_model(two, 2, None).content)["instances"]
    assert [list(each) for each in instances] == [["x", "y"]] * 2
    with pytest.raises(BenchFailed, match="npy is for one input; the model has 2"):
        body_of_model(two, 1, "npy")
