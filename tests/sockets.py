"""Finds the process of a connection, by the kernel's tables."""

from collections.abc import Iterable
from pathlib import Path

import httpx

from tests import rest


def holders(port: int, pids: Iterable[int], peer: int | None = None) -> set[int]:
    """The processes with connections to this port; with `peer`, only from that port."""
    sockets = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, remote, state, *_, inode = line.split()[:10]
            established = state == "01"
            ports = [int(address.rpartition(":")[2], 16) for address in (local, remote)]
            if established and ports[0] == port and peer in (None, ports[1]):
                sockets.add(f"socket:[{inode}]")
    return {pid for pid in pids if sockets & _links(pid)}


def ask(
    method: str, url: str, pids: Iterable[int], body: object = None
) -> tuple[int, httpx.Response]:
    """Send a request on a new connection; returns the process that answered."""
    with rest.client(timeout=30) as client:
        answer = client.request(method, url, json=body)
        _, peer = answer.extensions["network_stream"].get_extra_info("client_addr")
        (pid,) = holders(httpx.URL(url).port or 80, pids, peer)
    return pid, answer


def _links(pid: int) -> set[str]:
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.add(str(link.readlink()))
        except FileNotFoundError:
            # Closed meanwhile.
            continue
    return found
