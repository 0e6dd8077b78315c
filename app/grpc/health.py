"""grpc.health.v1, the health checks of orchestrators and load balancers."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc_health.v1 import health_pb2 as pb

from app.api import Service
from app.api.auth import Guard
from app.errors import ModelNotFound
from app.grpc.interceptor import ROUTES, Call, Calls
from app.grpc.streams import Context, Lasting, parse_short
from stateserve.errors import StateserveError

SERVICE: str = pb.DESCRIPTOR.services_by_name["Health"].full_name
# Readiness has no events, so a watcher checks it at this interval.
WATCH_SECONDS = 0.25
Status = pb.HealthCheckResponse


class Health:
    """Readiness of the server (under no name or that of one of its services) and of each model.

    As over HTTP, the server's needs no key; a model's needs a key that may predict.
    """

    def __init__(
        self, service: Service, guard: Guard, services: list[str], lasting: Lasting
    ) -> None:
        self._service = service
        self._guard = guard
        self._lasting = lasting
        self._of_server = {"", SERVICE, *services}
        self._calls = Calls(service, guard, SERVICE)

    def handler(self) -> grpc.GenericRpcHandler:
        check = self._calls.around("Check", self._check, pb.HealthCheckRequest)
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "Check": grpc.unary_unary_rpc_method_handler(check),
                "Watch": grpc.unary_stream_rpc_method_handler(
                    self._lasting.around(self._watch), response_serializer=Status.SerializeToString
                ),
            },
        )

    async def _check(self, request: pb.HealthCheckRequest, call: Call) -> Any:
        self._admit(request.service, call)
        return Status(status=self._status(request.service))

    async def _watch(self, content: bytes, context: Context) -> AsyncIterator[object]:
        request = parse_short(pb.HealthCheckRequest, content)
        self._admit(request.service, Call(context))
        sent = None
        while True:
            # Read before the status, so that the last status sent is final.
            draining = self._service.draining
            try:
                status = self._status(request.service)
            except ModelNotFound:
                status = Status.SERVICE_UNKNOWN
            if status != sent:
                sent = status
                yield Status(status=status)
            if draining:
                # Otherwise the shutdown would wait for the watchers.
                return
            await asyncio.sleep(WATCH_SECONDS)

    def _admit(self, name: str, call: Call) -> None:
        if name not in self._of_server:
            self._guard.require(ROUTES["ModelReady"], call.fields, b"", f"/{SERVICE}")

    def _status(self, name: str) -> object:
        """Raises ModelNotFound."""
        try:
            self._service.require_ready()
            if name not in self._of_server:
                self._service.endpoint(name)
        except ModelNotFound:
            raise
        except StateserveError:
            if name not in self._of_server:
                self._service.registry.statuses(name)
            return Status.NOT_SERVING
        return Status.SERVING
