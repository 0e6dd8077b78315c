"""Each kind of instances: the same kind comes back, with the numbers that torch computes."""

import io
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from msgspec.structs import replace
from PIL import Image

from app.api.app import create_app
from app.settings.settings import Settings
from stateserve.client.async_client import AsyncClient
from stateserve.client.client import Client
from stateserve.client.columns import Predictions
from stateserve.errors import ClientError, Problem, TableError
from stateserve.model import Feature, ImageInput, load_model
from stateserve.model.tensor_model import TensorModel
from tests.process import Process
from tests.project import IRIS, SETOSA
from tests.signature_models import same
from tests.tables import INSTANCE, penguins, train_quickly, write
from tests.tensor_models import lenet, publish, tokens, two_inputs
from training.tables.plan import Options

pytestmark = pytest.mark.anyio
FLOWERS = [SETOSA, SETOSA | {"petal_length": 4.5}, SETOSA | {"petal_width": 9.0}]


@asynccontextmanager
async def client_of(*models: TensorModel, **settings: object) -> AsyncIterator[AsyncClient]:
    app = create_app(Settings(model=IRIS, hot_reload=False, **settings))
    if models:
        publish(app, *models)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        AsyncClient("http://test", transport=transport) as client,
    ):
        yield client


def test_a_data_frame_comes_back_as_one_of_the_same_library(server: Process) -> None:
    client = Client(server.url)
    wanted = client.predict(FLOWERS)
    pandas = pd.DataFrame(FLOWERS, index=["a", "b", "c"]).assign(species="unknown")
    found = client.predict(pandas, log_probabilities=True)
    assert isinstance(found, pd.DataFrame)
    assert found.index.equals(pandas.index)
    for frame in (found, client.predict(pl.from_pandas(pandas)), client.predict(pa.table(pandas))):
        assert [str(each) for each in frame["class"]] == [each.label for each in wanted]
        for name in wanted[0].probabilities:
            column = np.asarray(frame[f"probability_{name}"])
            assert column == pytest.approx([each.probabilities[name] for each in wanted])
    np.testing.assert_allclose(np.exp(found["log_probability_setosa"]), found["probability_setosa"])
    assert isinstance(client.predict(pl.DataFrame(FLOWERS)), pl.DataFrame)
    # A name may contain the unit, as in the table of the training; another unit is not it.
    with_units = pandas.rename(columns=lambda name: f"{name} (cm)")
    assert client.predict(with_units).equals(client.predict(pandas))
    with pytest.raises(ClientError, match="the header does not name the column 'petal_width'"):
        client.predict(pandas.rename(columns={"petal_width": "petal_width (mm)"}))
    assert isinstance(client.predict(pa.Table.from_pylist(FLOWERS)), pa.Table)
    numbers = np.array([list(each.values()) for each in FLOWERS])
    texts = numbers.astype(str)
    for array in (numbers.astype(">f8"), np.asfortranarray(numbers), numbers.astype(object)):
        assert list(client.predict(array)) == [replace(each, warnings=[]) for each in wanted]
    with pytest.raises(Problem, match="a string where a finite number belongs"):
        client.predict(texts)
    with pytest.raises(Problem, match="/0/sepal_width: nan where"):
        client.predict(np.ma.masked_equal(numbers, 3.5))
    # A row of pandas is one instance, by name.
    assert client.predict(pandas.iloc[1, ::-1].drop("species")) == wanted[1]


async def test_categories_booleans_and_missing_values_of_a_table(tmp_path: Path) -> None:
    model = load_model(train_quickly(write(tmp_path, penguins()), "species"))
    assert isinstance(model, TensorModel)
    rows = [
        INSTANCE,
        INSTANCE | {"sex": None, "island": "Biscoe"},
        INSTANCE | {"bill_length_mm": None},
        INSTANCE | {"tagged": False},
    ]
    async with client_of(model) as client:
        wanted = [each.label for each in await client.predict(rows)]
        nan = [{k: float("nan") if v is None else v for k, v in row.items()} for row in rows]
        assert [each.label for each in await client.predict(nan)] == wanted
        plain = pd.DataFrame(rows)
        nullable = plain.convert_dtypes()
        category = plain.astype({"island": "category", "sex": object, "tagged": object})
        for frame in (plain, nullable, category, pl.DataFrame(rows)):
            found = await client.predict(frame)
            assert list(found["class"]) == wanted
        for frame, words in [
            (plain.assign(island=["Dream"] * 3 + ["Atlantis"]), "'island', row 3: 'Atlantis' is"),
            (plain.drop(columns="island"), "does not name the column 'island'; its columns are"),
            (plain.assign(tagged=["yes", "no"] * 2), "'tagged', row 0: 'yes' is not true or false"),
            (plain.assign(year=pd.Timestamp("2008-01-01")), "'year', row 0: '2008-01-01 00:00:00'"),
            (plain.assign(island=[["a"]] * 4), "'island', row 0: \"\\['a'\\]\" is none of"),
        ]:
            with pytest.raises(ClientError, match=f"^the DataFrame: .*{words}") as caught:
                await client.predict(frame)
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("classes", "dtype"),
    [
        (["3", "-4", "10"], "int64"),
        (["0.5", "1.5", "2"], "float64"),
        (["True", "False"], "bool"),
        (["01067", "20095"], "str"),
        (["low", "high"], "str"),
    ],
)
async def test_classes_have_the_dtype_of_the_training_column(
    tmp_path: Path, classes: list[str], dtype: str
) -> None:
    lines = [f"{place % len(classes)},{classes[place % len(classes)]}" for place in range(40)]
    path = write(tmp_path, "\n".join(["size,grade", *lines]))
    options = Options(hidden=(8,), epochs=60)
    model = load_model(train_quickly(path, "grade", task="classes", options=options))
    frame = pd.read_csv(path, dtype={"grade": str} if dtype == "str" else None)
    assert isinstance(model, TensorModel)
    async with client_of(model) as client:
        found = await client.predict(frame)
        other = await client.predict(pl.from_pandas(frame))
        table = await client.predict_table(path)
    assert found["class"].dtype == frame["grade"].dtype == dtype
    assert other["class"].dtype == pl.from_pandas(frame)["grade"].dtype
    assert table.score is not None
    assert (found["class"] == frame["grade"]).mean() == table.score.accuracy
    assert table[0].label in classes


GERMAN = (
    "Baujahr;Lage;Neu;Preis (€)\n1990;01067;true;1.234,5\n1990;;false;99,5\n2024;20095;;1.000\n"
)


@pytest.mark.parametrize("limit", [10_000, 2])
async def test_a_frame_of_a_file_is_read_as_the_file(tmp_path: Path, limit: int) -> None:
    features = [
        Feature(name="baujahr", kind="category", values=["1990", "2024"]),
        Feature(name="Lage", kind="category", values=["01067", "20095"], missing=True),
        Feature(name="Neu", kind="boolean", missing=True),
        Feature(name="Preis", unit="€"),
    ]
    rows = [[0, 0, 1, 1234.5], [0, math.nan, 0, 99.5], [1, 1, math.nan, 1000]]
    path = tmp_path / "a.csv"
    path.write_text(GERMAN)
    plain = pd.read_csv(path, sep=";", dtype={"Lage": str})
    frames = [
        plain,
        plain.convert_dtypes(),
        plain.astype({"Baujahr": "category", "Lage": "category"}),
        plain.astype(object).where(plain.notna(), None),
        plain.astype({"Baujahr": float}),
        pd.read_csv(path, sep=";", dtype={"Lage": str}, dtype_backend="pyarrow"),
        pl.read_csv(path, separator=";", schema_overrides={"Lage": pl.String}),
        pa.table(plain),
    ]
    async with client_of(
        same("float32", [-1, 4], features=features), max_instances=limit
    ) as client:
        table = await client.predict_table(path, model="made")
        outputs = [next(iter(each.outputs.values())) for each in table]
        assert np.array(outputs, float) == pytest.approx(np.array(rows), nan_ok=True)
        for frame in frames:
            with pytest.warns(
                UserWarning, match=r"column 'Preis \(€\)': the decimal mark is a comma"
            ):
                found = await client.predict(frame, model="made")
            if isinstance(found, pa.Table):
                found = found.to_pandas()
            assert found.to_numpy() == pytest.approx(np.array(rows), nan_ok=True)


@pytest.mark.parametrize(
    ("dtype", "sent"),
    [("int64", [2**24 + 1, 2**53 + 1, -(2**62) - 1]), ("float32", [0.1, 3e38, -1.5])],
)
async def test_a_column_keeps_its_numbers(dtype: str, sent: list[float]) -> None:
    model = same(dtype, [-1, 1], features=[Feature(name="n")])
    async with client_of(model) as client:
        found = await client.predict(pd.DataFrame({"n": sent}), model="made")
    wanted = np.array(sent, dtype).tolist()
    assert found.iloc[:, 0].tolist() == wanted


async def test_a_column_keeps_no_number_that_its_dtype_lacks() -> None:
    model = same("uint8", [-1, 1], features=[Feature(name="n")])
    async with client_of(model) as client:
        for wrong in (300, -1, 0.5):
            with pytest.raises(Problem, match="/instances/0/n: "):
                await client.predict(pd.DataFrame({"n": [wrong]}), model="made")


async def test_arrays_and_tensors_come_back_as_such() -> None:
    model = lenet()
    images = torch.rand(5, 1, 8, 8)
    with torch.inference_mode():
        wanted = torch.softmax(model.module(images).double(), 1)
    async with client_of(model) as client:
        found = await client.predict(images.numpy())
        tensors = await client.predict(images.requires_grad_())
        half = await client.predict(images.to(torch.bfloat16))
        one = await client.predict(images[0])
        listed = await client.predict(list(images.detach()))
    assert isinstance(found, Predictions)
    assert isinstance(found.probabilities, np.ndarray)
    assert isinstance(tensors.probabilities, torch.Tensor)
    np.testing.assert_allclose(found.probabilities, wanted, atol=1e-6)
    torch.testing.assert_close(tensors.probabilities, wanted, atol=1e-6, rtol=0)
    assert tensors.outputs["output"].dtype == torch.float32
    assert found.labels is not None
    assert found.labels.tolist() == [str(index) for index in wanted.argmax(1).tolist()]
    assert [each.label for each in found] == [each.label for each in listed] == [*found.labels]
    assert len(half) == 5
    assert len(one) == 1
    assert one[0].probabilities == pytest.approx(found[0].probabilities)


async def test_outputs_of_other_kinds_are_arrays_and_columns() -> None:
    model = two_inputs()
    a, b = np.ones((4, 3), np.float32), np.arange(8, dtype=np.float32).reshape(4, 2)
    wanted = model.run({"a": a.copy(), "b": b.copy()})
    async with client_of(model) as client:
        frame = await client.predict(pl.DataFrame({"a": a, "b": b}))
        with pytest.raises(ClientError, match="several inputs: use dicts with a, b"):
            await client.predict(a)
    assert frame.columns == ["price", "embedding_0", "embedding_1"]
    np.testing.assert_allclose(frame["price"], wanted["price"], rtol=1e-6)
    np.testing.assert_allclose(frame.select("embedding_0", "embedding_1"), wanted["embedding"])
    async with client_of(tokens()) as client:
        ids = torch.randint(0, 20, (3, 6))
        labels = (await client.predict(ids)).labels
        assert labels is not None
        assert set(labels) <= {"no", "yes"}


async def test_pictures_are_paths_bytes_and_images(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)
    picture = Image.fromarray(pixels)
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    path = tmp_path / "picture.png"
    path.write_bytes(stream.getvalue())
    model = lenet()
    given = model.card.inputs[0].model_copy(update={"image": ImageInput(mode="L", resize=[8, 8])})
    card = model.card.model_copy(update={"inputs": [given]})
    model = TensorModel(model.module, card, "lenet", "1", model.golden)
    with torch.inference_mode():
        scaled = torch.tensor(pixels / 255, dtype=torch.float32)[None, None]
        wanted = torch.softmax(model.module(scaled), 1)[0].tolist()
    async with client_of(model) as client:
        kinds = [path, str(path), stream.getvalue(), picture, picture.convert("CMYK").convert("L")]
        alone = [await client.predict(each) for each in kinds[:4]]
        together = await client.predict(kinds)
        heatmap = await client.explain_picture(path, method="saliency")
        with pytest.raises(ClientError, match=r"nowhere.png': No such file or directory"):
            await client.predict("nowhere.png")
        with pytest.raises(Problem, match="415"):
            await client.predict(b"no picture")
    for found in (*alone, *together[:4]):
        assert list(found.probabilities.values()) == pytest.approx(wanted, abs=1e-5)
    assert Image.open(io.BytesIO(heatmap._repr_png_())).format == "PNG"


async def test_more_rows_than_the_service_takes_are_sent_in_several_requests() -> None:
    done: list[tuple[int, int]] = []
    flowers = [SETOSA | {"petal_width": place / 10} for place in range(35)]
    frame = pd.DataFrame(flowers)
    async with client_of(max_instances=10) as client:
        listed = await client.predict(flowers, progress=lambda *rows: done.append(rows))
        framed = await client.predict(frame)
        array = await client.predict(frame.to_numpy())
        assert [each.label for each in listed] == list(framed["class"]) == [*array.labels]
        assert done[-1] == (35, 35)
        assert len(done) >= 4
        assert len(await client.predict(flowers[:1], progress=True)) == 1
        numbers = frame.to_numpy().copy()
        flowers[33]["petal_width"] = "wide"
        frame.loc[33, "petal_width"] = None
        numbers[33, 3] = np.inf
        for wrong in (flowers, frame, numbers):
            with pytest.raises(Problem, match=r"422: (/instances)?/33/petal_width: ") as caught:
                await client.predict(wrong)
            assert caught.value.errors[0].pointer.endswith("/33/petal_width")


async def test_a_model_that_is_replaced_meanwhile_answers_with_its_own_classes() -> None:
    app = create_app(Settings(model=IRIS, hot_reload=False))
    first, second = lenet(), lenet(seed=1, version="2")
    letters = second.card.outputs[0].model_copy(update={"classes": list("abcdefghij")})
    card = second.card.model_copy(update={"outputs": [letters]})
    second = TensorModel(second.module, card, "lenet", "2", second.golden)
    images = torch.rand(3, 1, 8, 8)
    publish(app, first)
    async with (
        app.router.lifespan_context(app),
        AsyncClient("http://test", transport=httpx.ASGITransport(app)) as client,
    ):
        old = await client.predict(images)
        publish(app, second)
        new = await client.predict(images)
        again = await client.predict(images, version="1")
    assert [old.classes[0], new.classes[0], again.classes[0]] == ["0", "a", "0"]
    with torch.inference_mode():
        best = second.module(images).argmax(1)
    assert new.labels is not None
    assert "".join(new.labels) == "".join("abcdefghij"[index] for index in best)
    torch.testing.assert_close(again.probabilities, old.probabilities)


def test_what_has_no_json_is_refused_in_one_line(server: Process) -> None:
    client = Client(server.url)
    for wrong, words in [
        (3, "predict takes a dict by feature or input name"),
        ([object()], "a value of type object is not sent"),
        (SETOSA | {"petal_width": object()}, "a value of type object"),
        (pl.DataFrame(FLOWERS).lazy(), "."),
        (SETOSA | {"petal_width": 3 + 4j}, "complex"),
        (np.ones((2, 4), complex), "complex"),
        (np.zeros(2, [("a", "f4"), ("b", "i4")]), "an array with named fields is not sent"),
        (np.float32(1), "an array without axes has no rows"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "the table is not sent: Expected unique"),
        (pd.DataFrame([[1, 2]]), "the name of a column is a text, not 0"),
    ]:
        with pytest.raises(ClientError, match=words) as caught:
            client.predict(wrong)  # type: ignore[call-overload]
        assert "\n" not in str(caught.value)
    for option in ({"top": 1}, {"out_of_distribution": True}):
        with pytest.raises(ClientError, match="only answers to dicts have a place for it"):
            client.predict(pd.DataFrame(FLOWERS), **option)


async def test_a_table_is_read_and_scored(tmp_path: Path) -> None:
    text = "id;species;petal_width;petal_length;sepal_width;sepal_length\n"
    text += "a;setosa;0,2;1,4;3,5;5,1\nb;setosa;2,5;6,0;3,3;6,3\n"
    path = tmp_path / "flowers.csv"
    path.write_bytes(text.encode("utf-16"))
    rows = [(5.1, 3.5, 1.4, 0.2), (6.3, 3.3, 6.0, 2.5)]
    async with client_of() as client:
        found = await client.predict_table(path, log_probabilities=True)
        instances = [dict(zip(SETOSA, row, strict=True)) for row in rows]
        assert found == await client.predict(instances, log_probabilities=True)
        assert found.score is not None
        assert (found.score.accuracy, found.score.column) == (0.5, "species")
        assert found.table.others[0].texts == ["a", "b"]
        path.write_text(text.replace("6,0", "long"))
        with pytest.raises(TableError, match=r"flowers\.csv: column 'petal_length', row 3: 'long'"):
            await client.predict_table(str(path))
        found = await client.predict_table(path, skip_bad_rows=True)
        assert (len(found), found.table.rows, found.table.left_out) == (1, [2], 1)
        assert found.score is not None
        assert found.score.rows == 1
    async with client_of(lenet()) as client:
        with pytest.raises(ClientError, match="takes no table"):
            await client.predict_table(path)
