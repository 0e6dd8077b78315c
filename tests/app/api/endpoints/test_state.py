"""GET /state, checked against the tensors."""

import asyncio
import hashlib
import io
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from fastapi import FastAPI

from app.api.app import create_app
from app.settings.settings import Settings
from stateserve.checkpoint.writers.stream import CHUNK_BYTES
from stateserve.model.architectures.multiclass import Multiclass
from tests.project import IRIS
from tests.service import open_client

WEIGHTS = torch.load(IRIS)
HIDDEN = WEIGHTS["hidden.weight"].numpy()


async def test_every_entry_is_listed_in_order(client: httpx.AsyncClient) -> None:
    state = (await client.get("/state")).json()
    assert [entry["name"] for entry in state["entries"]] == list(WEIGHTS)
    assert state["totals"] == {
        "entries": 4,
        "parameters": 67,
        "buffers": 0,
        "elements": 67,
        "bytes": 268,
        "tied": 0,
    }
    for entry, tensor in zip(state["entries"], WEIGHTS.values(), strict=True):
        assert entry["kind"] == "parameter"
        assert entry["trainable"]
        assert entry["shape"] == list(tensor.shape)
        assert entry["dtype"] == "float32"
        assert entry["bytes"] == 4 * entry["elements"] == tensor.nbytes
        assert entry["sha256"] == hashlib.sha256(tensor.numpy().tobytes()).hexdigest()
        assert entry["statistics"]["mean"] == pytest.approx(float(tensor.double().mean()))
        assert entry["statistics"]["norm"] == pytest.approx(float(tensor.double().norm()))
        np.testing.assert_array_equal(np.array(entry["values"], np.float32), tensor)


async def test_batch_norm_shows_its_buffers(write_model: Callable[..., Path]) -> None:
    path = write_model(module=Multiclass(batch_norm=True).eval())
    async with open_client(Settings(model=path)) as client:
        state = (await client.get("/state")).json()
        counted = (await client.get("/state/norm.num_batches_tracked")).json()
    kinds = {entry["name"]: (entry["kind"], entry["trainable"]) for entry in state["entries"]}
    assert kinds["norm.running_mean"] == ("buffer", False)
    assert kinds["norm.weight"] == ("parameter", True)
    assert state["totals"]["buffers"] == 9
    assert (counted["dtype"], counted["shape"], counted["values"]) == ("int64", [], 0)


async def test_values_are_shown_up_to_the_limit_or_as_asked() -> None:
    async with open_client(Settings(model=IRIS, state_values_limit=8)) as client:

        async def shown(query: str) -> list[bool]:
            entries = (await client.get(f"/state{query}")).json()["entries"]
            return [entry["values"] is not None for entry in entries]

        assert await shown("") == [False, True, False, True]
        assert await shown("?values=true") == [True] * 4
        assert await shown("?values=false") == [False] * 4


async def test_more_values_than_json_should_carry_are_refused(
    write_model: Callable[..., Path],
) -> None:
    path = write_model(module=Multiclass(n_hidden=30_000).eval())
    async with open_client(Settings(model=path)) as client:
        for url, count in {"/state": 240_003, "/state/hidden.weight": 120_000}.items():
            response = await client.get(f"{url}?values=true")
            assert response.status_code == 422
            assert f"{count} elements" in response.json()["detail"]
            assert (await client.get(url)).is_success
        few = await client.get("/state/hidden.weight?values=true&slice=:10")
        assert np.shape(few.json()["values"]) == (10, 4)
        npy = await client.get("/state/hidden.weight?values=true&format=npy")
        assert np.load(io.BytesIO(npy.content)).shape == (30_000, 4)
    async with open_client(Settings(model=path, state_values_limit=200_000)) as client:
        whole = await client.get("/state/hidden.weight?values=true")
        assert np.shape(whole.json()["values"]) == (30_000, 4)


async def test_callers_at_one_time_get_one_answer() -> None:
    async with open_client(Settings(model=IRIS)) as client:
        answers = await asyncio.gather(*(client.get("/state") for _ in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1


async def test_one_tensor_with_slice_and_histogram(client: httpx.AsyncClient) -> None:
    response = await client.get("/state/hidden.weight?slice=0:2,1&histogram=20")
    tensor = response.json()
    np.testing.assert_array_equal(np.array(tensor["values"], np.float32), HIDDEN[0:2, 1])
    assert tensor["slice_shape"] == [2]
    assert sum(tensor["histogram"]["counts"]) == 2
    assert len(tensor["histogram"]["edges"]) == 21


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/state/hidden.weight?slice=::-1,0&format=npy", {}),
        ("/state/hidden.weight?slice=::-1,0", {"Accept": "application/x-npy"}),
    ],
)
async def test_a_tensor_as_npy(client: httpx.AsyncClient, path: str, headers: dict) -> None:
    response = await client.get(path, headers=headers)
    assert response.headers["content-type"] == "application/x-npy"
    np.testing.assert_array_equal(np.load(io.BytesIO(response.content)), HIDDEN[::-1, 0])


async def test_a_tensor_as_safetensors(client: httpx.AsyncClient) -> None:
    response = await client.get("/state/hidden.weight?format=safetensors&slice=2:4,:")
    found = safetensors.numpy.load(response.content)
    np.testing.assert_array_equal(found["hidden.weight"], HIDDEN[2:4])


async def test_the_accept_header_is_weighed(client: httpx.AsyncClient) -> None:
    accepts = {
        "application/x-npy;q=0.1, application/json;q=0.9": "application/json",
        "application/*;q=0.2, application/x-npy": "application/x-npy",
        "text/html, */*;q=0.5": "application/json",
    }
    for accept, chosen in accepts.items():
        response = await client.get("/state/hidden.bias", headers={"Accept": accept})
        assert response.headers["content-type"] == chosen
    response = await client.get("/state/hidden.bias", headers={"Accept": "text/html"})
    assert response.status_code == 406
    assert "application/x-npy" in response.json()["detail"]


async def test_downloads_load_as_they_are(client: httpx.AsyncClient) -> None:
    pth = await client.get("/state.pth")
    assert 'filename="iris-model.pth"' in pth.headers["content-disposition"]
    safe = await client.get("/state.safetensors")
    for loaded in (
        torch.load(io.BytesIO(pth.content), weights_only=True),
        safetensors.torch.load(safe.content),
    ):
        Multiclass().load_state_dict(loaded)
        for name, tensor in WEIGHTS.items():
            assert torch.equal(loaded[name], tensor)


async def send_in_pieces(app: FastAPI, path: str, pieces: int) -> tuple[dict[bytes, bytes], list]:
    """Request `path` as a server would; the client leaves after a number of body messages."""
    headers: dict[bytes, bytes] = {}
    received: list[bytes] = []
    gone = asyncio.Event()
    messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict:
        if (message := next(messages, None)) is None:
            await gone.wait()
            return {"type": "http.disconnect"}
        return message

    async def send(message: dict) -> None:
        if message["type"] == "http.response.start":
            headers.update(message["headers"])
        elif message["body"]:
            received.append(bytes(message["body"]))
        if len(received) == pieces:
            gone.set()
            # No more is sent until the server notices the disconnect.
            await asyncio.sleep(60)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
    await app.middleware_stack(scope | {"raw_path": path.encode()}, receive, send)
    return headers, received


async def test_downloads_are_sent_as_they_are_made(write_model: Callable[..., Path]) -> None:
    path = write_model(module=Multiclass(n_hidden=200_000).eval())
    app = create_app(Settings(model=path))
    async with app.router.lifespan_context(app):
        for url in ["/state.pth", "/state.safetensors"]:
            headers, pieces = await send_in_pieces(app, url, 10**6)
            assert max(map(len, pieces)) <= CHUNK_BYTES
            content = b"".join(pieces)
            assert len(content) > 4 * 8 * 200_000
            if url == "/state.safetensors":
                assert headers[b"content-length"] == b"%d" % len(content)


@pytest.mark.parametrize("url", ["/state.pth", "/state.safetensors"])
async def test_a_download_ends_when_its_caller_leaves(
    write_model: Callable[..., Path], url: str
) -> None:
    app = create_app(Settings(model=write_model(module=Multiclass(n_hidden=200_000).eval())))
    async with app.router.lifespan_context(app):
        _, pieces = await asyncio.wait_for(send_in_pieces(app, url, 3), 60)
    assert len(pieces) == 3
    deadline = time.monotonic() + 10
    while any(thread.name.startswith("torch.save") for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


PATHS = ["/state", "/state/hidden.bias", "/state.pth", "/state.safetensors"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_match_is_answered_304(client: httpx.AsyncClient, path: str) -> None:
    first = await client.get(path)
    etag = first.headers["etag"]
    for match in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = await client.get(path, headers={"If-None-Match": match})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag
    for other in ('"other"', "garbage", etag.strip('"')):
        again = await client.get(path, headers={"If-None-Match": other})
        assert (again.status_code, again.content) == (200, first.content)


async def test_each_representation_has_its_own_etag(client: httpx.AsyncClient) -> None:
    urls = [*PATHS, "/state/hidden.bias?format=npy", "/state/hidden.bias?format=safetensors"]
    assert len({(await client.get(url)).headers["etag"] for url in urls}) == len(urls)


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/state/hidden.wieght", 404, "the nearest name is 'hidden.weight'"),
        ("/state/..%2f..%2fetc", 404, "no tensor '../../etc'"),
        ("/state/%00", 404, "no tensor '\\x00'"),
        ("/state/hidden.weight?slice=99", 422, "slice '99' of a tensor of shape [8, 4]"),
        ("/state/hidden.weight?slice=a", 422, "'a' is not an index"),
        ("/state/hidden.weight?histogram=0", 422, "histogram"),
        ("/state/hidden.weight?histogram=1000000000", 422, "accepted is a number of at most 1000"),
        ("/state/hidden.weight?histogram=2&format=npy", 422, "only in JSON"),
        ("/state/hidden.weight?format=xml", 422, "format"),
        ("/state?value=true", 422, "value"),
        ("/state/hidden.weight?blocks=0x4", 422, "blocks"),
        ("/state/hidden.weight?blocks=300x300", 422, "at most 65536"),
        ("/state/hidden.weight?blocks=2x2&format=json", 422, "only in npy"),
        ("/state/hidden.weight?blocks=2x2&dead=true", 422, "only in JSON"),
        ("/state.pth?only=x", 404, "no tensor matches 'x'"),
    ],
)
async def test_what_does_not_fit_is_named(
    client: httpx.AsyncClient, path: str, status: int, detail: str
) -> None:
    response = await client.get(path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert detail in response.json()["detail"]


async def test_each_fault_of_a_query_is_named_once(client: httpx.AsyncClient) -> None:
    faults = (await client.get("/state?limit=-1&offset=x&valuess=1")).json()["errors"]
    assert sorted(each["parameter"] for each in faults) == ["limit", "offset", "valuess"]


async def test_the_state_as_a_tree_of_modules(client: httpx.AsyncClient) -> None:
    state = (await client.get("/state", params={"tree": True})).json()
    assert state["entries"] == []
    assert [module["name"] for module in state["tree"]["children"]] == ["hidden", "output"]
    assert state["tree"]["elements"] == state["totals"]["elements"] == 67
    hidden = state["tree"]["children"][0]
    assert (hidden["dtypes"], hidden["kinds"]) == ({"float32": 40}, {"parameter": 40})
    short = {"tree": True, "nodes": 1, "fold": False}
    cut = (await client.get("/state", params=short)).json()["tree"]["children"]
    assert [(each["tensors"], each["children"]) for each in cut] == [(2, []), (2, [])]


async def test_a_branch_is_sent_page_by_page(client: httpx.AsyncClient) -> None:
    query = {"tree": True, "branch": "", "fold": False, "nodes": 1, "limit": 1}
    first = (await client.get("/state", params=query)).json()
    assert [(child["name"], child["children"]) for child in first["tree"]["children"]] == [
        ("hidden", [])
    ]
    assert first["tree"]["elements"] == 67
    second = (await client.get(first["next"])).json()
    assert [child["name"] for child in second["tree"]["children"]] == ["output"]
    assert second["next"] is None
    inner = (await client.get("/state", params=query | {"branch": "hidden", "limit": 9})).json()
    assert inner["tree"]["name"] == "hidden"
    assert [(child["name"], child["shape"]) for child in inner["tree"]["children"]] == [
        ("weight", [8, 4]),
        ("bias", [8]),
    ]
    missing = await client.get("/state", params=query | {"branch": "hid"})
    assert missing.status_code == 404
    assert "no tensor's name begins with 'hid.'" in missing.json()["detail"]


async def test_an_outline_reads_no_values(client: httpx.AsyncClient) -> None:
    state = (await client.get("/state", params={"statistics": False, "only": "*.bias"})).json()
    assert [entry["name"] for entry in state["entries"]] == ["hidden.bias", "output.bias"]
    assert state["entries"][0]["shape"] == [8]
    assert "sha256" not in state["entries"][0]
    assert state["totals"]["elements"] == 11


async def test_a_branch_is_downloaded_alone(client: httpx.AsyncClient) -> None:
    pth = await client.get("/state.pth", params={"only": "hidden"})
    found = torch.load(io.BytesIO(pth.content), weights_only=True)
    assert list(found) == ["hidden.weight", "hidden.bias"]
    assert torch.equal(found["hidden.weight"], WEIGHTS["hidden.weight"])
    safe = await client.get("/state.safetensors", params={"only": ["*.bias"]})
    assert sorted(safetensors.torch.load(safe.content)) == ["hidden.bias", "output.bias"]


async def test_blocks_have_the_mean_and_range_of_a_slice(client: httpx.AsyncClient) -> None:
    query = {"blocks": "2x2", "slice": "0:4"}
    response = await client.get("/state/hidden.weight", params=query)
    assert response.headers["x-read-elements"] == "16"
    mean, low, high = np.load(io.BytesIO(response.content))
    weight = WEIGHTS["hidden.weight"][:4].reshape(2, 2, 2, 2).numpy()
    np.testing.assert_allclose(mean, weight.mean(axis=(1, 3)), rtol=1e-6)
    assert (low == weight.min(axis=(1, 3))).all()
    assert (high == weight.max(axis=(1, 3))).all()


async def test_a_tensor_is_compared_with_a_new_one(client: httpx.AsyncClient) -> None:
    found = (await client.get("/state/hidden.weight", params={"initialisation": True})).json()
    expected = found["initialisation"]
    assert (expected["layer"], expected["law"]) == ("Linear", "uniform")
    # Linear's bound of 4 inputs is 1 / 2.
    assert expected["expected"] == pytest.approx(0.5 / 3**0.5)
    assert expected["state"] == "trained"


async def test_entries_are_selected_by_pattern_and_in_pages(client: httpx.AsyncClient) -> None:
    biases = (await client.get("/state", params={"only": "*.bias"})).json()
    assert [entry["name"] for entry in biases["entries"]] == ["hidden.bias", "output.bias"]
    assert biases["totals"]["elements"] == 11
    names, path = [], "/state?limit=1&only=hidden&only=output.bias"
    while path:
        page = (await client.get(path)).json()
        names += [entry["name"] for entry in page["entries"]]
        path = page["next"]
    assert names == ["hidden.weight", "hidden.bias", "output.bias"]
    none = await client.get("/state", params={"only": "x"})
    assert (none.status_code, "no tensor matches 'x'" in none.text) == (404, True)


async def test_every_entry_has_a_link_of_its_own(client: httpx.AsyncClient) -> None:
    for entry in (await client.get("/state")).json()["entries"]:
        assert (await client.get(entry["href"])).json()["sha256"] == entry["sha256"]


async def test_singular_values_and_dead_rows(client: httpx.AsyncClient) -> None:
    options = {"singular_values": True, "dead": True}
    found = (await client.get("/state/hidden.weight", params=options)).json()
    expected = torch.linalg.svdvals(WEIGHTS["hidden.weight"].double())
    assert found["spectrum"]["singular_values"] == pytest.approx(expected.tolist())
    assert found["findings"]["dead_rows"] is found["findings"]["nan"] is None
    bias = await client.get("/state/hidden.bias", params=options)
    assert (bias.status_code, "singular_values: of a tensor" in bias.text) == (422, True)
    binary = await client.get("/state/hidden.weight", params=options | {"format": "npy"})
    assert binary.status_code == 422
