"""The largest bodies that the service accepts, and equally large ones that it refuses."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from benchmarks.request import FLOWER

LIMIT = 32 * 2**20
GRPC_LIMIT = 16 * 2**20
# The number of rows that fill a body of each format, up to the limit of rows.
ROWS = 1_000_000
NPY, ARROW = "application/x-npy", "application/vnd.apache.arrow.stream"
INFER = "/v2/models/iris-model/infer"
LOAD = "/v2/repository/models/iris-model/load"
GRPC = "ModelInfer"
ONE = json.dumps(FLOWER).encode()


@dataclass(frozen=True)
class LargeBody:
    """`make` creates the body only when it is needed, since all together take gigabytes."""

    name: str
    path: str
    make: Callable[[], bytes]
    good: bool = False
    media_type: str = "application/json"


def filled(start: bytes, middle: bytes, end: bytes, size: int = LIMIT) -> Callable[[], bytes]:
    """A body of about this size, with as many middles as fit."""
    return lambda: start + middle * ((size - len(start) - len(end)) // len(middle)) + end


def infer(data: str, more: str = "") -> tuple[bytes, bytes]:
    """An inference request before and after its data."""
    rows = data and ROWS
    start = f'{{"inputs":[{{"name":"input","shape":[{rows or 1},4],"datatype":"FP32","data":'
    return start.encode(), f"}}]{more}}}".encode()


def numbered() -> bytes:
    return b"{" + b",".join(b'"%d":1' % number for number in range(LIMIT // 12)) + b"}"


def flowers(last: bytes) -> Callable[[], bytes]:
    return filled(b'{"instances":[', ONE + b",", last + b"]}")


def infer_json() -> bytes:
    start, end = infer("data")
    return start + b"[" + b"[5.1,3.5,1.4,0.2]," * (ROWS - 1) + b"[5.1,3.5,1.4,0.2]]" + end


def infer_binary() -> bytes:
    return _rows().tobytes()


def npy(last: float = 0.2) -> bytes:
    rows = _rows()
    rows[-1, -1] = last
    stream = io.BytesIO()
    np.save(stream, rows)
    return stream.getvalue()


def arrow(batches: int = 1, **options: str) -> bytes:
    batch = pa.record_batch([pa.array(column) for column in _rows().T.copy()], names=list(FLOWER))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for start in range(0, ROWS, ROWS // batches):
            writer.write_batch(batch.slice(start, ROWS // batches))
    return bytes(sink.getvalue().to_pybytes())


def arrow_fields() -> bytes:
    schema = pa.schema([(f"f{number}", pa.int8()) for number in range(100_000)])
    sink = pa.BufferOutputStream()
    pa.ipc.new_stream(sink, schema).close()
    return bytes(sink.getvalue().to_pybytes())


def grpc_raw() -> bytes:
    from app.grpc import open_inference_pb2 as pb

    tensor = {"name": "input", "datatype": "FP32", "shape": [ROWS, 4]}
    request = pb.ModelInferRequest(inputs=[tensor], raw_input_contents=[_rows().tobytes()])
    return request.SerializeToString()


def grpc_floats() -> bytes:
    from app.grpc import open_inference_pb2 as pb

    tensor = {"name": "input", "datatype": "FP32", "shape": [ROWS, 4]}
    request = pb.ModelInferRequest(inputs=[tensor])
    request.inputs[0].contents.fp32_contents.extend(_rows().ravel().tolist())
    return request.SerializeToString()


def _rows() -> np.ndarray:
    return np.tile(np.array([list(FLOWER.values())], "f4"), (ROWS, 1))


def large_bodies() -> Iterator[LargeBody]:
    yield LargeBody("flowers", "/predict", flowers(ONE), good=True)
    yield LargeBody("npy", "/predict", npy, True, NPY)
    yield LargeBody("Arrow", "/predict", arrow, True, ARROW)
    yield LargeBody("Arrow, 10,000 batches", "/predict", lambda: arrow(10_000), True, ARROW)
    yield LargeBody("v2 JSON", INFER, infer_json, good=True)
    yield LargeBody("gRPC, raw", GRPC, grpc_raw, good=True)
    yield LargeBody("gRPC, floats", GRPC, grpc_floats, good=True)
    for path in ("/predict", "/explain", "/feedback", INFER, LOAD):
        yield LargeBody("names", path, numbered)
    yield LargeBody("names of an instance", "/predict", filled(b'{"instances":[{', b'"a":1,', b""))
    yield LargeBody("a mistake at the end", "/predict", flowers(b"5"))
    yield LargeBody("mistakes", "/predict", filled(b'{"instances":[', b"5,", b"5]}"))
    yield LargeBody("a text", "/predict", filled(b'{"a":"', b"\\u00e9", b'"}'))
    yield LargeBody("digits", "/predict", filled(b'{"sepal_length":0.', b"1", b"}"))
    yield LargeBody("spaces", "/predict", filled(b"", b" ", b""))
    yield LargeBody("lists", "/predict", filled(b'{"instances":[[', b"[],", b"[]]]}"))
    start, end = infer("")
    for name, middle in {
        "digits": b"1",
        "numbers": b"1,",
        "lists": b"[],",
        "texts": b'"a",',
    }.items():
        yield LargeBody(f"v2 data: {name}", INFER, filled(start + b"[", middle, b"1]" + end))
    start, end = infer("data")
    yield LargeBody("v2 data: too many", INFER, filled(start + b"[", b"[1,2,3,4],", b"[1]]" + end))
    for name in ("parameters", "outputs", "id", "unknown"):
        yield LargeBody(f"v2 {name}", INFER, filled(b'{"%b":[' % name.encode(), b"{},", b"{}]}"))
    yield LargeBody("npy, NaN at the end", "/predict", lambda: npy(np.nan), False, NPY)
    yield LargeBody(
        "Arrow, compressed", "/predict", lambda: arrow(compression="zstd"), False, ARROW
    )
    yield LargeBody("Arrow, 100,000 fields", "/predict", arrow_fields, False, ARROW)
    for name, empty in {"inputs": b"\x2a\x00", "outputs": b"\x32\x00", "raw": b"\x3a\x00"}.items():
        yield LargeBody(f"gRPC, {name}", GRPC, filled(b"", empty, b"", GRPC_LIMIT - 1024))
    yield LargeBody("gRPC, numbers", GRPC, filled(b"", b"\xf8\x06\x01", b"", GRPC_LIMIT - 1024))
    yield LargeBody("gRPC, over the limit", GRPC, filled(b"", b"\xf8\x06\x01", b"", LIMIT))
