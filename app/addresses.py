"""Binds the listening sockets: of an IP address, a host name, or a Unix socket path.

The number of workers changes no meaning: 0.0.0.0 is every IPv4 address of the machine, :: every
IPv4 and IPv6 address, and a name stands for each local address that it resolves to.
"""

import errno
import socket
import stat
from pathlib import Path

from app.errors import SettingsError
from app.settings import Settings, both_names, option

# In the form that socket.getaddrinfo returns.
Address = tuple[object, ...]
# With port 0 the system chooses a port for the first address, which may be taken on the others.
ATTEMPTS = 20
# The folder's permissions decide which users can connect.
MODE = 0o666
# /etc/hosts may give a name addresses that this machine does not have.
NOT_HERE = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


def bind(settings: Settings, backlog: int) -> list[socket.socket]:
    """Bind the sockets of the HTTP service. Raises SettingsError, which names the setting."""
    if settings.uds is not None:
        return [_bind_path(settings.uds, backlog)]
    return bind_host("port", settings.host, settings.port)


def require_free(settings: Settings) -> None:
    """Raise SettingsError if a port cannot be bound now; a Unix socket is not tried."""
    if settings.uds is None:
        require_free_port("port", settings.host, settings.port)
    if settings.grpc_port is not None:
        require_free_port("grpc_port", settings.host, settings.grpc_port)


def require_free_port(setting: str, host: str, port: int) -> None:
    """Raises the errors of bind_host."""
    for each in bind_host(setting, host, port):
        each.close()


def bind_host(setting: str, host: str, port: int) -> list[socket.socket]:
    """Bind a socket for each address of `host`, on one port; none of them listens yet.

    No other process can bind the port then. Raises SettingsError; `setting` names the port's
    setting in it.
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
            taken = error.errno == errno.EADDRINUSE
            hint = f"; {option(setting)} 0 picks a free one" if taken else ""
            raise _refusal(where, f"{error.strerror}: {host} port {port}{hint}") from None
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
            # The default depends on the system: net.ipv6.bindv6only.
            only = address[0] != "::"
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


def _bind_path(path: Path, backlog: int) -> socket.socket:
    """Listens at once, because another process removes a socket that does not listen."""
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
    """Remove the Unix socket at `path` if no process listens on it.

    Raises OSError if `path` is a file of another type.
    """
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise OSError(errno.EEXIST, "there is a file that is no socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        # A blocking connect would wait for a listener whose queue is full.
        client.setblocking(False)
        if client.connect_ex(str(path)) == errno.ECONNREFUSED:
            path.unlink()


def share(bound: socket.socket, workers: int, backlog: int) -> list[socket.socket]:
    """A listening socket for each worker, on the address of the socket `bound`, which is closed.

    The kernel distributes connections over them. With a single socket, the worker that wakes
    first would take all waiting connections: often 8 of 8. A path can have only one socket.
    """
    if bound.family == socket.AF_UNIX:
        return [bound, *(bound.dup() for _ in range(workers - 1))]
    # Set only after bind: otherwise another service could bind the same port.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    # Not `bound`: a worker that ends stops its socket from listening, and if the kernel has chosen
    # the port, the next worker would then listen on another one.
    shared = [socket.socket(bound.family, socket.SOCK_STREAM) for _ in range(workers)]
    for other in shared:
        # Otherwise its closed connections would keep the next process from binding the port.
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if bound.family == socket.AF_INET6:
            only = bound.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
            other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
        other.bind(bound.getsockname())
        other.listen(backlog)
    bound.close()
    return shared


def name_of(bound: socket.socket) -> str:
    """The address as a client writes it: 127.0.0.1:8000, [::]:8000, unix:/run/stateserve.sock."""
    name = bound.getsockname()
    if bound.family == socket.AF_UNIX:
        return f"unix:{name}"
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _refusal(setting: str, reason: str) -> SettingsError:
    return SettingsError(f"{both_names(setting)}: {reason}")
