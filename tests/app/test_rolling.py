"""Behind nginx one server after the other is replaced: no client notices."""

import shutil
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.app.test_drain import BODY
from tests.app.test_workers import wait_until
from tests.conftest import running_server

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
CONFIGURATION = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream service {{
        server {first} max_fails=0;
        server {second} max_fails=0;
        keepalive 16;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://service;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def nginx_before(folder: Path, first: str, second: str) -> Iterator[int]:
    """nginx that shares requests out over two servers; its port."""
    port = free_port()
    (folder / "nginx.conf").write_text(
        CONFIGURATION.format(folder=folder, first=first, second=second, port=port)
    )
    command = [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as nginx:
        try:
            wait_until(lambda: (folder / "pid").exists())
            yield port
        finally:
            nginx.terminate()


class Clients:
    """Some that ask without pause, each request on a connection of its own."""

    def __init__(self, port: int, count: int) -> None:
        self.statuses: Counter[int] = Counter()
        self._port = port
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask_on) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _ask_on(self) -> None:
        while not self._stop.is_set():
            client = HTTPConnection("127.0.0.1", self._port, timeout=60)
            client.request("POST", "/predict", BODY, {"Content-Type": "application/json"})
            self.statuses[client.getresponse().status] += 1
            client.close()

    def wait_for_more(self, more: int = 100) -> None:
        until = self.statuses.total() + more
        wait_until(lambda: self.statuses.total() >= until)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=60)


@pytest.mark.skipif(NGINX is None, reason="needs nginx")
def test_a_rolling_replacement_loses_no_request(tmp_path: Path) -> None:
    def log(name: str) -> Path:
        return tmp_path / f"{name}.log"

    with (
        running_server(log("first"), "--workers", "2") as first,
        running_server(log("second")) as second,
    ):
        addresses = [each.url.removeprefix("http://") for each in (first, second)]
        with nginx_before(tmp_path, *addresses) as port:
            clients = Clients(port, 8)
            try:
                clients.wait_for_more()
                assert first.stop() == 0
                clients.wait_for_more()
                place = ("--port", addresses[0].rpartition(":")[2])
                with running_server(log("new"), *place):
                    clients.wait_for_more()
                    assert second.stop() == 0
                    clients.wait_for_more()
                    clients.stop()
            finally:
                clients.stop()
    assert set(clients.statuses) == {200}, clients.statuses
