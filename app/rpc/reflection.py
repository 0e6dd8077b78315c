"""Server reflection: what grpcurl and its like ask a server for instead of a .proto file."""

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from grpc import aio
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from app.rpc import open_inference_pb2 as pb

OURS = f".{pb.DESCRIPTOR.package}."
PACKAGE = "inference"


def add_reflection(server: aio.Server) -> None:
    """Describe all that the server speaks, under the names that it has on the wire.

    In a pool of its own: a client in this process may bring another package `inference`.
    """
    pool = DescriptorPool()
    services = []
    for file in (_on_the_wire(), *map(_described, (health_pb2, reflection_pb2))):
        pool.Add(file)
        services += [f"{file.package}.{service.name}" for service in file.service]
    reflection.enable_server_reflection(services, server, pool)


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
