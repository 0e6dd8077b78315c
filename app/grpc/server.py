"""The gRPC server beside uvicorn's, on the same event loop."""

import asyncio
import logging
import socket
import time

import grpc
from google.protobuf.message_factory import GetMessageClass
from grpc import aio

from app.addresses import bind_host, name_of
from app.api import Service
from app.api.auth import Guard
from app.grpc import open_inference_pb2 as pb
from app.grpc.health import Health
from app.grpc.interceptor import Calls
from app.grpc.methods import Verbs
from app.grpc.reflection import Reflection
from app.grpc.streams import Lasting

logger = logging.getLogger("app.grpc")
# The generated code has a package of its own; on the wire the service has the protocol's.
SERVICE = "inference.GRPCInferenceService"
# gRPC copies a message in one call, which keeps the interpreter from everybody else; so many
# hold a million rows of four numbers.
MOST_BYTES = 16 * 2**20
QUIET_SECONDS = 0.25
MOST_QUIET_SECONDS = 2


class RpcServer:
    """Has its port from the start; answers in the process, forked or not, that starts it.

    Raises SettingsError where it cannot have the port.
    """

    def __init__(self, service: Service, guard: Guard) -> None:
        self._service = service
        self._guard = guard
        self._reserved = _reserve(service.settings.host, service.settings.grpc_port or 0)

    async def start(self) -> None:
        settings = self._service.settings
        self._server = aio.server(
            maximum_concurrent_rpcs=settings.max_queued_requests,
            options=[
                ("grpc.max_receive_message_length", min(settings.max_body_bytes, MOST_BYTES)),
                # An answer is as long as it has to be, and a client has a limit of its own.
                ("grpc.max_send_message_length", -1),
                ("grpc.max_metadata_size", settings.max_header_bytes),
                # Uncompressed alone: what a few bytes become is not bounded before it is there.
                ("grpc.compression_enabled_algorithms_bitset", 1),
                ("grpc.max_connection_idle_ms", settings.keep_alive_seconds * 1000),
                # Its address is reserved, and where there are several workers, shared.
                ("grpc.so_reuseport", 1),
            ],
        )
        self._calls = Calls(self._service, self._guard, SERVICE)
        inference = _handlers(self._service, self._guard, self._calls)
        lasting = Lasting()
        health = Health(self._service, self._guard, [SERVICE], lasting)
        reflection = Reflection(lasting)
        self._server.add_generic_rpc_handlers((inference, health.handler(), reflection.handler()))
        addresses = [name_of(each) for each in self._reserved]
        for address in addresses:
            self._server.add_insecure_port(address)
        await self._server.start()
        logger.info("gRPC on %s", " and ".join(addresses))

    async def stop(self, seconds: float) -> None:
        """Take no more calls, and wait so long for those that have begun."""
        # gRPC cancels what it has read and not begun, and no answer says that it is the last:
        # so not before there is a moment in which none begins, if clients leave one.
        until = time.monotonic() + min(seconds, MOST_QUIET_SECONDS)
        before = -1
        while before != self._calls.begun and time.monotonic() < until:
            before = self._calls.begun
            await asyncio.sleep(QUIET_SECONDS)
        await self._server.stop(seconds)


def _handlers(service: Service, guard: Guard, calls: Calls) -> grpc.GenericRpcHandler:
    verbs = Verbs(service).by_name(admin_too=guard.on)
    described = pb.DESCRIPTOR.services_by_name[SERVICE.rpartition(".")[2]].methods_by_name
    # Without gRPC's own parsing: what cannot be parsed is its sender's fault, and is said to be.
    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            name: grpc.unary_unary_rpc_method_handler(
                calls.around(name, verb, GetMessageClass(described[name].input_type))
            )
            for name, verb in verbs.items()
        },
    )


def _reserve(host: str, port: int) -> list[socket.socket]:
    """Sockets that are bound and never listen, so that nobody else gets the port.

    gRPC binds by itself, in each process again; these know which port 0 became.
    """
    reserved = bind_host("grpc_port", host, port)
    for each in reserved:
        # Not before it is bound: else another service could have the port as well.
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return reserved
