"""Arrow IPC streams as a body, for whoever has a data frame; needs `pip install .[arrow]`."""

import struct
from collections.abc import Iterable
from dataclasses import asdict

import numpy as np
import pyarrow as pa

from app.api.asked import NOVELTY_FIELDS, Asked, show
from app.api.body import Body
from app.api.negotiation import ARROW
from app.errors import Fault, InvalidInstances, MalformedBody, UnsupportedContent
from app.inference import Prediction
from app.instances import MAX_FAULTS, Instances, require_at_most
from app.json_text import escape
from app.predictor import Predictor
from app.rows import as_float32


class ArrowFormat:
    """Record batches of one predictor, both ways.

    In: a numeric column for each feature, by name, in any order, without nulls. Out: class
    (dictionary-encoded), index, probabilities (a struct by class), out_of_range, the names of
    the features beyond their training range, and if asked log_probabilities and novelty.
    """

    media_type = ARROW

    def __init__(self, predictor: Predictor, max_instances: int) -> None:
        self._predictor = predictor
        self._features = [feature.name for feature in predictor.card.features]
        self._classes = predictor.card.classes
        self._limit = max_instances

    def decode(self, body: Body) -> Instances:
        """Raises MalformedBody, UnsupportedContent, InvalidInstances or BodyTooLarge."""
        table = _read(body)
        self._require_columns(table)
        if not len(table):
            raise InvalidInstances([Fault("", "no rows; at least one instance is needed")])
        require_at_most(self._limit, len(table))
        rows = np.empty((len(table), len(self._features)), dtype=np.float64)
        for column, name in enumerate(self._features):
            rows[:, column] = table[name].to_numpy()
        return Instances(as_float32(rows, self._features), single=False)

    def encode(
        self, predictions: Iterable[Prediction], _instances: Instances, asked: Asked, /
    ) -> memoryview:
        batches = [self._batch(prediction, asked) for prediction in predictions]
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batches[0].schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        return memoryview(sink.getvalue())

    def _require_columns(self, table: pa.Table) -> None:
        faults = []
        for name in table.column_names:
            if name not in self._features:
                accepted = f"the features are {', '.join(self._features)}"
                faults.append(Fault(f"/{escape(name)}", f"unknown column; {accepted}"))
        for name in self._features:
            pointer = f"/{escape(name)}"
            count = table.column_names.count(name)
            kind = table.schema.field(name).type if count == 1 else None
            if count != 1:
                what = "missing; a column of numbers is needed" if not count else "stands twice"
                faults.append(Fault(pointer, what))
            elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
                faults.append(Fault(pointer, f"a column of {kind}; integers and floats do"))
            elif table[name].null_count:
                faults.append(Fault(pointer, f"{table[name].null_count} nulls"))
        if faults:
            raise InvalidInstances(faults[:MAX_FAULTS])

    def _batch(self, prediction: Prediction, asked: Asked) -> pa.RecordBatch:
        whole, start, end = prediction
        shown = show(prediction, asked, self._predictor)
        indices = pa.array(whole.indices[start:end].astype(np.int32))
        columns = {
            "class": pa.DictionaryArray.from_arrays(indices, pa.array(self._classes)),
            "index": indices,
            "probabilities": self._by_class(shown.probabilities),
            "out_of_range": self._out_of_range(prediction),
        }
        if asked.log_probabilities:
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


def _read(body: Body) -> pa.Table:
    try:
        _require_uncompressed(body)
        table = pa.ipc.open_stream(pa.py_buffer(body)).read_all()
        # Offsets and lengths inside the body are its sender's, and are followed later.
        table.validate(full=True)
        # Decoded only now, and not always UTF-8.
        _ = table.column_names
    except (pa.ArrowException, OSError, ValueError, struct.error) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise MalformedBody(reason, 0, "Arrow IPC") from None
    return table


def _require_uncompressed(body: Body) -> None:
    """A few compressed bytes can claim gigabytes, which Arrow would allocate before any check."""
    for message in pa.ipc.MessageReader.open_stream(pa.py_buffer(body)):
        if message.type == "record batch" and _has_compression(memoryview(message.metadata)):
            raise UnsupportedContent("compressed Arrow buffers; write the stream uncompressed")


def _has_compression(message: memoryview) -> bool:
    """Whether Message.header, a RecordBatch, has its fourth field (Arrow's Message.fbs)."""
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
