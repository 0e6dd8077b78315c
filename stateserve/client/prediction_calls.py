"""The requests of /predict: JSON for a few instances, `.npy` for arrays and data frames."""

from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus

import httpx

from stateserve.checkpoint import Array, npy_content
from stateserve.client.answers import (
    NPY,
    SAFETENSORS,
    OutputPart,
    joined,
    read_outputs,
    reader,
    require_outputs,
)
from stateserve.client.arrays import as_array
from stateserve.client.calls import Calls, query_of, reading, target_of
from stateserve.client.chunks import in_chunks
from stateserve.client.columns import Predictions, as_tensors, frame_columns, predictions_of
from stateserve.client.connection import MOST_PREDICTED
from stateserve.client.frames import Frame, FrameRows, is_frame
from stateserve.client.instances import (
    ACCEPTED,
    Item,
    encode_instances,
    encode_one,
    is_batch,
    is_mapping,
    is_picture,
    picture_bytes,
)
from stateserve.client.known_models import KnownModel, KnownModels
from stateserve.client.predictions import (
    Prediction,
    PredictionList,
    PredictOptions,
    Progress,
    decode_any,
    decode_predictions,
)
from stateserve.client.retries import Exchange, T
from stateserve.errors import ClientError, NoAnswer, Problem
from stateserve.model import Input

JSON = "application/json"
# A body that says nothing is a picture.
ANY_FILE = "application/octet-stream"
# So often may a model be replaced while one request is answered.
ATTEMPTS = 5
# The kinds of NumPy's dtypes: V are those of ml_dtypes.
NUMBERS = "biufV"
OF_DICTS = ("top", "out_of_distribution")
ONE_INSTANCE = "one instance is without the batch axis; send a list of dicts"
WITH_BAD_ROWS = "a DataFrame, and a file of predict_table or predict_body, have rows to leave out"
Body = tuple[bytes, str]


class PredictionCalls:
    def __init__(self, calls: Calls, models: KnownModels) -> None:
        self._calls = calls
        self._models = models

    def predict(
        self, instances: object, details: PredictOptions, progress: Progress | None
    ) -> Exchange[object]:
        """The answers, in the kind of the instances. Raises ClientError."""
        path = yield from self._models.path(target_of(details))
        if details.get("skip_bad_rows") and not is_frame(instances):
            raise ClientError(f"skip_bad_rows: {WITH_BAD_ROWS}")
        if is_frame(instances):
            return (yield from self._frame(FrameRows(instances), path, details, progress))
        if is_picture(instances) or is_mapping(instances):
            return (yield from self._one(instances, path, details))
        array = as_array(instances)
        if array is not None:
            found = yield from self._array(array, path, details, progress)
            return as_tensors(found) if hasattr(instances, "detach") else found
        if not isinstance(instances, Iterable):
            kind = type(instances).__name__
            raise ClientError(f"predict takes {ACCEPTED}; this is of type {kind}")
        return (yield from self._many(list(instances), path, details, progress))

    def predict_body(
        self, content: bytes, media_type: str, details: PredictOptions
    ) -> Exchange[PredictionList]:
        if not isinstance(content, bytes | bytearray | memoryview):
            raise ClientError(f"a body is bytes, not {type(content).__name__}")
        path = yield from self._models.path(target_of(details))
        read = reader(decode_any, details)
        return (yield from self._post(read, path, (bytes(content), media_type), details))

    def _one(self, instance: object, path: str, details: PredictOptions) -> Exchange[Prediction]:
        if is_picture(instance):
            body = (picture_bytes(instance), ANY_FILE)
        else:
            body = (encode_one(instance), JSON)
        try:
            (found,) = yield from self._post(reader(decode_any, details, 1), path, body, details)
            return found
        except Problem as problem:
            refused = problem.status == HTTPStatus.UNPROCESSABLE_ENTITY and is_mapping(instance)
            if not refused or not (yield from self._is_batch(instance, path)):
                raise
            raise problem.with_hint(ONE_INSTANCE) from None

    def _is_batch(self, instance: object, path: str) -> Exchange[bool]:
        """Whether a refused dict has many rows, as a tokenizer's has."""
        try:
            known = yield from self._models.get(path)
        except ClientError:
            return False
        return is_batch(instance, known.signature.inputs)

    def _many(
        self, items: Sequence[Item], path: str, details: PredictOptions, progress: Progress | None
    ) -> Exchange[PredictionList]:
        def send(rows: slice) -> Exchange[PredictionList]:
            chunk = items[rows]
            read = reader(decode_predictions, details, len(chunk))
            return self._post(read, path, (encode_instances(chunk), JSON), details)

        size = len(encode_instances(items[:1]))
        parts = yield from in_chunks(len(items), size, send, progress)
        return PredictionList(answer for part in parts for answer in part)

    def _array(
        self, array: Array, path: str, details: PredictOptions, progress: Progress | None
    ) -> Exchange[Predictions[Array]]:
        known = yield from self._models.get(path)
        given = known.signature.inputs[0]
        if len(known.signature.inputs) > 1:
            names = ", ".join(each.name for each in known.signature.inputs)
            raise ClientError(f"the model has several inputs: use dicts with {names}")
        # One instance is a batch of one.
        array = array[None] if array.ndim == len(given.row_shape) else array
        if not array.ndim:
            raise ClientError("an array without axes has no rows")

        def send(rows: slice) -> Exchange[OutputPart]:
            chunk = array[rows]
            return self._binary(
                path, details, lambda known: _body(chunk, known.signature.inputs[0]), len(chunk)
            )

        parts = yield from in_chunks(len(array), array[:1].nbytes, send, progress)
        outputs, last = joined(parts)
        outside = sum(part.outside for part in parts)
        return predictions_of(outputs, last.known.signature.outputs, last.model, outside)

    def _frame(
        self, frame: FrameRows[Frame], path: str, details: PredictOptions, progress: Progress | None
    ) -> Exchange[Frame]:
        def body(known: KnownModel, rows: slice) -> Body:
            numbers = frame.numbers(known.signature, rows)
            if numbers is not None:
                return npy_content(numbers), NPY
            return encode_instances(frame.records(known.signature, rows)), JSON

        def send(rows: slice) -> Exchange[OutputPart]:
            count = rows.stop - rows.start
            return self._binary(path, details, lambda known: body(known, rows), count)

        known = yield from self._models.get(path)
        if details.get("skip_bad_rows"):
            frame = frame.without_bad_rows(known.signature)
        size = len(body(known, slice(0, 1))[0])
        parts = yield from in_chunks(len(frame), size, send, progress)
        outputs, last = joined(parts)
        logs = bool(details.get("log_probabilities"))
        known, dtype = last.known, last.known.class_dtype
        return frame.like(frame_columns(outputs, known.signature.outputs, dtype, logs=logs))

    def _binary(
        self, path: str, details: PredictOptions, body: Callable[[KnownModel], Body], rows: int
    ) -> Exchange[OutputPart]:
        """Send rows, and read the raw outputs; again if the model has other ones meanwhile."""
        for name in OF_DICTS:
            if details.get(name):
                raise ClientError(f"{name}: only answers to dicts have a place for it")
        for _ in range(ATTEMPTS):
            known = yield from self._models.get(path)
            query: PredictOptions = {"calibrated": details.get("calibrated", False)}
            if known.classifier:
                query["log_probabilities"] = True
            accept = NPY if known.classifier else SAFETENSORS
            raw = yield from self._post(read_outputs, path, body(known), query, accept)
            found = yield from self._models.answered(path, raw.model)
            if found.signature == known.signature:
                signature = known.signature.outputs
                unnamed = "" in raw.outputs
                outputs = {signature[0].name: raw.outputs[""]} if unnamed else raw.outputs
                with reading(raw.url):
                    require_outputs(outputs, signature, rows, raw.outside)
                return OutputPart(outputs, found, raw.model, raw.outside)
        raise NoAnswer("the model was replaced with each request; try again")

    def _post(
        self,
        read: Callable[[httpx.Response], T],
        path: str,
        body: Body,
        details: PredictOptions,
        accept: str = JSON,
    ) -> Exchange[T]:
        # A POST that changes nothing, and may be sent again.
        return self._calls.answer(
            read,
            f"{path}predict",
            params=query_of(details),
            content=body[0],
            most_bytes=MOST_PREDICTED,
            headers={"Content-Type": body[1], "Accept": accept},
        )


def _body(array: Array, given: Input) -> Body:
    """Numbers as `.npy`; texts and objects, such as the cells of a table, as JSON."""
    if array.dtype.kind in NUMBERS:
        return npy_content(array), NPY
    names = [feature.name for feature in given.features or ()]
    rows = array.tolist()
    if array.shape[1:] == (len(names),):
        rows = [dict(zip(names, row, strict=True)) for row in rows]
    return encode_instances(rows), JSON
