"""X-Request-Timeout through the whole application."""

import ast

import httpx
import pytest

from app.settings.settings import Settings
from tests.project import IRIS, ROOT, SETOSA
from tests.service import open_client

TOO_SHORT = "0.000000001"
# A body that is decoded in a thread.
LARGE = {"instances": [SETOSA] * 20_000}


@pytest.mark.parametrize("path", ["/predict", "/predict?log_probabilities=true", "/explain"])
async def test_a_request_with_time_left_is_answered_and_a_late_one_is_not(
    client: httpx.AsyncClient, path: str
) -> None:
    in_time = await client.post(path, json=SETOSA, headers={"X-Request-Timeout": "60"})
    late = await client.post(path, json=SETOSA, headers={"X-Request-Timeout": TOO_SHORT})
    assert in_time.json()["class"] == "setosa"
    assert late.status_code == 504
    assert late.headers["content-type"] == "application/problem+json"
    assert "deadline passed" in late.json()["detail"]


async def test_a_late_request_computes_no_row(client: httpx.AsyncClient) -> None:
    for body in (SETOSA, LARGE):
        late = await client.post("/predict", json=body, headers={"X-Request-Timeout": TOO_SHORT})
        assert late.status_code == 504
    assert (
        'prediction_batch_size_sum{model="iris-model",version="1"} 0.0'
        in (await client.get("/metrics")).text
    )


@pytest.mark.parametrize(
    "value", ["", "0", "-1", "nan", "inf", "1e400", "soon", "1,5", "86401", "1_0", "9" * 100]
)
@pytest.mark.parametrize("path", ["/predict", "/explain"])
async def test_what_is_no_time_is_refused(client: httpx.AsyncClient, value: str, path: str) -> None:
    response = await client.post(path, json=SETOSA, headers={"X-Request-Timeout": value})
    assert response.status_code == 400
    wanted = "send seconds above 0, up to 86400"
    assert response.json()["detail"] == f"X-Request-Timeout {value!r}; {wanted}"


async def test_the_setting_is_for_requests_that_name_no_time() -> None:
    async with open_client(Settings(model=IRIS, request_timeout_seconds=1e-9)) as client:
        assert (await client.post("/predict", json=SETOSA)).status_code == 504
        response = await client.post("/predict", json=SETOSA, headers={"X-Request-Timeout": "60"})
        assert response.status_code == 200


def test_nothing_but_logs_and_dates_that_are_told_reads_the_time_of_day() -> None:
    """A change of the system time moves no deadline."""
    readers = set()
    for path in (ROOT / "app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in TIMES_OF_DAY:
                readers.add(path.relative_to(ROOT / "app").as_posix())
            assert not (isinstance(node, ast.ImportFrom) and node.module == "time"), path
    names = ("feedback", "recorder", "retention", "tensor_recorder")
    logs = {f"monitor/prediction_log/{name}.py" for name in names}
    # Of the last inference, and of spans.
    allowed = {"monitor/model_metrics.py", "monitor/model_spans.py"}
    assert readers == {"monitor/access_log.py", "api/endpoints/monitoring.py", *allowed, *logs}


TIMES_OF_DAY = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today"}
