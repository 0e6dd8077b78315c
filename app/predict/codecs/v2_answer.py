"""Writes an Open Inference answer: JSON, then the outputs requested as bytes."""

import io

import msgspec

from app.predict.codecs.v2_json_data import to_lists
from app.predict.codecs.v2_model import V2Description
from app.predict.codecs.v2_request import InferRequest
from app.predict.codecs.v2_tensor_data import Tensor, to_pieces

_encode = msgspec.json.Encoder().encode


def render(
    request: InferRequest, model: V2Description, outputs: list[Tensor]
) -> tuple[bytes | memoryview, int | None]:
    """The answer: JSON alone, or JSON of the length in a header, then raw tensors in its order."""
    about = {"model_name": model.name, "model_version": model.version}
    if request.id is not None:
        about["id"] = request.id
    head, raw = bytearray(_encode(about)), list[bytes]()
    head[-1:] = b',"outputs":['
    for tensor in outputs:
        view: dict[str, object] = {
            "name": tensor.name,
            "datatype": tensor.datatype,
            "shape": tensor.shape,
        }
        if tensor.name in request.binary:
            pieces = list(to_pieces(tensor))
            raw += pieces
            view["parameters"] = {"binary_data_size": sum(map(len, pieces))}
            head += _encode(view)
        else:
            head += _encode(view)
            head[-1:] = b',"data":['
            for values in to_lists(tensor):
                head += memoryview(_encode(values))[1:-1]
                head += b","
            head[-1:] = b"]}"
        head += b","
    head[-1:] = b"]}"
    if not raw:
        return memoryview(head), None
    # One piece at a time: a join would block the interpreter for all pieces.
    content = io.BytesIO()
    content.write(head)
    for piece in raw:
        content.write(piece)
    return content.getvalue(), len(head)
