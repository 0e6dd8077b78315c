"""Security headers for browsers, and CORS for pages of other origins."""

from pathlib import Path

import httpx
import pytest

from app.api.endpoints.page import HEADERS as PAGE_HEADERS
from app.api.middleware.security_headers import HEADERS
from app.settings.settings import Settings
from tests.keys import bearer, write_keys
from tests.project import IRIS, SETOSA
from tests.service import open_client

ORIGIN = "https://app.example.com"
OTHER = "https://evil.com"
LOADED = ["/", "/docs", "/openapi.json", "/model", "/state", "/state.pth", "/metrics", "/nothing"]


def cors(response: httpx.Response) -> dict[str, str]:
    return {k: v for k, v in response.headers.items() if k.startswith("access-control-")}


@pytest.mark.parametrize("path", LOADED)
async def test_what_a_page_can_load_says_what_may_be_done_with_it(
    client: httpx.AsyncClient, path: str
) -> None:
    response = await client.get(path)
    expected = HEADERS | (PAGE_HEADERS if path == "/" else {})
    assert {name: response.headers.get_list(name) for name in expected} == {
        name: [value] for name, value in expected.items()
    }
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]


async def test_a_prediction_is_no_longer_for_it(client: httpx.AsyncClient) -> None:
    for url in ("/predict", "/predict?calibrated=false"):
        response = await client.post(url, json=SETOSA)
        assert set(response.headers) == {"content-length", "content-type", "x-request-id"}


async def test_behind_keys_no_shared_cache_keeps_an_answer(tmp_path: Path) -> None:
    keys = write_keys(tmp_path / "keys.toml")
    async with open_client(Settings(model=IRIS, api_keys=tmp_path / "keys.toml")) as client:
        for key in keys.values():
            for path in LOADED:
                response = await client.get(path, headers=bearer(key))
                assert response.headers.get_list("cache-control") == ["private, no-cache"]
        etag = (await client.get("/state", headers=bearer(keys["inspect"]))).headers["etag"]
        known = {"If-None-Match": etag}
        assert (await client.get("/state", headers=known)).status_code == 401
        again = await client.get("/state", headers=known | bearer(keys["inspect"]))
        assert again.status_code == 304


async def test_no_other_origin_may_ask_by_default(client: httpx.AsyncClient) -> None:
    for method, path in (("POST", "/predict"), ("GET", "/model"), ("OPTIONS", "/predict")):
        headers = {"Origin": OTHER, "Access-Control-Request-Method": "POST"}
        response = await client.request(method, path, json=SETOSA, headers=headers)
        assert cors(response) == {}
    assert response.status_code == 204


async def test_the_origins_that_are_named_may_ask(tmp_path: Path) -> None:
    keys = write_keys(tmp_path / "keys.toml")
    origins = f"{ORIGIN}, http://localhost:3000"
    settings = Settings(model=IRIS, cors_origins=origins, api_keys=tmp_path / "keys.toml")
    async with open_client(settings) as client:
        for url in ("/predict", "/predict?calibrated=false"):
            for origin, allowed in (
                (ORIGIN, True),
                ("http://localhost:3000", True),
                (OTHER, False),
            ):
                preflight = await client.options(
                    url,
                    headers={
                        "Origin": origin,
                        "Access-Control-Request-Method": "POST",
                        "Access-Control-Request-Headers": "authorization, content-type",
                    },
                )
                assert preflight.is_success == allowed
                answers = [
                    await client.post(url, json=SETOSA, headers={"Origin": origin} | key)
                    for key in (bearer(keys["predict"]), {})
                ]
                assert [answer.status_code for answer in answers] == [200, 401]
                for response in [preflight, *answers]:
                    found = response.headers.get("access-control-allow-origin")
                    assert found == (origin if allowed else None)
                    assert "access-control-allow-credentials" not in response.headers
                exposed = answers[0].headers.get("access-control-expose-headers", "")
                assert not allowed or "X-Out-Of-Range-Rows" in exposed.split(", ")
        same = await client.post("/predict", json=SETOSA, headers=bearer(keys["predict"]))
        assert "access-control-allow-origin" not in same.headers
        assert same.status_code == 200


async def test_a_star_is_every_origin() -> None:
    async with open_client(Settings(model=IRIS, cors_origins="*")) as client:
        response = await client.post("/predict", json=SETOSA, headers={"Origin": OTHER})
    assert response.headers["access-control-allow-origin"] == "*"
