"""Reads and writes safetensors bodies: a tensor for each input, a tensor for each output.

Source: github.com/huggingface/safetensors, "Format".
"""

from collections.abc import Iterable, Mapping
from typing import Any

import ml_dtypes
import numpy as np
import safetensors

from app.errors import BodyTooLarge, InvalidInstances, MalformedBody
from app.predict.codecs.json_text import escape
from app.predict.codecs.tensors.named_arrays import output_arrays, read_arrays, require_names
from app.predict.headers import Body
from app.predict.instances import Instances
from app.predict.media_types import SAFETENSORS
from app.predict.options import Options
from app.predict.tensor_prediction import TensorPrediction
from app.predict.tensor_rows import TensorRows
from stateserve.checkpoint import Array, stream_safetensors
from stateserve.errors import Fault
from stateserve.model import TensorModel
from stateserve.text import MOST_SHOWN, printable

# The header of 32 inputs has some kilobytes.
MAX_HEADER = 2**16
DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype("?"),
    **{f"U{8 * size}": np.dtype(f"<u{size}") for size in (1, 2, 4, 8)},
    **{f"I{8 * size}": np.dtype(f"<i{size}") for size in (1, 2, 4, 8)},
    **{f"F{8 * size}": np.dtype(f"<f{size}") for size in (2, 4, 8)},
    "BF16": np.dtype(ml_dtypes.bfloat16),
}


class TensorSafetensors:
    """In: all inputs by name, with a batch axis, or without it for one instance.

    Out: all outputs by name, with a batch axis if the inputs have it.
    """

    media_type = SAFETENSORS

    def __init__(self, model: TensorModel, max_instances: int) -> None:
        self._inputs = model.signature.inputs
        self._outputs = model.signature.outputs
        self._limit = max_instances

    def decode(self, body: Body, _parameters: Mapping[str, str] = {}, /) -> Instances[TensorRows]:
        """Raises MalformedBody, InvalidInstances or BodyTooLarge."""
        length = int.from_bytes(body[:8], "little")
        if MAX_HEADER < length < len(body):
            raise BodyTooLarge(f"a header of {length} bytes; at most {MAX_HEADER} are read")
        try:
            tensors = safetensors.deserialize(bytes(body))  # type: ignore[no-untyped-call]
        except safetensors.SafetensorError as error:
            reason = printable(str(error)[:MOST_SHOWN])
            raise MalformedBody(reason, 0, "safetensors") from None
        require_names([name for name, _ in tensors], self._inputs)
        arrays = {name: _array(name, tensor) for name, tensor in tensors}
        return read_arrays(arrays, self._inputs, self._limit)

    def encode(
        self,
        predictions: Iterable[TensorPrediction],
        instances: Instances[TensorRows],
        options: Options,
        /,
    ) -> bytes:
        """Raises InvalidQuery."""
        found = output_arrays(predictions, instances, self._outputs, options, SAFETENSORS)
        return b"".join(stream_safetensors(found).chunks)


def _array(name: str, tensor: Mapping[str, Any]) -> Array:
    dtype = DTYPES.get(tensor["dtype"])
    if dtype is None:
        detail = f"a tensor of {tensor['dtype']}; {', '.join(DTYPES)} are read"
        raise InvalidInstances([Fault(f"/{escape(name)}", detail)])
    flat = np.frombuffer(tensor["data"], dtype)
    # As in npy_array.
    return flat.reshape(tensor["shape"]) if flat.size else np.empty(0, dtype)
