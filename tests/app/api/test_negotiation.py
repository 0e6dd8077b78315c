"""Accept and If-None-Match (RFC 9110), on one tensor."""

import httpx
import pytest

TENSOR = "/state/hidden.weight"
JSON, NPY, SAFETENSORS = "application/json", "application/x-npy", "application/vnd.safetensors"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", JSON),
        ("application/*", JSON),
        (NPY, NPY),
        (NPY.upper(), NPY),
        (f"{JSON};q=0.5, {NPY}", NPY),
        (f"{JSON};q=0, */*;q=0.1", NPY),
        ("text/html, */*;q=0.1", JSON),
        (f"{NPY};charset=utf-8;q=0.9, {JSON};q=0.1", NPY),
    ],
)
async def test_the_best_match_for_accept(
    client: httpx.AsyncClient, accept: str, expected: str
) -> None:
    response = await client.get(TENSOR, headers={"Accept": accept})
    assert response.status_code == 200
    assert response.headers["content-type"] == expected


async def test_an_accept_that_nothing_matches(client: httpx.AsyncClient) -> None:
    response = await client.get(TENSOR, headers={"Accept": "text/html"})
    assert response.status_code == 406
    assert NPY in response.json()["detail"]


async def test_the_query_is_stronger_than_accept(client: httpx.AsyncClient) -> None:
    response = await client.get(TENSOR, params={"format": "npy"}, headers={"Accept": JSON})
    assert response.headers["content-type"] == NPY


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
async def test_a_known_etag_is_not_sent_again(client: httpx.AsyncClient, form: str) -> None:
    etag = (await client.get(TENSOR)).headers["etag"]
    response = await client.get(TENSOR, headers={"If-None-Match": form.format(etag)})
    assert response.status_code == 304
    assert response.content == b""
    assert response.headers["etag"] == etag


async def test_another_etag_is_answered_in_full(client: httpx.AsyncClient) -> None:
    response = await client.get(TENSOR, headers={"If-None-Match": '"other"'})
    assert response.status_code == 200
