"""Reads and writes safetensors bodies: a tensor for each input, a tensor for each output.

Source: github.com/huggingface/safetensors, "Format".
"""

from collections.abc import Iterable, Mapping

from app.errors import BodyTooLarge, MalformedBody
from app.predict.codecs.tensors.named_arrays import output_arrays, read_arrays, require_names
from app.predict.headers import Body
from app.predict.instances import Instances
from app.predict.media_types import SAFETENSORS
from app.predict.options import Options
from app.predict.tensors.prediction import TensorPrediction
from app.predict.tensors.rows import TensorRows
from stateserve.checkpoint import decode_safetensors, stream_safetensors
from stateserve.errors import CheckpointError
from stateserve.model import TensorModel
from stateserve.text import MOST_SHOWN, printable

# The header of 32 inputs has some kilobytes.
MAX_HEADER = 2**16


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
            arrays = decode_safetensors(bytes(body))
        except CheckpointError as error:
            raise MalformedBody(printable(str(error)[:MOST_SHOWN]), 0, "safetensors") from None
        require_names(list(arrays), self._inputs)
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
