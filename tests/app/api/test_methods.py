"""HEAD and OPTIONS, as proxies and orchestrators send them; and no URL is redirected."""

import http.client
import json

import httpx
import pytest

from app.settings.settings import Settings
from tests import rest
from tests.process import Process
from tests.project import IRIS
from tests.service import open_client
from tests.wire import connected, get, require_alive

NAMES = {"model": "iris-model", "version": "1", "name": "hidden.weight"}
QUERIES = {"/models/{model}/diff": "?from=1&to=1"}
HIDDEN = ["/", "/docs", "/docs/swagger-ui.css", "/openapi.json", "/page/main.js", "/v2/"]
# These differ between two answers to the same request.
OWN = {"date", "x-request-id"}
CHANGING = {"/metrics"}


def readable(url: str) -> list[str]:
    """Every path that answers GET."""
    document = json.loads(rest.get(f"{url}/openapi.json").content)
    found = [
        path.format_map(NAMES) + QUERIES.get(path, "")
        for path, operations in document["paths"].items()
        if "get" in operations
    ]
    assert len(found) > 30
    return found + HIDDEN


def shown(headers: http.client.HTTPMessage, path: str) -> dict[str, str]:
    own = OWN | ({"content-length"} if path in CHANGING else set())
    return {name.lower(): value for name, value in headers.items() if name.lower() not in own}


def test_head_answers_as_get_without_the_body(server: Process) -> None:
    for path in readable(server.url):
        with connected(server.url) as wire:
            wire.send(get(path.encode(), method=b"HEAD"))
            head = wire.reply("HEAD")
            assert head is not None, path
            # No byte of a body follows.
            require_alive(wire)
        answer = rest.get(server.url + path, headers={"Accept-Encoding": "identity"})
        whole = {name: value for name, value in answer.headers.items() if name not in OWN}
        if path in CHANGING:
            del whole["content-length"]
        # A chunked answer has no length, and an answer to HEAD has no chunks.
        whole.pop("transfer-encoding", None)
        assert (head.status, shown(head.headers, path)) == (answer.status_code, whole), path


@pytest.mark.parametrize("path", [b"/state/nothing", b"/nowhere", b"/v2/models/none", b"/predict"])
def test_head_of_what_get_refuses_is_refused(server: Process, path: bytes) -> None:
    with connected(server.url) as wire:
        for method in (b"GET", b"HEAD"):
            wire.send(get(path, method=method))
            reply = wire.reply(method.decode())
            assert reply is not None
            assert reply.status == (405 if path == b"/predict" else 404)
        require_alive(wire)


async def test_a_known_tag_is_not_modified_for_head_as_well(client: httpx.AsyncClient) -> None:
    etag = (await client.head("/state.pth")).headers["etag"]
    answer = await client.head("/state.pth", headers={"If-None-Match": etag})
    assert answer.status_code == 304


async def test_a_head_is_counted_as_one(client: httpx.AsyncClient) -> None:
    await client.head("/model")
    counted = 'http_requests_total{method="HEAD",route="/model",status="200"} 1.0'
    assert counted in (await client.get("/metrics")).text


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/", "GET, HEAD, OPTIONS"),
        ("/health/ready", "GET, HEAD, OPTIONS"),
        ("/state.pth", "GET, HEAD, OPTIONS"),
        ("/v2/health/live", "GET, HEAD, OPTIONS"),
        ("/predict", "OPTIONS, POST"),
        ("/v2/models/iris-model/infer", "OPTIONS, POST"),
    ],
)
async def test_what_a_path_answers_to_is_said(
    client: httpx.AsyncClient, path: str, allowed: str
) -> None:
    answer = await client.options(path)
    assert (answer.status_code, answer.headers["allow"], answer.content) == (204, allowed, b"")
    answer = await client.delete(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


def test_the_check_of_a_proxy_is_answered(server: Process) -> None:
    for start in (b"OPTIONS / HTTP/1.0", b"HEAD / HTTP/1.0", b"HEAD /health/ready HTTP/1.0"):
        with connected(server.url) as wire:
            wire.send(start + b"\r\n\r\n")
            reply = wire.reply("HEAD")
            assert reply is not None
            assert reply.status in (200, 204)
    with connected(server.url) as wire:
        wire.send(get(b"*", method=b"OPTIONS"))
        assert wire.reply("HEAD").status == 204


def test_no_address_is_redirected(server: Process) -> None:
    paths = {path.partition("?")[0] for path in readable(server.url)}
    others = ["/predict", "/explain", "/feedback", "/v2/models/iris-model/infer", "/health"]
    for path in sorted(paths | set(others)):
        other = path[:-1] if path.endswith("/") else f"{path}/"
        if other in paths or not other:
            continue
        # A name of a tensor may end with a slash.
        tensor = other.rpartition("/state/")[2] not in ("", other)
        for method, status in (("GET", 404), ("POST", 405 if "/page/" in other or tensor else 404)):
            answer = rest.request(method, server.url + other)
            assert (answer.status_code, "location" in answer.headers) == (status, False), other
            if status == 404 and not other.startswith("/page/"):
                assert other.rpartition("/state/")[2] in answer.text


async def test_below_a_servers_own_prefix_answers_are_the_same() -> None:
    async with open_client(Settings(model=IRIS)) as client:
        transport = client._transport
        transport.root_path = "/prefix"
        assert (await client.get("/prefix/health/ready")).status_code == 200
        assert (await client.get("/prefix/openapi.json")).json()["servers"] == [{"url": "."}]
        missing = await client.get("/prefix/v2/models/none")
        assert (missing.status_code, set(missing.json())) == (404, {"error"})
        missing = await client.get("/prefix/nowhere")
        assert missing.json()["detail"] == "nothing is served at /prefix/nowhere"
