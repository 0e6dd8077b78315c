"""Servers behind nginx are replaced one after the other, without an effect on clients."""

import contextlib
import socket
import threading
from collections import Counter
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.process import running_server, wait_until
from tests.proxies import NGINX, nginx_before
from tests.wire import FLOWER


class Clients:
    """Clients that send requests without pause, each on a new connection."""

    def __init__(self, url: str, count: int) -> None:
        self.statuses: Counter[int] = Counter()
        self._host = url.removeprefix("http://")
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask_on) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _ask_on(self) -> None:
        while not self._stop.is_set():
            client = HTTPConnection(self._host, timeout=60)
            client.request("POST", "/predict", FLOWER, {"Content-Type": "application/json"})
            self.statuses[client.getresponse().status] += 1
            client.close()

    def wait_for_more(self, more: int = 100) -> None:
        until = self.statuses.total() + more
        wait_until(lambda: self.statuses.total() >= until)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=120)


def find_port() -> str:
    """A free port outside the ephemeral range, so that another server can bind it again."""
    for port in range(20_000, 30_000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return str(port)
    raise AssertionError


@pytest.mark.skipif(NGINX is None, reason="needs nginx")
def test_a_rolling_replacement_loses_no_request(tmp_path: Path) -> None:
    def log(name: str) -> Path:
        return tmp_path / f"{name}.log"

    with (
        running_server(log("first"), "--workers", "2", "--port", find_port()) as first,
        running_server(log("second")) as second,
        nginx_before(tmp_path, first.url, second.url) as url,
    ):
        clients = Clients(url, 8)
        try:
            clients.wait_for_more()
            assert first.stop() == 0
            clients.wait_for_more()
            place = ("--port", first.url.rpartition(":")[2])
            with running_server(log("new"), *place):
                clients.wait_for_more()
                assert second.stop() == 0
                clients.wait_for_more()
                clients.stop()
        finally:
            clients.stop()
    assert set(clients.statuses) == {200}, clients.statuses
