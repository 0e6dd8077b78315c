"""Simultaneous clients are accepted in few loop iterations; at shutdown none is reset."""

import asyncio
import errno
import select
import socket
import struct
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import uvloop

from app.api.app import create_app
from app.server.listeners import refuse_new
from app.server.server import Server
from app.settings.settings import Settings
from tests.project import IRIS

CLIENTS = 32


class Observed(Server):
    """Lets clients connect before the first iteration, and counts those until all are accepted."""

    turns = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        with ExitStack() as clients:
            listener = self.servers[0].sockets[0]
            # tcpi_sacked, the backlog of a listening socket (Linux, tcp_get_info).
            info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
            self.backlog = struct.unpack_from("I", info, 28)[0]
            address = listener.getsockname()
            for _ in range(CLIENTS):
                clients.enter_context(socket.create_connection(address))
            while len(self.server_state.connections) < CLIENTS and self.turns < 10 * CLIENTS:
                self.turns += 1
                await asyncio.sleep(0)
            self.taken = len(self.server_state.connections)
        self.should_exit = True


def test_many_clients_are_taken_in_few_turns_of_the_loop() -> None:
    settings = Settings(model=IRIS, port=0)
    server = Observed(create_app(settings), settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve())
    assert server.taken == CLIENTS
    # The kernel's own limit applies.
    most = int(Path("/proc/sys/net/core/somaxconn").read_text())
    assert server.backlog == min(server.config.backlog, most)
    # Some more than their share of a turn each: a turn begins with what is called soon.
    assert server.turns <= 10


@pytest.mark.skipif(sys.platform != "linux", reason="a filter of Linux's")
def test_no_connection_is_made_after_the_last_that_is_accepted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as clients:
        address = listener.getsockname()
        early = clients.enter_context(socket.create_connection(address))
        early.send(b"a request")
        refuse_new(listener)
        late = clients.enter_context(socket.socket())
        late.setblocking(False)
        assert late.connect_ex(address) == errno.EINPROGRESS
        taken = clients.enter_context(listener.accept()[0])
        assert taken.recv(100) == b"a request"
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
        listener.shutdown(socket.SHUT_RD)
        # The kernel sends its SYN again, which is refused; a connected client would get a reset.
        assert select.select([], [late], [], 60)[1] == [late]
        assert late.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
