"""The page's files over HTTP; tests/app/page tests their behaviour."""

import posixpath
import re
from pathlib import PurePosixPath

import httpx
import pytest

from app.api.endpoints.page import FOLDER, MEDIA_TYPES, assets


async def test_the_root_is_the_page(client: httpx.AsyncClient) -> None:
    response = await client.get("/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.content == (FOLDER / "index.html").read_bytes()
    policy = response.headers["content-security-policy"].split("; ")
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not any("unsafe" in directive for directive in policy)
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_what_a_page_refers_to_is_served(client: httpx.AsyncClient) -> None:
    waiting, seen = ["index.html"], set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        response = await client.get(f"/page/{path}")
        assert response.status_code == 200, path
        assert response.headers["content-type"] == MEDIA_TYPES[PurePosixPath(path).suffix]
        folder = posixpath.dirname(path)
        imported = re.findall(r'(?m)^(?:import .*|} )from "(.+?)"', response.text)
        waiting += [posixpath.normpath(posixpath.join(folder, found)) for found in imported]
        waiting += re.findall(r'(?:src|href)="page/(.+?)"', response.text)
    assert seen == set(assets())


async def test_a_browser_that_has_a_file_gets_it_no_second_time(client: httpx.AsyncClient) -> None:
    first = await client.get("/page/main.js")
    assert first.headers["cache-control"] == "no-cache"
    again = await client.get("/page/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = await client.head("/page/main.js")
    assert head.headers["content-length"] == str(len(first.content))


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
