"""The page's files over HTTP; tests/app/page tests their behaviour."""

import gzip
import re

import httpx
import pytest

from app.api.assets import FOLDER, MEDIA_TYPES, assets


async def test_the_root_is_the_page(client: httpx.AsyncClient) -> None:
    response = await client.get("/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"
    policy = response.headers["content-security-policy"].split("; ")
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not any("unsafe" in directive for directive in policy)
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_any_address_has_the_page(client: httpx.AsyncClient) -> None:
    """A feature may stand twice in an input that somebody typed."""
    response = await client.get("/?petal_length=4.5&petal_length=5&statistics=false")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")


async def test_the_page_needs_one_style_sheet_one_script_and_one_icon(
    client: httpx.AsyncClient,
) -> None:
    page = (await client.get("/")).text
    paths = re.findall(r'(?:src|href)="page/(.+?)"', page)
    assert [path.rpartition(".")[2] for path in paths] == ["svg", "css", "js"]
    for path in paths:
        response = await client.get(f"/page/{path}")
        assert response.headers["content-type"] == MEDIA_TYPES[path[path.rindex(".") :]]
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    style = (await client.get(f"/page/{paths[1]}")).text
    assert all(source.read_text() in style for source in FOLDER.glob("*.css"))


async def test_the_scripts_map_leads_to_the_lines_of_every_module(
    client: httpx.AsyncClient,
) -> None:
    path = next(path for path in assets() if re.fullmatch(r"main-.+\.js", path))
    lines = (await client.get(f"/page/{path}")).text.splitlines()
    source_map = (await client.get(f"/page/{path}.map")).json()
    modules = {source.relative_to(FOLDER).as_posix() for source in FOLDER.rglob("*.js")}
    assert {section["map"]["sources"][0] for section in source_map["sections"]} == modules
    for section in source_map["sections"]:
        (name,) = section["map"]["sources"]
        source = (await client.get(f"/page/{name}")).text.splitlines()
        start = section["offset"]["line"]
        # Only the lines of imports and exports differ, and those of types are empty.
        assert all(
            line in lines[start + number]
            or re.search(r"import|export|^}", line)
            or (line.lstrip().startswith("/**") and "/**" not in lines[start + number])
            for number, line in enumerate(source)
        )


async def test_files_are_compressed_for_a_client_that_can_read_them(
    client: httpx.AsyncClient,
) -> None:
    for accepted in ("gzip, deflate, br", "br, gzip;q=0.5"):
        headers = {"Accept-Encoding": accepted}
        async with client.stream("GET", "/page/main.js", headers=headers) as response:
            raw = b"".join([part async for part in response.aiter_raw()])
        assert gzip.decompress(raw) == (FOLDER / "main.js").read_bytes()
        assert response.headers["vary"] == "Accept-Encoding"
    for refused in ("identity", "gzip;q=0", "gzip;q=0.000, br", ""):
        response = await client.get("/page/main.js", headers={"Accept-Encoding": refused})
        assert "content-encoding" not in response.headers
        assert response.content == (FOLDER / "main.js").read_bytes()


async def test_a_browser_that_has_a_file_gets_it_no_second_time(client: httpx.AsyncClient) -> None:
    for accepted in ("gzip", "identity"):
        headers = {"Accept-Encoding": accepted}
        first = await client.get("/", headers=headers)
        assert first.headers["cache-control"] == "no-cache"
        known = headers | {"If-None-Match": first.headers["etag"]}
        again = await client.get("/", headers=known)
        assert (again.status_code, again.content) == (304, b"")
        assert (await client.get("/", headers=headers)).headers["etag"] == first.headers["etag"]


@pytest.mark.parametrize(
    "path", ["nothing.js", "../main.py", "%2e%2e/main.py", "", "draw", "draw/"]
)
async def test_other_paths_are_not_found(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(f"/page/{path}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


def test_nothing_is_inline() -> None:
    page = (FOLDER / "index.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", page)
    assert not re.search(r"https?://", page)
