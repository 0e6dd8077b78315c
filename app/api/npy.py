"""NumPy's own file format as a body: rows in, probabilities out, no text in between."""

import io
from collections.abc import Iterable

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from app.api.asked import Asked, show
from app.api.body import Body
from app.api.negotiation import NPY
from app.errors import Fault, InvalidInstances, InvalidQuery, MalformedBody
from app.inference import Prediction
from app.instances import Instances, require_at_most
from app.predictor import Predictor
from app.rows import as_float32
from app.streams import npy_header

HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
# NumPy reads no header of more than 10,000 characters either.
MAX_HEADER_BYTES = 12_000
Numbers = NDArray[np.number]


class NpyFormat:
    """`.npy` bodies of one predictor, both ways.

    In: numbers of any width, shape (rows, n_features) in the card's order, or (n_features,)
    for one instance. Out: float32 probabilities, or log-probabilities if asked, of shape
    (rows, n_classes), or (n_classes,).
    """

    media_type = NPY

    def __init__(self, predictor: Predictor, max_instances: int) -> None:
        self._predictor = predictor
        self._features = [feature.name for feature in predictor.card.features]
        self._n_classes = len(predictor.card.classes)
        self._limit = max_instances

    def decode(self, body: Body) -> Instances:
        """Raises MalformedBody, InvalidInstances or BodyTooLarge."""
        array = _read(body)
        single = array.ndim == 1
        width = len(self._features)
        if array.ndim not in (1, 2) or array.shape[-1] != width or not array.size:
            wanted = f"(rows, {width}) or ({width},), columns {', '.join(self._features)}"
            raise InvalidInstances([Fault("", f"an array of shape {array.shape}, not {wanted}")])
        rows = array.reshape(-1, width)
        require_at_most(self._limit, len(rows))
        return Instances(as_float32(rows, self._features), single)

    def encode(
        self, predictions: Iterable[Prediction], instances: Instances, asked: Asked, /
    ) -> memoryview:
        if asked.out_of_distribution:
            raise InvalidQuery(f"out_of_distribution: {self.media_type} has no place for it")
        shape = (len(instances.rows), self._n_classes)
        header = npy_header(np.dtype("<f4"), shape[1:] if instances.single else shape)
        content = bytearray(len(header) + 4 * shape[0] * shape[1])
        content[: len(header)] = header
        answers = np.frombuffer(content, "<f4", offset=len(header)).reshape(shape)
        filled = 0
        for prediction in predictions:
            shown = show(prediction, asked, self._predictor)
            values = shown.log_probabilities if asked.log_probabilities else shown.probabilities
            answers[filled : filled + len(values)] = values
            filled += len(values)
        return memoryview(content)


def _read(body: Body) -> Numbers:
    stream = io.BytesIO(body[:MAX_HEADER_BYTES])
    try:
        shape, fortran_order, dtype = HEADERS[npy.read_magic(stream)](stream)
    except Exception as error:
        # NumPy evaluates the header as Python's text: a tokenizer's and a compiler's errors, too.
        raise MalformedBody(_first_line(error), 0, "npy") from None
    start = stream.tell()
    if dtype.kind not in "fiu":
        raise InvalidInstances([Fault("", f"an array of {dtype}; integers and floats are taken")])
    if any(size < 0 for size in shape):
        raise MalformedBody(f"its header has the shape {shape}", 0, "npy")
    claimed = start + dtype.itemsize * int(np.prod(shape, dtype=object))
    if claimed != len(body):
        reason = f"its header claims {claimed} bytes, the body has {len(body)}"
        raise MalformedBody(reason, min(claimed, len(body)), "npy")
    # Over the body's own memory.
    array = np.frombuffer(body, dtype, offset=start)
    return array.reshape(shape, order="F" if fortran_order else "C")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].strip("'\"") if str(error) else "not an npy header"
