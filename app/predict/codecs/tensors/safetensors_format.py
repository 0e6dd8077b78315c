"""Reads and writes safetensors bodies: a tensor for each input, a tensor for each output.

Source: github.com/huggingface/safetensors, "Format".
"""

import io

from app.errors import BodyTooLarge, MalformedBody
from app.predict.codecs.tensors.named_arrays import NamedArraysFormat, require_names
from app.predict.headers import Body
from app.predict.media_types import SAFETENSORS
from stateserve.checkpoint import decode_safetensors, stream_safetensors
from stateserve.errors import CheckpointError
from stateserve.model import Arrays
from stateserve.text import MOST_SHOWN, printable

# The header of 32 inputs has some kilobytes.
MAX_HEADER = 2**16


class TensorSafetensors(NamedArraysFormat):
    """A JSON header, and the bytes of all tensors."""

    media_type = SAFETENSORS

    def _read(self, body: Body) -> Arrays:
        length = int.from_bytes(body[:8], "little")
        if MAX_HEADER < length < len(body):
            raise BodyTooLarge(f"a header of {length} bytes; at most {MAX_HEADER} are read")
        try:
            arrays = decode_safetensors(bytes(body))
        except CheckpointError as error:
            raise MalformedBody(printable(str(error)[:MOST_SHOWN]), 0, "safetensors") from None
        require_names(list(arrays), self._inputs)
        return arrays

    def _write(self, found: Arrays) -> memoryview:
        stream = io.BytesIO()
        # Joined at once, no other thread would run meanwhile.
        stream.writelines(stream_safetensors(found).chunks)
        return stream.getbuffer()
