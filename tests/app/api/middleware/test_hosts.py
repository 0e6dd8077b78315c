"""Only requests with a trusted Host are answered."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.middleware.hosts import TrustedHosts
from app.errors import UntrustedHost
from app.settings.settings import Settings
from tests.project import IRIS, SETOSA
from tests.service import open_client

HOSTS = "models.example.com,*.internal,127.0.0.1,[::1]"


async def ask(client: httpx.AsyncClient, host: str, method: str, url: str) -> httpx.Response:
    body = SETOSA if method == "POST" else None
    return await client.request(method, url, json=body, headers={"Host": host.encode("latin-1")})


REQUESTS = [("POST", "/predict"), ("POST", "/predict?calibrated=false"), ("GET", "/model")]


@pytest.mark.parametrize(
    "host",
    [
        "models.example.com",
        "MODELS.example.com:8000",
        "a.b.internal:1",
        "127.0.0.1:8000",
        "[::1]:8000",
        "[::1]",
    ],
)
async def test_our_own_names_are_answered(host: str) -> None:
    async with open_client(Settings(model=IRIS, trusted_hosts=HOSTS)) as client:
        for method, url in REQUESTS:
            assert (await ask(client, host, method, url)).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.com",
        "evil.com:8000",
        "models.example.com.evil.com",
        "evilinternal",
        "internal",
        "example.com",
        "www.models.example.com",
        "evil.com@models.example.com",
        "models.example.com@evil.com",
        "models.example.com, evil.com",
        "models.example.com/",
        "[::2]",
        "127.0.0.2",
        "*.internal",
        "\xe9",
        "",
    ],
)
async def test_other_names_are_misdirected(host: str) -> None:
    async with open_client(Settings(model=IRIS, trusted_hosts=HOSTS)) as client:
        answers = [await ask(client, host, method, url) for method, url in REQUESTS]
        others = [await ask(client, host, "GET", url) for url in ("/", "/docs", "/nothing", "//")]
        open_inference = await ask(client, host, "GET", "/v2/models/iris-model")
        health = [await ask(client, host, "GET", f"{of}/health/live") for of in ("", "/v2")]
    for response in answers + others:
        assert response.status_code == 421
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["detail"].startswith("not the service of ")
        assert "x-request-id" in response.headers
    assert open_inference.status_code == 421
    assert open_inference.json()["error"].startswith("not the service of ")
    assert [each.status_code for each in health] == [200, 200]


async def test_any_name_will_do_unless_some_are_given(client: httpx.AsyncClient) -> None:
    for method, url in REQUESTS:
        assert (await ask(client, "evil.com", method, url)).status_code == 200


@given(st.binary(), st.lists(st.sampled_from(["a.com", "*.b.com", "[::1]"]), min_size=1))
def test_a_host_of_any_bytes_is_taken_or_refused(host: bytes, patterns: list[str]) -> None:
    try:
        TrustedHosts(patterns).require(host)
    except UntrustedHost:
        return
    name = host.lower().decode()
    assert name.startswith(("a.com", "[::1]")) or ".b.com" in name


def test_a_star_is_any_name() -> None:
    TrustedHosts(["*"]).require(b"evil.com")
