"""The sockets that the service is reached at: of an address, of a name, or of a path.

One meaning, however many workers there are: 0.0.0.0 is every IPv4 address of the machine, :: every
one of both families, and a name each address that it has here.
"""

import errno
import socket
import stat
from pathlib import Path
from typing import Any

from app.errors import SettingsError
from app.settings import Settings, variable

# As socket.getaddrinfo has it.
Address = tuple[Any, ...]
# How often a port that the system chose for one address is tried for the others.
ATTEMPTS = 20
# Who may come is for the folder to say, as for 127.0.0.1 it is the machine.
MODE = 0o666
# What a name has in /etc/hosts, and this machine has not.
NOT_HERE = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


def bind(settings: Settings, backlog: int) -> list[socket.socket]:
    """Those of the service itself. Raises SettingsError, naming the setting."""
    if settings.uds is not None:
        return [_bind_path(settings.uds, backlog)]
    return bind_host("port", settings.host, settings.port)


def bind_host(setting: str, host: str, port: int) -> list[socket.socket]:
    """A socket for each address of `host`, on one port; `setting` is that of the port.

    None listens yet, and nobody else can have the port. Raises SettingsError.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise _refusal("host", f"{reason}: {host}") from None
    addresses: list[tuple[int, Address]] = list(
        dict.fromkeys((family, address) for family, _, _, _, address in found)
    )
    for left in reversed(range(ATTEMPTS)):
        try:
            return _bind_all(addresses)
        except OSError as error:
            if port == 0 and left and error.errno == errno.EADDRINUSE:
                continue
            where = "host" if error.errno in NOT_HERE else setting
            raise _refusal(where, f"{error.strerror}: {host} port {port}") from None
    raise AssertionError


def _bind_all(addresses: list[tuple[int, Address]]) -> list[socket.socket]:
    bound: list[socket.socket] = []
    absent: OSError | None = None
    try:
        for family, address in addresses:
            port = bound[0].getsockname()[1] if bound else address[1]
            try:
                bound.append(_bind_one(family, (address[0], port, *address[2:])))
            except OSError as error:
                if error.errno not in NOT_HERE:
                    raise
                absent = error
        if absent and not bound:
            raise absent
    except OSError:
        for each in bound:
            each.close()
        raise
    return bound


def _bind_one(family: int, address: Address) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # Whatever net.ipv6.bindv6only says.
            only = address[0] != "::"
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


def _bind_path(path: Path, backlog: int) -> socket.socket:
    """It listens at once: then nobody takes it for one that was left behind."""
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        remove_stale(path)
        bound.bind(str(path))
        path.chmod(MODE)
        bound.listen(backlog)
    except OSError as error:
        bound.close()
        raise _refusal("uds", f"{error.strerror or error}: {path}") from None
    return bound


def remove_stale(path: Path) -> None:
    """Remove a socket that nobody listens on, as at the end, or where a process was killed.

    Raises OSError for what is none.
    """
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise OSError(errno.EEXIST, "there is a file that is no socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        # One whose queue is full has somebody, too.
        asking.setblocking(False)
        if asking.connect_ex(str(path)) == errno.ECONNREFUSED:
            path.unlink()


def share(bound: socket.socket, workers: int, backlog: int) -> list[socket.socket]:
    """A listening socket for each worker, in the place of one that is bound.

    The kernel deals connections out over them. From a single one the worker that happens to wake
    first would take all that wait: of 8 often 8. Of a path there can be one alone.
    """
    if bound.family == socket.AF_UNIX:
        return [bound, *(bound.dup() for _ in range(workers - 1))]
    # Not before it is bound: else another service could have the port as well.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.listen(backlog)
    others = [socket.socket(bound.family, socket.SOCK_STREAM) for _ in range(workers - 1)]
    for other in others:
        # Else the connections that it had keep the port from whoever starts after us.
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if bound.family == socket.AF_INET6:
            only = bound.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
            other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
        other.bind(bound.getsockname())
        other.listen(backlog)
    return [bound, *others]


def name_of(bound: socket.socket) -> str:
    """As a client writes it: 127.0.0.1:8000, [::]:8000 or unix:/run/stateserve.sock."""
    name = bound.getsockname()
    if bound.family == socket.AF_UNIX:
        return f"unix:{name}"
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _refusal(setting: str, reason: str) -> SettingsError:
    option = setting.replace("_", "-")
    return SettingsError(f"setting {variable(setting)} (--{option}): {reason}")
