"""Reads and writes NumPy's .npy format: rows in, probabilities out."""

import io
import math
from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from app.errors import InvalidInstances, InvalidQuery, MalformedBody
from app.predict.codecs.json_request import MOST_LISTED, TableRows, require_at_most
from app.predict.headers import Body
from app.predict.media_types import NPY
from app.predict.options import Options, ranked, show
from app.predict.prediction import Prediction
from app.predict.rows import as_float32
from stateserve.checkpoint import npy_header
from stateserve.errors import Fault
from stateserve.model import Predictor
from stateserve.text import MOST_SHOWN, without_addresses

HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
# NumPy reads at most 10,000 characters of header.
MAX_HEADER_BYTES = 12_000
# NumPy's own limit.
MAX_AXES = 64
MAX_SIZE = 2**63 - 1
Numbers = NDArray[np.number]


class NpyFormat:
    """Reads and writes the `.npy` bodies of one predictor.

    In: integers or floats, shape (rows, n_features) in the card's order, or (n_features,) for
    one instance. Out: float32 probabilities, or log-probabilities on request, shape
    (rows, n_classes), or (n_classes,). With `top`, shape (rows, top, 2) or (top, 2): the index
    and the probability of the most probable classes.
    """

    media_type = NPY

    def __init__(self, predictor: Predictor, max_instances: int) -> None:
        self._predictor = predictor
        self._features = [feature.name for feature in predictor.card.features]
        self._n_classes = len(predictor.card.classes)
        self._limit = max_instances

    def decode(self, body: Body, _parameters: Mapping[str, str] = {}, /) -> TableRows:
        """Raises MalformedBody, InvalidInstances or BodyTooLarge."""
        shape, order, numbers = read_npy(body)
        width = len(self._features)
        if shape[-1:] != (width,) or len(shape) > 2 or not shape[0]:
            columns = ", ".join(self._features[:MOST_LISTED])
            wanted = f"(rows, {width}) or ({width},), columns {columns}"
            found = f"{str(shape)[:MOST_SHOWN]}{' without rows' if shape[:1] == (0,) else ''}"
            raise InvalidInstances([Fault("", f"an array of shape {found}, not {wanted}")])
        # Reshaped only now: NumPy cannot make an array of some shapes that pass the header check.
        rows = numbers.reshape((-1, width), order=order)
        require_at_most(self._limit, len(rows))
        return TableRows(as_float32(rows, self._features), single=len(shape) == 1)

    def encode(
        self, predictions: Iterable[Prediction], instances: TableRows, options: Options, /
    ) -> memoryview:
        if options.out_of_distribution:
            raise InvalidQuery(f"out_of_distribution: {self.media_type} has no place for it")
        each = (min(options.top, self._n_classes), 2) if options.top else (self._n_classes,)
        shape = (len(instances.rows), *each)
        header = npy_header(np.dtype("<f4"), each if instances.single else shape)
        content = bytearray(len(header) + 4 * math.prod(shape))
        content[: len(header)] = header
        answers = np.frombuffer(content, "<f4", offset=len(header)).reshape(shape)
        filled = 0
        for prediction in predictions:
            shown = show(prediction, options, self._predictor)
            values = shown.log_probabilities if options.log_probabilities else shown.probabilities
            if options.top:
                values = ranked(shown.log_probabilities, values, options.top)
            answers[filled : filled + len(values)] = values
            filled += len(values)
        return memoryview(content)


def read_npy(
    body: Body | memoryview, kinds: str = "fiu"
) -> tuple[tuple[int, ...], Literal["C", "F"], Numbers]:
    """The shape and order in the header, and the elements (n,) after it.

    `kinds` are the accepted kinds of dtypes. Raises MalformedBody or InvalidInstances.
    """
    stream = io.BytesIO(body[:MAX_HEADER_BYTES])
    try:
        version = npy.read_magic(stream)
        if version not in HEADERS:
            raise ValueError(f"its version is {version}; (1, 0) and (2, 0) are read")
        shape, fortran_order, dtype = HEADERS[version](stream)
    except Exception as error:
        # NumPy evaluates the header as Python code, so tokenizer and compiler errors occur too.
        raise MalformedBody(_first_line(error), 0, "npy") from None
    start = stream.tell()
    if dtype.kind not in kinds:
        kind = str(dtype)[:MOST_SHOWN]
        raise InvalidInstances([Fault("", f"an array of {kind}; integers and floats are taken")])
    # NumPy's header reader accepts booleans and integers of any length as sizes.
    if len(shape) > MAX_AXES or not all(type(n) is int and 0 <= n <= MAX_SIZE for n in shape):
        reason = f"its header has the shape {str(shape)[:MOST_SHOWN]}"
        raise MalformedBody(reason, 0, "npy")
    claimed = start + dtype.itemsize * math.prod(shape)
    if claimed != len(body):
        reason = f"its header claims {claimed} bytes, the body has {len(body)}"
        raise MalformedBody(reason, min(claimed, len(body)), "npy")
    # A view of the body's memory.
    numbers = np.frombuffer(body, dtype, offset=start)
    return shape, "F" if fortran_order else "C", numbers


def _first_line(error: Exception) -> str:
    # The error may repeat the header, of up to 10,000 characters.
    text = without_addresses(str(error)[:MOST_SHOWN].strip("'\""))
    return text.splitlines()[0] if text else "not an npy header"
