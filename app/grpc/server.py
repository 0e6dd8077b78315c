"""The gRPC server, on the same event loop as uvicorn's HTTP server."""

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
# The protocol's name of the service; the generated code has another package.
SERVICE = "inference.GRPCInferenceService"
# gRPC copies a message in one call, which blocks the interpreter; this length holds a million
# rows of four float32.
MOST_BYTES = 16 * 2**20
QUIET_SECONDS = 0.25
MOST_QUIET_SECONDS = 2


class RpcServer:
    """The constructor reserves the port; `start` answers calls, also in a forked process.

    Raises SettingsError if it cannot bind the port.
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
                # Unlimited: the request bounds the answer, and clients have their own limit.
                ("grpc.max_send_message_length", -1),
                ("grpc.max_metadata_size", settings.max_header_bytes),
                # No compression: gRPC decompresses a message before it checks the length.
                ("grpc.compression_enabled_algorithms_bitset", 1),
                ("grpc.max_connection_idle_ms", settings.keep_alive_seconds * 1000),
                # The reserving sockets and other workers have the same address.
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
        """Accept no more calls, and wait up to `seconds` for those that have begun."""
        # gRPC cancels calls that it has read and not begun, and cannot ask clients to stop. So
        # this first waits for a period without new calls, for at most MOST_QUIET_SECONDS.
        until = time.monotonic() + min(seconds, MOST_QUIET_SECONDS)
        before = -1
        while before != self._calls.begun and time.monotonic() < until:
            before = self._calls.begun
            await asyncio.sleep(QUIET_SECONDS)
        await self._server.stop(seconds)


def _handlers(service: Service, guard: Guard, calls: Calls) -> grpc.GenericRpcHandler:
    verbs = Verbs(service).by_name(admin_too=guard.on)
    described = pb.DESCRIPTOR.services_by_name[SERVICE.rpartition(".")[2]].methods_by_name
    # Without gRPC's own parser, which reports an unparsable message as an internal error.
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
    """Sockets that are bound and never listen, so that no other service gets the port.

    gRPC binds again in each process; with port 0 these sockets have the chosen port.
    """
    reserved = bind_host("grpc_port", host, port)
    for each in reserved:
        # Set only after bind: otherwise another service could bind the same port.
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return reserved
