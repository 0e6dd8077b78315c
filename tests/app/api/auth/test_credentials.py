"""Accepted and refused forms of a key, and rates."""

from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.api.auth.keys import Scope
from app.settings.settings import Settings
from tests.keys import bearer, write_keys
from tests.project import IRIS, SETOSA
from tests.service import open_client


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Basic {key}",
        "{key}",
        "Bearer{key}",
        "Bearer {key}x",
        "Bearer {key} {key}",
        "Bearer {key},",
        "Bearer \xe9",
    ],
)
async def test_another_credential_is_none(
    guarded: httpx.AsyncClient, keys: dict[Scope, str], value: str
) -> None:
    given = value.replace("{key}", keys[Scope.PREDICT]).encode("latin-1")
    for url in ("/predict", "/predict?calibrated=false"):
        response = await guarded.post(url, json=SETOSA, headers={"Authorization": given})
        assert response.status_code == 401
        assert response.headers["content-type"] == "application/problem+json"
        unknown = given.startswith(b"Bearer ") and given != b"Bearer "
        challenge = 'Bearer error="invalid_token"' if unknown else "Bearer"
        assert response.headers["www-authenticate"] == challenge


async def test_the_scheme_is_read_in_any_case_and_two_credentials_are_none(
    guarded: httpx.AsyncClient, keys: dict[Scope, str]
) -> None:
    right = ("Authorization", f"bearer  {keys[Scope.PREDICT]}")
    assert (await guarded.get("/model", headers=[right])).status_code == 200
    wrong = ("Authorization", "Bearer wrong")
    for both in ([right, wrong], [wrong, right]):
        assert (await guarded.get("/model", headers=both)).status_code == 401


async def test_a_key_elsewhere_is_no_key(
    guarded: httpx.AsyncClient, keys: dict[Scope, str]
) -> None:
    key = keys[Scope.INSPECT]
    assert (await guarded.get("/state", headers={"X-API-Key": key})).status_code == 401
    assert (await guarded.get(f"/state?key={key}")).status_code == 401
    assert (await guarded.get("/state", headers={"Cookie": f"key={key}"})).status_code == 401


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from([b"", b"Bearer", b"Bearer ", b"bEARER ", b"Basic ", b" ", b","])
        | st.binary()
        | st.sampled_from([b"{key}"]),
        max_size=4,
    ),
    st.sampled_from(["GET", "POST", "PUT", "OPTIONS", "HEAD", "x"]),
    st.sampled_from(["/predict", "/state", "/models/iris-model/load", "/nothing", "//state"]),
)
async def test_no_credential_makes_a_500_or_opens_what_it_must_not(
    guarded: httpx.AsyncClient, keys: dict[Scope, str], parts: list[bytes], method: str, path: str
) -> None:
    value = b"".join(parts).replace(b"{key}", keys[Scope.METRICS].encode())
    headers = [(b"Authorization", value)]
    response = await guarded.request(method, f"http://test{path}", headers=headers)
    # A key with only the scope metrics is refused; OPTIONS names methods, as a 405 does.
    assert response.status_code in (401, 403, 404, 204 if method == "OPTIONS" else 405)
    assert response.status_code != 204 or response.content == b""


async def test_over_its_rate_a_key_waits(tmp_path: Path) -> None:
    keys = write_keys(tmp_path / "keys.toml", rate="3/hour")
    predict, inspect = bearer(keys[Scope.PREDICT]), bearer(keys[Scope.INSPECT])
    async with open_client(Settings(model=IRIS, api_keys=tmp_path / "keys.toml")) as client:
        # Requests of the fast path and of the application count together.
        for url in ("/predict", "/predict?calibrated=true", "/predict"):
            assert (await client.post(url, json=SETOSA, headers=predict)).status_code == 200
        for url in ("/predict", "/predict?calibrated=true"):
            response = await client.post(url, json=SETOSA, headers=predict)
            assert response.status_code == 429
            assert response.json()["detail"].startswith("the key 'predict-key' is over its rate")
            assert 0 < int(response.headers["retry-after"]) <= 1200
            assert response.headers["ratelimit-policy"] == '"key";q=3;w=3600'
            seconds = response.headers["retry-after"]
            assert response.headers["ratelimit"] == f'"key";r=0;t={seconds}'
        assert (await client.get("/state", headers=inspect)).status_code == 200
        assert (await client.get("/health/ready", headers=predict)).status_code == 200
