"""Reads and writes Arrow IPC streams, for data frames; needs `pip install .[arrow]`."""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import asdict

import numpy as np
import pyarrow as pa

from app.errors import (
    MAX_FAULTS,
    BodyTooLarge,
    InvalidInstances,
    InvalidQuery,
    MalformedBody,
    UnsupportedContent,
)
from app.predict.codecs.json_request import MOST_LISTED, TableRows, require_at_most
from app.predict.headers import Body
from app.predict.json_pointer import escape
from app.predict.media_types import ARROW
from app.predict.options import NOVELTY_FIELDS, Options, show
from app.predict.prediction import Prediction
from app.predict.rows import as_float32
from stateserve.errors import Fault
from stateserve.model import Predictor
from stateserve.text import MOST_SHOWN

# Up to this number, the reader's overhead per batch stays small.
MAX_BATCHES = 10_000
EARLY_COMPRESSION = b"ARROW:experimental_compression"


class ArrowFormat:
    """Reads and writes the record batches of one predictor.

    In: a numeric column for each feature, by name, in any order, without nulls. Out: class
    (dictionary-encoded), index, probabilities (a struct by class), out_of_range (the names of
    the features beyond their training range), and on request log_probabilities and novelty.
    """

    media_type = ARROW

    def __init__(self, predictor: Predictor, max_instances: int) -> None:
        self._predictor = predictor
        self._features = [feature.name for feature in predictor.card.features]
        self._classes = predictor.card.classes
        self._limit = max_instances
        # For each column: its name, the metadata of a data frame library, its buffers.
        self._most_metadata = 2**16 + sum(2048 + 8 * len(name) for name in self._features)

    def decode(self, body: Body, _parameters: Mapping[str, str] = {}, /) -> TableRows:
        """Raises MalformedBody, UnsupportedContent, InvalidInstances or BodyTooLarge."""
        table = self._read(body)
        if not len(table):
            raise InvalidInstances([Fault("", "no rows; at least one instance is needed")])
        require_at_most(self._limit, len(table))
        rows = np.empty((len(table), len(self._features)), dtype=np.float64)
        for column, name in enumerate(self._features):
            rows[:, column] = table[name].to_numpy()
        return TableRows(as_float32(rows, self._features), single=False)

    def encode(
        self, predictions: Iterable[Prediction], _instances: TableRows, options: Options, /
    ) -> memoryview:
        if options.top:
            raise InvalidQuery(f"top: {self.media_type} has a column for each class")
        batches = [self._batch(prediction, options) for prediction in predictions]
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batches[0].schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        return memoryview(sink.getvalue())

    def _read(self, body: Body) -> pa.Table:
        try:
            self._require_messages(pa.ipc.MessageReader.open_stream(pa.py_buffer(body)))
            table = pa.ipc.open_stream(pa.py_buffer(body)).read_all()
            # The client chose the offsets and lengths in the body, and Arrow follows them later.
            table.validate(full=True)
        except (pa.ArrowException, OSError, ValueError, StopIteration, struct.error) as error:
            text = str(error)[:MOST_SHOWN]
            reason = text.splitlines()[0] if text else "no schema"
            raise MalformedBody(reason, 0, "Arrow IPC") from None
        faults = [
            Fault(f"/{escape(name)}", f"{table[name].null_count} nulls")
            for name in self._features
            if table[name].null_count
        ]
        if faults:
            raise InvalidInstances(faults[:MAX_FAULTS])
        return table

    def _require_messages(self, messages: pa.ipc.MessageReader) -> None:
        """Require a schema of the features, then uncompressed batches, before data are read.

        A few compressed bytes can claim gigabytes, which Arrow would allocate before any check.
        """
        first = messages.read_next_message()
        # Arrow reads a message of any type as a schema, at unchecked addresses.
        _require_type(first, "schema")
        self._require_short(first)
        self._require_columns(pa.ipc.read_schema(first))
        for count, message in enumerate(messages, 1):
            # Features are numbers, so no dictionary message is accepted.
            _require_type(message, "record batch")
            self._require_short(message)
            if _has_compression(memoryview(message.metadata)):
                raise UnsupportedContent("compressed Arrow buffers; write the stream uncompressed")
            if count > MAX_BATCHES:
                raise BodyTooLarge(f"more than {MAX_BATCHES} record batches; write longer ones")

    def _require_short(self, message: pa.ipc.Message) -> None:
        if message.metadata.size > self._most_metadata:
            raise BodyTooLarge(
                f"{message.metadata.size} bytes of metadata in a {message.type} message; "
                f"at most {self._most_metadata} are taken"
            )

    def _require_columns(self, schema: pa.Schema) -> None:
        # Arrow decodes the names only here, and they may be invalid UTF-8.
        names = schema.names
        accepted = f"the features are {', '.join(self._features[:MOST_LISTED])}"
        faults = [
            Fault(f"/{escape(name)}", f"unknown column; {accepted}")
            for name in names
            if name not in self._features
        ]
        for name in self._features:
            pointer = f"/{escape(name)}"
            count = names.count(name)
            kind = schema.field(name).type if count == 1 else None
            if count != 1:
                what = "missing; a column of numbers is needed" if not count else "stands twice"
                faults.append(Fault(pointer, what))
            elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
                text = str(kind)[:MOST_SHOWN]
                faults.append(Fault(pointer, f"a column of {text}; integers and floats do"))
        if faults:
            raise InvalidInstances(faults[:MAX_FAULTS])

    def _batch(self, prediction: Prediction, options: Options) -> pa.RecordBatch:
        whole, start, end = prediction
        shown = show(prediction, options, self._predictor)
        indices = pa.array(whole.indices[start:end].astype(np.int32))
        columns = {
            "class": pa.DictionaryArray.from_arrays(indices, pa.array(self._classes)),
            "index": indices,
            "probabilities": self._by_class(shown.probabilities),
            "out_of_range": self._out_of_range(prediction),
        }
        if options.log_probabilities:
            columns["log_probabilities"] = self._by_class(shown.log_probabilities)
        if shown.novelty is not None:
            arrays = map(pa.array, asdict(shown.novelty).values())
            columns["novelty"] = pa.StructArray.from_arrays(arrays, NOVELTY_FIELDS)
        return pa.record_batch(columns)

    def _by_class(self, values: np.ndarray) -> pa.StructArray:
        columns = [np.ascontiguousarray(column, dtype=np.float64) for column in values.T]
        return pa.StructArray.from_arrays(map(pa.array, columns), self._classes)

    def _out_of_range(self, prediction: Prediction) -> pa.ListArray:
        whole, start, end = prediction
        if whole.outside is None:
            outside = np.zeros((end - start, 1), dtype=bool)
        else:
            outside = whole.outside[start:end]
        offsets = np.concatenate([[0], outside.sum(axis=1).cumsum()]).astype(np.int32)
        names = pa.array(self._features).take(pa.array(np.nonzero(outside)[1]))
        return pa.ListArray.from_arrays(pa.array(offsets), names)


def _require_type(message: pa.ipc.Message, expected: str) -> None:
    if message.type != expected:
        reason = f"a {message.type} message where a {expected} belongs"
        raise MalformedBody(reason, 0, "Arrow IPC")


def _has_compression(message: memoryview) -> bool:
    """Whether a RecordBatch message has the field `compression`, its fourth (Message.fbs).

    Older streams have a key in the message's metadata instead, which Arrow still reads.
    """
    if EARLY_COMPRESSION in bytes(message):
        return True
    batch = _field(message, int.from_bytes(message[:4], "little"), 2)
    if batch is None:
        return False
    (offset,) = struct.unpack_from("<I", message, batch)
    return _field(message, batch + offset, 3) is not None


def _field(flatbuffer: memoryview, table: int, slot: int) -> int | None:
    (back,) = struct.unpack_from("<i", flatbuffer, table)
    vtable = table - back
    (size,) = struct.unpack_from("<H", flatbuffer, vtable)
    if 4 + 2 * slot >= size:
        return None
    (offset,) = struct.unpack_from("<H", flatbuffer, vtable + 4 + 2 * slot)
    return table + offset if offset else None
