"""A real server that also answers gRPC, and calls to it."""

import re
from dataclasses import dataclass

import grpc

from app.grpc import open_inference_pb2 as pb
from tests.process import Process, wait_until
from tests.project import SETOSA

TOKEN = "0123456789abcdef"


PATH = "/inference.GRPCInferenceService/"


FLOWER = pb.InferTensorContents(fp32_contents=SETOSA.values())


@dataclass
class RpcProcess:
    """`address` is host:port of gRPC."""

    server: Process
    address: str


def rpc_of(server: Process, count: int = 1) -> RpcProcess:
    """Waits until a number of processes answer gRPC; all have one address."""

    def found() -> list[str]:
        return re.findall(r"gRPC on ([^\"]+)", server.log.read_text())

    wait_until(lambda: len(found()) >= count)
    (address,) = set(found())
    return RpcProcess(server, address)


def ask(
    channel: grpc.Channel, content: bytes, verb: str = "ModelInfer", **options: object
) -> tuple[grpc.StatusCode, str, bytes, dict[str, str]]:
    """Status, text, answer and trailing metadata of a call with any bytes for a message."""
    call = channel.unary_unary(PATH + verb).future(content, timeout=30, **options)
    error = call.exception()
    answer = b"" if error else call.result()
    return call.code(), call.details(), answer, dict(call.trailing_metadata())


def infer(**changes: object) -> bytes:
    tensor = {"name": "input", "datatype": "FP32", "shape": [1, 4], "contents": FLOWER}
    return pb.ModelInferRequest(inputs=[tensor | changes]).SerializeToString()
