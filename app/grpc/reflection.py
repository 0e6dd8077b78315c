"""Server reflection: describes the services to clients without a .proto file, such as grpcurl."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from app.grpc import open_inference_pb2 as pb
from app.grpc.streams import Context, Lasting, parse_short

OURS = f".{pb.DESCRIPTOR.package}."
PACKAGE = "inference"


SERVICE: str = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"].full_name


class Reflection:
    """Describes all services of the server, under the names that clients use.

    It has its own descriptor pool: a client in this process may have another package `inference`.
    """

    def __init__(self, lasting: Lasting) -> None:
        self._lasting = lasting
        pool = DescriptorPool()
        services = []
        for file in (_on_the_wire(), *map(_described, (health_pb2, reflection_pb2))):
            pool.Add(file)
            services += [f"{file.package}.{service.name}" for service in file.service]
        self._servicer = reflection.aio.ReflectionServicer(services, pool)

    def handler(self) -> grpc.GenericRpcHandler:
        answers: Any = grpc.stream_stream_rpc_method_handler(
            self._lasting.around(self._answers),
            response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(SERVICE, {"ServerReflectionInfo": answers})

    def _answers(self, contents: AsyncIterator[bytes], context: Context) -> AsyncIterator[object]:
        answers: AsyncIterator[object] = self._servicer.ServerReflectionInfo(
            _requests(contents), context
        )
        return answers


async def _requests(contents: AsyncIterator[bytes]) -> AsyncIterator[object]:
    async for content in contents:
        yield parse_short(reflection_pb2.ServerReflectionRequest, content)


def _described(module: object) -> FileDescriptorProto:
    file = FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(file)  # type: ignore[attr-defined]
    return file


def _on_the_wire() -> FileDescriptorProto:
    file = _described(pb)
    file.package = PACKAGE
    for message in file.message_type:
        _rename_types(message)
    for service in file.service:
        for method in service.method:
            method.input_type = _renamed(method.input_type)
            method.output_type = _renamed(method.output_type)
    return file


def _rename_types(message: DescriptorProto) -> None:
    for field in message.field:
        if field.type_name:
            field.type_name = _renamed(field.type_name)
    for nested in message.nested_type:
        _rename_types(nested)


def _renamed(name: str) -> str:
    return name.replace(OURS, f".{PACKAGE}.", 1)
