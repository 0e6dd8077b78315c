"""The addresses of the service: the same with one and two workers, for HTTP and gRPC."""

import errno
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from app.addresses import bind_host, name_of, remove_stale
from app.errors import SettingsError
from tests import rest
from tests.process import forked, running_server, wait_until
from tests.project import ROOT, SETOSA
from tests.rpc import rpc_of
from tests.workers import workers_of

LOOPBACKS = ("127.0.0.1", "::1")


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def reached_at(port: int) -> list[str]:
    """The loopback addresses on which a server answers."""
    found = []
    for host in LOOPBACKS:
        try:
            socket.create_connection((host, port), timeout=30).close()
            found.append(host)
        except ConnectionRefusedError:
            pass
    return found


@needs_ipv6
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("host", "expected"), [("::", LOOPBACKS), ("0.0.0.0", LOOPBACKS[:1])])
def test_a_wildcard_means_the_same_with_any_number_of_workers(
    tmp_path: Path, host: str, expected: tuple[str, ...], workers: int
) -> None:
    options = ("--host", host, "--grpc-port", "0", "--workers", str(workers))
    with running_server(tmp_path / "log", *options) as service:
        rpc = rpc_of(service, workers).address
        assert reached_at(port_of(service.url)) == [*expected]
        # gRPC's library listens on both families for either wildcard.
        assert reached_at(port_of(rpc)) == [*LOOPBACKS]
        assert rest.get(f"{service.url}/health/live").is_success
        assert service.stop() == 0


@needs_ipv6
@pytest.mark.parametrize(
    ("host", "names"),
    [("127.0.0.1", ["127.0.0.1"]), ("::1", ["[::1]"]), ("::", ["[::]"]), ("0.0.0.0", ["0.0.0.0"])],
)
def test_an_address_is_bound_as_it_is_written(host: str, names: list[str]) -> None:
    bound = bind_host("port", host, 0)
    assert [name_of(each).rpartition(":")[0] for each in bound] == names
    for each in bound:
        each.close()


SEVERAL = """
mount --bind "$1" /etc/hosts || exit 77
exec "$2" -c '
from app.addresses import bind_host, name_of
print(*map(name_of, bind_host("port", "both", 0)))
'
"""


@needs_ipv6
def test_a_name_is_each_of_its_addresses_that_are_here_on_one_port(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 both\n::1 both\n203.0.113.1 both\n")
    rights = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    command = ["unshare", *rights, "--mount", "sh", "-c", SEVERAL, "sh", hosts, sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode == 77 or done.stderr.startswith("unshare: "):
        pytest.skip(f"no right to mount: {done.stderr}")
    hosts, ports = zip(*(name.rsplit(":", 1) for name in done.stdout.split()), strict=True)
    assert sorted(hosts) == ["127.0.0.1", "[::1]"]
    assert len(set(ports)) == 1


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("nosuch.invalid", ".*: nosuch.invalid"),
        ("203.0.113.1", "Cannot assign requested address: 203.0.113.1 port 0"),
        ("a" * 64 + ".example", ".*aaa"),
    ],
)
def test_a_host_that_is_none_of_this_machine_is_named(host: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=f"^--host .*: {reason}"):
        bind_host("port", host, 0)


def leave_behind(path: Path) -> None:
    """Leaves its socket, as a killed process does."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert stat.S_ISSOCK(path.stat().st_mode)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_path_is_served_and_is_gone_at_the_end(tmp_path: Path, workers: str) -> None:
    path = tmp_path / "service.sock"
    leave_behind(path)
    options = ("--uds", str(path), "--workers", workers)
    with running_server(tmp_path / "log", *options) as service:
        assert service.url == f"unix:{path}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o666

        def predict() -> None:
            transport = httpx.HTTPTransport(uds=str(path))
            with httpx.Client(transport=transport, base_url="http://service") as client:
                answer = client.post("/predict", json=SETOSA, timeout=30)
                assert answer.json()["class"] == "setosa"

        predict()
        assert refusal(*options) == f"Address already in use: {path}"
        for killed in workers_of(service):
            os.kill(killed, signal.SIGKILL)
            wait_until(lambda killed=killed: len(set(workers_of(service)) - {killed}) == 2)
            predict()
        # A worker that ends alone loses no connection of the others.
        for ended in workers_of(service)[:1]:
            os.kill(ended, signal.SIGTERM)
            wait_until(lambda ended=ended: len(set(workers_of(service)) - {ended}) == 2)
            predict()
        assert service.stop() == 0
    assert not path.exists()


def refusal(*options: str) -> str:
    command = forked("app", "serve", *options)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.returncode == 2
    *_, last = map(json.loads, done.stderr.splitlines())
    start = "--uds (STATESERVE_UDS): "
    assert last["message"].startswith(start)
    return last["message"].removeprefix(start)


def make_file(path: Path) -> None:
    path.write_text("somebody's")


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "a file": (make_file, "there is a file that is no socket"),
    "a folder": (Path.mkdir, "there is a file that is no socket"),
    "a link": (lambda path: path.symlink_to("elsewhere"), "there is a file that is no socket"),
}


@pytest.mark.parametrize(("make", "reason"), WRONG.values(), ids=WRONG)
def test_what_is_no_socket_is_not_removed(
    tmp_path: Path, make: Callable[[Path], object], reason: str
) -> None:
    path = tmp_path / "there"
    make(path)
    with pytest.raises(OSError, match=reason) as caught:
        remove_stale(path)
    assert caught.value.errno == errno.EEXIST
    assert path.is_symlink() or path.exists()


def test_a_socket_that_somebody_listens_on_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "there"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(0)
        with socket.socket(socket.AF_UNIX) as waiting, socket.socket(socket.AF_UNIX) as refused:
            # Its queue is full, too.
            for client in (waiting, refused):
                client.setblocking(False)
                client.connect_ex(str(path))
            remove_stale(path)
            assert path.exists()
    remove_stale(path)
    assert not path.exists()
    remove_stale(path)


def test_a_path_that_cannot_be_is_refused_in_one_line(tmp_path: Path) -> None:
    assert refusal("--uds", f"{tmp_path}/no/such.sock").startswith("No such file or directory: ")
    assert refusal("--uds", f"{tmp_path}/{'x' * 108}").startswith("AF_UNIX path too long: ")
