"""The statistics extension: rows, passes, and the time of requests by stage."""

import asyncio
import time

import httpx
import pytest

from tests.project import SETOSA


async def test_statistics_count_rows_passes_and_where_the_time_went(
    client: httpx.AsyncClient,
) -> None:
    before = time.time()
    for size in (3, 3, 1, 100):
        tensor = {"name": "input", "datatype": "FP32", "shape": [size, 4], "data": [1] * 4 * size}
        answer = await client.post("/v2/models/iris-model/infer", json={"inputs": [tensor]})
        assert answer.is_success
    overflow = dict.fromkeys(SETOSA, 3.4e38) | {"petal_length": -3.4e38}
    assert (await client.post("/predict", json=overflow)).status_code == 422
    assert (await client.post("/predict", content=b"no flower")).status_code != 200
    found = [
        (await client.get(f"/v2/models{path}/stats")).json()
        for path in ("", "/iris-model", "/iris-model/versions/1")
    ]
    assert found[0] == found[1] == found[2]
    (stats,) = found[0]["model_stats"]
    assert (stats["name"], stats["version"]) == ("iris-model", "1")
    assert (stats["inference_count"], stats["execution_count"]) == (107, 4)
    assert before - 1 < stats["last_inference"] / 1000 < time.time() + 1
    times = stats["inference_stats"]
    stages = ("queue", "compute_input", "compute_infer", "compute_output")
    assert {name: each["count"] for name, each in times.items()} == dict.fromkeys(
        ("success", *stages), 4
    ) | {"fail": 1, "cache_hit": 0, "cache_miss": 0}
    assert times["success"]["ns"] == pytest.approx(sum(times[each]["ns"] for each in stages), abs=9)
    assert times["compute_infer"]["ns"] > 0
    assert times["fail"]["ns"] > 0
    # 100 rows are counted under the next power of two.
    sizes = {each["batch_size"]: each for each in stats["batch_stats"]}
    assert {size: each["compute_infer"]["count"] for size, each in sizes.items()} == {
        1: 1,
        3: 2,
        128: 1,
    }
    # Each request had its own pass.
    of_passes = sum(each["compute_infer"]["ns"] for each in sizes.values())
    assert of_passes == pytest.approx(times["compute_infer"]["ns"], abs=9)


async def test_who_shares_a_pass_counts_all_of_it(client: httpx.AsyncClient) -> None:
    flowers = [client.post("/predict", json=SETOSA) for _ in range(20)]
    await asyncio.gather(*flowers)
    (stats,) = (await client.get("/v2/models/stats")).json()["model_stats"]
    passes = sum(each["compute_infer"]["count"] for each in stats["batch_stats"])
    assert passes == stats["execution_count"] < 20
    assert stats["inference_stats"]["success"]["count"] == stats["inference_count"] == 20
    shared = sum(each["batch_size"] * each["compute_infer"]["ns"] for each in stats["batch_stats"])
    assert shared == pytest.approx(stats["inference_stats"]["compute_infer"]["ns"], abs=99)


async def test_metrics_have_the_times_too(client: httpx.AsyncClient) -> None:
    await client.post("/predict", json=SETOSA)
    text = (await client.get("/metrics")).text
    assert 'inference_requests_total{model="iris-model",result="success",version="1"} 1.0' in text
    assert 'forward_passes_total{model="iris-model",rows="1",version="1"} 1.0' in text
    for stage in ("queue", "compute_input", "compute_infer", "compute_output"):
        assert f'stage="{stage}",version="1"}}' in text
