"""An Open Inference answer: JSON, and after it the outputs that were asked for as bytes."""

from typing import Any

import msgspec
from starlette.responses import Response

from app.api.infer_request import JSON_LENGTH, InferRequest
from app.api.negotiation import JSON
from app.open_inference import OpenModel
from app.tensors import Tensor, to_bytes, to_json


def render(request: InferRequest, model: OpenModel, outputs: list[Tensor]) -> Response:
    """One body: alone JSON, or JSON and raw tensors in its order, told apart by its length."""
    described, chunks = [], []
    for tensor in outputs:
        view: dict[str, Any] = {
            "name": tensor.name,
            "datatype": tensor.datatype,
            "shape": tensor.shape,
        }
        if tensor.name in request.binary:
            chunks.append(to_bytes(tensor))
            view["parameters"] = {"binary_data_size": len(chunks[-1])}
        else:
            view["data"] = to_json(tensor)
        described.append(view)
    content = {"model_name": model.name, "model_version": model.version, "outputs": described}
    if request.id is not None:
        content["id"] = request.id
    head = msgspec.json.encode(content)
    if not chunks:
        return Response(head, media_type=JSON)
    return Response(
        b"".join([head, *chunks]),
        media_type="application/octet-stream",
        headers={JSON_LENGTH: str(len(head))},
    )
