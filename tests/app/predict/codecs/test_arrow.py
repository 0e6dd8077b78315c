"""Arrow streams to /predict: the same answers as JSON, and each mistake named."""

import httpx
import numpy as np
import pyarrow as pa
import pytest

from app.errors import MAX_FAULTS, BodyTooLarge, InvalidInstances, MalformedBody, UnsupportedContent
from app.predict.codecs.arrow import ArrowFormat
from stateserve.model.predictor import Predictor
from tests.memory import SPARE, peak_growth
from tests.project import IRIS, SETOSA

ARROW = "application/vnd.apache.arrow.stream"
ROWS = np.random.default_rng(0).uniform(0.1, 7, (20_000, 4)).astype(np.float32)


def table(rows: np.ndarray = ROWS[:3], **columns: object) -> pa.Table:
    named = dict(zip(SETOSA, rows.T, strict=True)) | columns
    return pa.table({name: values for name, values in named.items() if values is not None})


def dumped(data: pa.Table, **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, data.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(data)
    return sink.getvalue().to_pybytes()


async def ask(client: httpx.AsyncClient, content: bytes, **options) -> httpx.Response:
    return await client.post(
        "/predict", content=content, headers={"Content-Type": ARROW}, **options
    )


@pytest.mark.parametrize("count", [1, 64, 500])
async def test_it_answers_as_json_does(client: httpx.AsyncClient, count: int) -> None:
    query = {"log_probabilities": "true"}
    rows = ROWS[:count]
    response = await ask(client, dumped(table(rows)), params=query)
    assert response.headers["content-type"] == ARROW
    found = pa.ipc.open_stream(response.content).read_all().to_pylist()
    flowers = [dict(zip(SETOSA, row, strict=True)) for row in rows.tolist()]
    wanted = (await client.post("/predict", json={"instances": flowers}, params=query)).json()
    for row, answer in zip(found, wanted["predictions"], strict=True):
        outside = [warning["feature"] for warning in answer.pop("warnings")]
        assert row == answer | {"out_of_range": outside}
    beyond = sum(bool(row["out_of_range"]) for row in found)
    assert response.headers["x-out-of-range-rows"] == str(beyond)


async def test_many_chunks_keep_their_order(client: httpx.AsyncClient) -> None:
    columns = table(ROWS).select(list(SETOSA)[::-1])
    answer = pa.ipc.open_stream((await ask(client, dumped(columns))).content).read_all()
    assert len(answer) == 20_000
    last = pa.ipc.open_stream((await ask(client, dumped(table(ROWS[-1:])))).content).read_all()
    assert answer["class"][-1] == last["class"][0]
    assert answer["out_of_range"][-1] == last["out_of_range"][0]


async def test_integers_and_wide_floats_are_numbers_too(client: httpx.AsyncClient) -> None:
    columns = {"sepal_length": pa.array([5], "int8"), "petal_width": pa.array([0.2], "float64")}
    assert (await ask(client, dumped(table(ROWS[:1], **columns)))).is_success


GOOD = dumped(table())


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"", 400, "not valid Arrow IPC"),
        (b"not arrow", 400, "not valid Arrow IPC"),
        (GOOD[:300], 400, "not valid Arrow IPC"),
        (dumped(table(), compression="zstd"), 415, "write the stream uncompressed"),
        (dumped(table(ROWS[:0])), 422, "no rows"),
        (dumped(table(petal_width=None)), 422, "/petal_width: missing"),
        (dumped(table(colour=["r", "g", "b"])), 422, "/colour: unknown column; the features are"),
        (dumped(table(petal_width=["r", "g", "b"])), 422, "/petal_width: a column of string"),
        (dumped(table(petal_width=[1.0, None, 2.0])), 422, "/petal_width: 1 nulls"),
        (dumped(table(petal_width=[1.0, 2.0, np.nan])), 422, "/2/petal_width: nan where"),
        (
            dumped(pa.Table.from_arrays([pa.array([1.0])] * 5, names=[*SETOSA, "petal_width"])),
            422,
            "/petal_width: stands twice",
        ),
    ],
)
async def test_each_mistake_is_named(
    client: httpx.AsyncClient, body: bytes, status: int, detail: str
) -> None:
    answer = await ask(client, body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert detail in answer.json()["detail"]


def messages(stream: bytes) -> list[bytes]:
    """Each encapsulated message, with its length (Arrow Columnar Format)."""
    found, rest = [], stream
    while len(rest) > 8 and int.from_bytes(rest[4:8], "little"):
        message = pa.ipc.MessageReader.open_stream(pa.py_buffer(rest)).read_next_message()
        length = (
            8 + int.from_bytes(rest[4:8], "little") + (message.body.size if message.body else 0)
        )
        found.append(rest[: length + -length % 8])
        rest = rest[length + -length % 8 :]
    return found


def encoded(count: int) -> pa.Array:
    """A dictionary of a number of zeros, two of which are used."""
    return pa.DictionaryArray.from_arrays(pa.array([0, 0], "int32"), pa.array(np.zeros(count)))


def nested(dictionary: pa.Array) -> pa.Array:
    return pa.StructArray.from_arrays([dictionary], ["x"])


BOMB = 2**23


@pytest.mark.parametrize("wrapped", [lambda array: array, nested], ids=["plain", "nested"])
@pytest.mark.parametrize("codec", ["zstd", "lz4"])
@pytest.mark.parametrize("extra", [False, True], ids=["in the schema", "not in it"])
def test_no_dictionary_is_inflated(wrapped, codec: str, extra: bool) -> None:
    few = table(ROWS[:2])
    bomb, small = (
        few.set_column(0, "sepal_length", wrapped(encoded(count))) for count in (BOMB, 1)
    )
    schema, dictionary, _ = messages(dumped(bomb, compression=codec))
    plain_schema, plain_batch = messages(dumped(few))
    if extra:
        body = plain_schema + dictionary + plain_batch
    else:
        body = schema + dictionary + messages(dumped(small))[-1]
    assert len(body) < BOMB // 10

    def decode() -> None:
        with pytest.raises(MalformedBody if extra else InvalidInstances):
            FORMAT.decode(body)

    assert peak_growth(decode) < SPARE


FORMAT = ArrowFormat(Predictor.load(IRIS), 100_000)
EMPTY = pa.schema([(name, pa.float64()) for name in SETOSA])
ONE = pa.record_batch([pa.array([1.0])] * 4, names=list(SETOSA))


def many_batches(count: int) -> bytes:
    schema, batch = messages(dumped(pa.Table.from_batches([ONE])))
    return schema + batch * count


HOSTILE = {
    "fields": dumped(pa.schema([(f"f{n}", pa.int8()) for n in range(20_000)]).empty_table()),
    "metadata": dumped(EMPTY.with_metadata({"a": "x" * 10**6}).empty_table()),
    "keys": dumped(EMPTY.with_metadata({str(n): "" for n in range(10**5)}).empty_table()),
    "batches": many_batches(10_001),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_what_is_long_beside_the_rows_is_refused(body: bytes) -> None:
    with pytest.raises(BodyTooLarge, match=r"metadata in a schema message|10000 record batches"):
        FORMAT.decode(body)


def test_compression_as_it_was_told_first_is_refused_too() -> None:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, ONE.schema) as writer:
        writer.write_batch(ONE, custom_metadata={"ARROW:experimental_compression": "zstd"})
    with pytest.raises(UnsupportedContent, match="write the stream uncompressed"):
        FORMAT.decode(sink.getvalue().to_pybytes())


def test_rows_that_no_buffer_holds_are_refused() -> None:
    for column in (pa.nulls(10**9), pa.RunEndEncodedArray.from_arrays([10**9], [1.0])):
        batch = pa.record_batch([column] * 4, names=list(SETOSA))
        with pytest.raises(InvalidInstances, match="integers and floats do"):
            FORMAT.decode(dumped(pa.Table.from_batches([batch])))


def test_only_a_schema_is_read_as_one() -> None:
    schema, batch = messages(dumped(pa.Table.from_batches([ONE])))
    with pytest.raises(MalformedBody, match="a record batch message where a schema belongs"):
        FORMAT.decode(batch + batch)
    # An unknown message type, for which Arrow checks no offset.
    kind = schema.index(b"\x01", 16)
    with pytest.raises(MalformedBody, match="where a schema belongs"):
        FORMAT.decode(schema[:kind] + b"\x80" + schema[kind + 1 :] + batch)


async def test_no_flipped_byte_is_our_fault(client: httpx.AsyncClient) -> None:
    for position in range(0, len(GOOD), 3):
        body = bytearray(GOOD)
        body[position] ^= 0x81
        assert (await ask(client, bytes(body))).status_code in (200, 400, 413, 415, 422), position


async def test_novelty_and_calibration_are_columns_too(client: httpx.AsyncClient) -> None:
    query = {"calibrated": "true", "out_of_distribution": "true"}
    response = await ask(client, dumped(table(ROWS[:2])), params=query)
    found = pa.ipc.open_stream(response.content).read_all().to_pylist()
    flowers = [dict(zip(SETOSA, row, strict=True)) for row in ROWS[:2].tolist()]
    wanted = (await client.post("/predict", json={"instances": flowers}, params=query)).json()
    for row, answer in zip(found, wanted["predictions"], strict=True):
        assert row["novelty"] == answer["novelty"]
        assert row["probabilities"] == answer["probabilities"]


async def test_faults_are_pointed_at_and_limited_as_in_json(client: httpx.AsyncClient) -> None:
    extra = {f"a/b~{index}": np.zeros(3) for index in range(100)}
    errors = (await ask(client, dumped(table(**extra)))).json()["errors"]
    assert errors[0]["pointer"] == "/a~1b~00"
    assert len(errors) == MAX_FAULTS
