"""Real proxies before a server, if they are installed."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
# At / nginx keeps connections to the servers. The service is below /prefix/ as well, and nginx
# passes on a body of any size.
NGINX_CONFIGURATION = """
daemon off;
{user}
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    upstream service {{
        {servers}
        keepalive 16;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass http://service;
        }}
        location /prefix/ {{ proxy_pass http://service/; }}
        location /unbuffered/ {{
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_pass http://service/;
        }}
    }}
}}
"""
HAPROXY_CONFIGURATION = """
global
    stats socket {folder}/stats level admin
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
{backends}
"""


@contextmanager
def nginx_before(folder: Path, *urls: str) -> Iterator[str]:
    """nginx as a load balancer for the servers at `urls`; yields its address."""
    port = free_port()
    # Otherwise it writes large bodies as another user, without rights to the test's folder.
    user = "user root;" if os.getuid() == 0 else ""
    addresses = [url.removeprefix("http://") for url in urls]
    servers = " ".join(f"server {address} max_fails=0;" for address in addresses)
    text = NGINX_CONFIGURATION.format(folder=folder, port=port, servers=servers, user=user)
    (folder / "nginx.conf").write_text(text)
    command = [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with running(command, (folder / "pid").exists):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def haproxy_before(url: str, folder: Path, checks: dict[str, list[str]]) -> Iterator[Path]:
    """HAProxy with a backend for each check of the server at `url`; yields its control socket."""
    lines = []
    for name, check in checks.items():
        address = url.removeprefix("http://")
        lines += [f"backend {name}", *check, f"server one {address} check inter 100ms"]
    text = HAPROXY_CONFIGURATION.format(folder=folder, backends="\n".join(lines))
    (folder / "haproxy.cfg").write_text(text)
    with running([str(HAPROXY), "-f", str(folder / "haproxy.cfg")], (folder / "stats").exists):
        yield folder / "stats"


@contextmanager
def running(command: list[str], is_up: Callable[[], bool]) -> Iterator[None]:
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 60
            while not is_up():
                assert process.poll() is None, command
                assert time.monotonic() < deadline, command
                time.sleep(0.05)
            yield
        finally:
            process.terminate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
