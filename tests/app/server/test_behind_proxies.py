"""Behind real proxies: nginx with a path prefix, and HAProxy with health checks."""

import csv
import http.client
import io
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Error, sync_playwright

from tests import rest
from tests.browser import ARGUMENTS, find_chromium
from tests.process import Process
from tests.proxies import HAPROXY, NGINX, haproxy_before, nginx_before

CHROMIUM = find_chromium()
LARGE = b" " * (40 * 2**20)
needs_nginx = pytest.mark.skipif(NGINX is None, reason="needs nginx")


@pytest.fixture(scope="module")
def nginx(server: Process, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with nginx_before(tmp_path_factory.mktemp("nginx"), server.url) as url:
        yield url


@needs_nginx
@pytest.mark.parametrize("place", ["prefix", "unbuffered"])
def test_a_body_over_the_limit_is_413_through_nginx(nginx: str, place: str) -> None:
    host = nginx.removeprefix("http://")
    statuses = []
    for _ in range(10):
        client = http.client.HTTPConnection(host, timeout=60)
        client.request("POST", f"/{place}/predict", LARGE, {"Content-Type": "application/json"})
        statuses.append(client.getresponse().status)
        client.close()
    assert statuses == [413] * 10


@needs_nginx
def test_nothing_below_a_prefix_leads_out_of_it(nginx: str) -> None:
    for path in ("/predict/", "/models/", "/v2/models/", "/docs/", "/health/live/"):
        answer = rest.get(f"{nginx}/prefix{path}")
        assert (answer.status_code, "location" in answer.headers) == (404, False), path
    page = rest.get(f"{nginx}/prefix/docs").text
    assert 'src="/' not in page
    assert 'href="/' not in page


@needs_nginx
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_documentation_works_below_a_prefix(nginx: str) -> None:
    urls: list[str] = []
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        except Error as error:
            pytest.skip(f"Chromium does not start: {error}")
        page = browser.new_page()
        page.on("request", lambda request: urls.append(request.url))
        page.goto(f"{nginx}/prefix/docs")
        operation = page.locator("#operations-operations-live")
        operation.click(timeout=60_000)
        operation.get_by_role("button", name="Try it out").click()
        operation.get_by_role("button", name="Execute").click()
        operation.locator(".live-responses-table .response-col_status").first.wait_for()
        assert "200" in operation.locator(".live-responses-table").inner_text()
        browser.close()
    assert f"{nginx}/prefix/health/live" in urls
    assert all(url.startswith((f"{nginx}/prefix/", "data:")) for url in urls), urls


CHECKS = {
    # OPTIONS / HTTP/1.0, without a Host.
    "default": ["option httpchk"],
    "head": ["option httpchk HEAD /"],
    "ready": ["option httpchk", "http-check send meth HEAD uri /health/ready"],
    "get": ["option httpchk", "http-check send meth GET uri /health/ready"],
}


@pytest.mark.skipif(HAPROXY is None, reason="needs HAProxy")
def test_haproxy_finds_the_server_up(server: Process, tmp_path: Path) -> None:
    with haproxy_before(server.url, tmp_path, CHECKS) as control:
        deadline = time.monotonic() + 60
        # "L7OK" is the result of the last check; "* L7OK" means that a check is running.
        while not all(map(found_up, statistics(control))):
            assert time.monotonic() < deadline, statistics(control)
            time.sleep(0.1)


def found_up(row: dict[str, str]) -> bool:
    """Whether a check has succeeded: HAProxy reports UP also before the first check."""
    return row["status"] == "UP" and row["check_status"].endswith("L7OK")


def statistics(control: Path) -> list[dict[str, str]]:
    """HAProxy's statistics of each server."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(control))
        connection.sendall(b"show stat\n")
        text = connection.makefile().read().removeprefix("# ")
    return [row for row in csv.DictReader(io.StringIO(text)) if row["svname"] == "one"]
