"""`.npy` bodies to /predict: the same answers as JSON, and each mistake named."""

import io
from collections.abc import AsyncIterator

import httpx
import numpy as np
import pytest

from app.settings.settings import Settings
from tests.project import IRIS, SETOSA
from tests.service import open_client

NPY = "application/x-npy"
ROWS = np.random.default_rng(0).uniform(0.1, 7, (40_000, 4)).astype(np.float32)


def dumped(array: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


async def ask(client: httpx.AsyncClient, content: object, **options) -> httpx.Response:
    headers = {"Content-Type": NPY} | options.pop("headers", {})
    return await client.post("/predict", content=content, headers=headers, **options)


async def by_json(client: httpx.AsyncClient, rows: np.ndarray, key: str) -> np.ndarray:
    flowers = [dict(zip(SETOSA, row, strict=True)) for row in rows.tolist()]
    query = {"log_probabilities": "true"}
    response = await client.post("/predict", json={"instances": flowers}, params=query)
    return np.array([list(answer[key].values()) for answer in response.json()["predictions"]])


@pytest.mark.parametrize("count", [1, 64, 65, 2000])
async def test_it_answers_as_json_does(client: httpx.AsyncClient, count: int) -> None:
    rows = ROWS[:count]
    answer = await ask(client, dumped(rows))
    assert answer.headers["content-type"] == NPY
    found = np.load(io.BytesIO(answer.content))
    assert found.dtype == np.float32
    wanted = (await by_json(client, rows, "probabilities")).astype(np.float32)
    np.testing.assert_array_equal(found, wanted)
    logs = await ask(client, dumped(rows), params={"log_probabilities": "true"})
    wanted = (await by_json(client, rows, "log_probabilities")).astype(np.float32)
    np.testing.assert_array_equal(np.load(io.BytesIO(logs.content)), wanted)


async def test_many_chunks_keep_their_order(client: httpx.AsyncClient) -> None:
    found = np.load(io.BytesIO((await ask(client, dumped(ROWS))).content))
    assert found.shape == (40_000, 3)
    for start in (0, 16_380, 32_760, 39_990):
        part = ROWS[start : start + 10]
        alone = np.load(io.BytesIO((await ask(client, dumped(part))).content))
        np.testing.assert_allclose(found[start : start + 10], alone, rtol=1e-6)


async def test_a_body_in_pieces(client: httpx.AsyncClient) -> None:
    content = dumped(ROWS[:100])

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 100):
            yield content[start : start + 100]

    assert (await ask(client, pieces())).content == (await ask(client, content)).content


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f2", "<i8", ">i4", "|u1"])
async def test_any_width_and_order_of_numbers(client: httpx.AsyncClient, dtype: str) -> None:
    rows = np.array([[5, 3, 1, 0], [6, 3, 5, 2]])
    found = [
        np.load(io.BytesIO((await ask(client, dumped(array))).content))
        for array in (rows.astype("<f4"), np.asfortranarray(rows.astype(dtype)))
    ]
    np.testing.assert_array_equal(*found)


async def test_one_bare_instance(client: httpx.AsyncClient) -> None:
    found = np.load(io.BytesIO((await ask(client, dumped(ROWS[0]))).content))
    whole = np.load(io.BytesIO((await ask(client, dumped(ROWS[:1]))).content))
    assert found.shape == (3,)
    np.testing.assert_array_equal(found, whole[0])


async def test_numbers_say_whose_they_are(client: httpx.AsyncClient) -> None:
    answer = await ask(client, dumped(ROWS[:1]))
    model = (await client.post("/predict", json=SETOSA)).json()["model"]
    for name, value in model.items():
        assert answer.headers[f"x-model-{name.replace('_', '-')}"] == value


async def test_accept_turns_one_format_into_another(client: httpx.AsyncClient) -> None:
    answer = await ask(client, dumped(ROWS[0]), headers={"Accept": "application/json"})
    assert answer.json()["index"] in (0, 1, 2)
    back = await client.post("/predict", json=SETOSA, headers={"Accept": NPY})
    assert np.load(io.BytesIO(back.content)).argmax() == 0
    assert (await ask(client, dumped(ROWS[0]), headers={"Accept": "text/csv"})).status_code == 406


HEADER = dumped(ROWS[:2])[:128]


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"", 400, "not valid npy"),
        (b"\x93NUMPY\x01", 400, "not valid npy"),
        # Without the object's place in memory, which Python's text of it has.
        (b"\x93NUMPY\x01\x00\x04\x00x  \n", 400, "line 1: <ast.Name object> at byte 0"),
        (b"\x93NUMPY\x09\x00" + bytes(100), 400, "not valid npy"),
        (dumped(ROWS[:2])[:-1], 400, "claims 160 bytes, the body has 159 at byte 159"),
        (dumped(ROWS[:2]) + b"x", 400, "claims 160 bytes, the body has 161 at byte 160"),
        (HEADER.replace(b"(2, 4)", b"(9999999999, 4)"), 400, "not valid npy"),
        (HEADER.replace(b"(2, 4), }  ", b"(-2, -4), }") + bytes(32), 400, "not valid npy"),
        (dumped(np.array([[None] * 4]), allow_pickle=True), 422, "an array of object"),
        (dumped(np.array([["a"] * 4])), 422, "an array of <U1; integers and floats"),
        (dumped(np.ones((1, 4), bool)), 422, "an array of bool"),
        (dumped(np.ones((2, 3), "f4")), 422, "(2, 3), not (rows, 4) or (4,), columns sepal_length"),
        (dumped(np.ones((1, 2, 4), "f4")), 422, "an array of shape (1, 2, 4)"),
        (dumped(np.ones((0, 4), "f4")), 422, "an array of shape (0, 4)"),
        (dumped(np.array([[1, 2, 3, 4], [1, np.nan, 3, 4]])), 422, "/1/sepal_width: nan where"),
        (dumped(np.array([[1, 2, np.inf, 4]])), 422, "/0/petal_length: inf where"),
        (dumped(np.array([[1, 2, 3, -1e39]])), 422, "/0/petal_width: -1e+39 where"),
    ],
)
async def test_each_mistake_is_named(
    client: httpx.AsyncClient, body: bytes, status: int, detail: str
) -> None:
    answer = await ask(client, body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert detail in answer.json()["detail"]


def headed(shape: str, descr: str = "'<f4'", content: bytes = b"") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}".encode()
    return b"\x93NUMPY\x02\x00" + len(text).to_bytes(4, "little") + text + content


SHAPES = {
    "(True, 4)": 400,
    "(False, 4)": 400,
    "(4, True)": 400,
    f"(0, {10**30})": 400,
    f"({2**63}, 0)": 400,
    f"({'1' * 4200}, 0)": 400,
    f"({'1' * 4200}, {'1' * 4200})": 400,
    f"({'1' * 4400}, 0)": 400,
    f"({'0,' * 70})": 400,
    f"({'1,' * 65})": 400,
    "(-1, 0)": 400,
    "(0.0, 4)": 400,
    "('0', 4)": 400,
    "[0, 4]": 400,
    "None": 400,
    f"({'0,' * 64})": 422,
    f"(0, {2**63 - 1}, {2**63 - 1})": 422,
    f"(0, {2**62})": 422,
    "(0, 4)": 422,
    "(4, 0)": 422,
    "(0,)": 422,
}


@pytest.mark.parametrize(("shape", "status"), SHAPES.items(), ids=lambda value: str(value)[:30])
async def test_a_shape_that_is_none_is_refused(
    client: httpx.AsyncClient, shape: str, status: int
) -> None:
    answer = await ask(client, headed(shape))
    assert answer.status_code == status, answer.text
    assert len(answer.text) < 1000


KINDS = ["'<c8'", "'|O'", "'|V16'", "'<M8[s]'", "[('a', '<f4')]", "('<f4', (2,))", "'S0'", "'V0'"]
NO_KINDS = ["'<f12'", "float", "''", "'" + "x" * 5000 + "'", "(" * 1000, "{'a': 1}", "5"]


@pytest.mark.parametrize("descr", KINDS + NO_KINDS, ids=lambda descr: descr[:20])
async def test_a_kind_that_is_no_number_is_refused(client: httpx.AsyncClient, descr: str) -> None:
    answer = await ask(client, headed("(1, 4)", descr, bytes(64)))
    assert answer.status_code == (422 if descr in KINDS else 400), answer.text
    assert len(answer.text) < 1000


async def test_the_widest_floats_are_numbers_too(client: httpx.AsyncClient) -> None:
    rows = np.array([[5, 3, 1, 0]], np.longdouble)
    assert (await ask(client, dumped(rows))).is_success
    answer = await ask(client, dumped(rows * np.longdouble("1e4000")))
    assert "/0/sepal_length: " in answer.json()["detail"]


async def test_the_limit_of_instances_holds() -> None:
    async with open_client(Settings(model=IRIS, max_instances=2)) as client:
        assert (await ask(client, dumped(ROWS[:2]))).is_success
        answer = await ask(client, dumped(ROWS[:3]))
    assert answer.status_code == 413
    assert "3 instances; at most 2" in answer.json()["detail"]


async def test_an_array_has_no_place_for_novelty(client: httpx.AsyncClient) -> None:
    answer = await ask(client, dumped(ROWS[:1]), params={"out_of_distribution": "true"})
    assert answer.status_code == 422
    assert "has no place for it" in answer.json()["detail"]
    calibrated = await ask(client, dumped(ROWS[:1]), params={"calibrated": "true"})
    found = np.load(io.BytesIO(calibrated.content))
    assert found.sum() == pytest.approx(1)
    assert (found != np.load(io.BytesIO((await ask(client, dumped(ROWS[:1]))).content))).any()


async def test_the_most_probable_classes_have_index_and_probability(
    client: httpx.AsyncClient,
) -> None:
    whole = np.load(io.BytesIO((await ask(client, dumped(ROWS))).content))
    order = np.argsort(-whole, axis=1)[:, :2]
    found = np.load(io.BytesIO((await ask(client, dumped(ROWS), params={"top": "2"})).content))
    assert (found[..., 0] == order).all()
    assert (found[..., 1] == np.take_along_axis(whole, order, axis=1)).all()
    single = np.load(io.BytesIO((await ask(client, dumped(ROWS[0]), params={"top": "9"})).content))
    assert single.shape == (3, 2)
    assert single[:2].tolist() == found[0].tolist()


async def test_a_header_counts_the_instances_beyond_the_training_range(
    client: httpx.AsyncClient,
) -> None:
    rows = np.array([list(SETOSA.values())] * 100, np.float32)
    for outside in ([], [3], [3, 7, 99]):
        rows[outside, 0] = 100
        response = await ask(client, dumped(rows))
        assert response.headers["x-out-of-range-rows"] == str(len(outside))
