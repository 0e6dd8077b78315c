"""Serializes ModelInferResponse piece by piece.

Protobuf would serialize it in one call, which blocks the interpreter: for 200 ms with a million
rows. Source: protobuf.dev, "Encoding": a message field may be sent in several parts, whose
repeated fields are concatenated.
"""

import io
from collections.abc import Iterator

from app.grpc import open_inference_pb2 as pb
from app.grpc.proto_tensors import FIELDS
from app.grpc.wire_limits import DELIMITED, varint
from app.predict.codecs import CHUNK, Tensor, V2Description, to_pieces

Response = pb.ModelInferResponse
Output = Response.InferOutputTensor
OUTPUTS = Response.OUTPUTS_FIELD_NUMBER
RAW_CONTENTS = Response.RAW_OUTPUT_CONTENTS_FIELD_NUMBER


def answer(request: pb.ModelInferRequest, model: V2Description, outputs: list[Tensor]) -> bytes:
    """The outputs raw if the inputs were raw, else each in the field of its datatype.

    Some datatypes have no field: then all outputs are raw.
    """
    raw = bool(request.raw_input_contents) or any(o.datatype not in FIELDS for o in outputs)
    about = Response(model_name=model.name, model_version=model.version, id=request.id)
    content = io.BytesIO()
    content.write(about.SerializeToString())
    for tensor in outputs:
        described = Output(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
        pieces = [] if raw else _contents(tensor)
        _write(content, OUTPUTS, [described.SerializeToString(), *pieces])
    for tensor in outputs if raw else []:
        _write(content, RAW_CONTENTS, list(to_pieces(tensor)))
    # getvalue makes no copy.
    return content.getvalue()


def _contents(tensor: Tensor) -> Iterator[bytes]:
    flat = tensor.array.reshape(-1)
    for start in range(0, flat.size, CHUNK):
        contents = {FIELDS[tensor.datatype]: flat[start : start + CHUNK].tolist()}
        yield Output(contents=pb.InferTensorContents(**contents)).SerializeToString()


def _write(content: io.BytesIO, field: int, pieces: list[bytes]) -> None:
    content.write(varint(field << 3 | DELIMITED) + varint(sum(map(len, pieces))))
    for piece in pieces:
        content.write(piece)
