"""POST /predict takes a table as text/csv, with the same answers as JSON."""

import gzip
from pathlib import Path

import pytest

from app.settings.settings import Settings
from tests.service import open_client
from tests.tables import penguins, train_quickly, write

CSV = {"Content-Type": "text/csv"}
FLOWERS = (
    "id;species;petal_width;petal_length (cm);sepal_width;sepal_length\n"
    "a;setosa;0,2;1,4;3,5;5,1\n\n"
    "b;versicolor;2,5;6,0;3,3;6,3\n"
)
FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


async def test_a_table_has_the_answers_of_its_rows(tmp_path: Path) -> None:
    async with open_client(Settings()) as client:
        instances = [
            dict(zip(FEATURES, row, strict=True))
            for row in [(5.1, 3.5, 1.4, 0.2), (6.3, 3.3, 6.0, 2.5)]
        ]
        wanted = (await client.post("/predict", json={"instances": instances})).json()
        response = await client.post("/predict", content=FLOWERS, headers=CSV)
    answer = response.json()
    table = answer.pop("table")
    assert answer == wanted
    assert table["rows"] == [2, 4]
    assert table["columns"]["petal_length"] == [1.4, 6.0]
    assert table["others"] == {"id": ["a", "b"], "species": ["setosa", "versicolor"]}
    assert (table["target"], table["truth"]) == ("species", ["setosa", "versicolor"])
    assert (table["score"]["accuracy"], table["score"]["right"]) == (0.5, 1)
    assert "the separator is ';'" in table["notes"]


@pytest.mark.parametrize(
    ("headers", "body", "status", "detail"),
    [
        (CSV, b"", 422, "the file is empty"),
        (CSV, b'{ "instances": [] }', 422, "JSON; name it .json, or send it as application/json"),
        (
            CSV,
            b"sepal_length\n1\n",
            422,
            "the header does not name the columns 'sepal_width', 'petal_length', ",
        ),
        (CSV, FLOWERS.replace("\n", "").encode(), 422, "the body is one line (curl: --data-binary"),
        (CSV, FLOWERS.replace("6,0", "long").encode(), 422, "row 4: 'long' is not a finite number"),
        (CSV, FLOWERS.encode()[:-8], 422, "row 4: 5 cells for 6 columns"),
        (CSV, b"x" + bytes(99), 422, "no text: a NUL at byte 1"),
        (CSV, b"PK\3\4" + bytes(99), 422, "a workbook of Excel, or another zip file; save"),
        (CSV, gzip.compress(FLOWERS.encode()), 422, "packed by gzip; unpack it first"),
        (CSV, b"a,b\n" + b"1,2,,\n" * 9, 422, "row 1, the header, has 2 cells; row 2 has 4"),
        # Of each, a time that grows with the square of the length would be hours.
        (CSV, FLOWERS.replace("6,0", "6" + " " * 2**21 + "x").encode(), 422, "row 4: '6  "),
        (CSV, FLOWERS.replace("6,0", "-" * 2**21 + "x").encode(), 422, "row 4: '---"),
        ({"Content-Type": "text/csv; charset=punycode"}, b"-" + b"b" * 2**22, 415, "'punycode'"),
        ({"Content-Type": "text/csv; charset=utf-9"}, b"x", 415, "charset 'utf-9' is not known"),
        ({"Content-Type": "text/csv; charset=ascii"}, b"\xff", 422, "not ascii at byte 0"),
    ],
)
async def test_what_is_no_table_of_the_model_is_refused_with_row_and_column(
    headers: dict[str, str], body: bytes, status: int, detail: str
) -> None:
    async with open_client(Settings()) as client:
        response = await client.post("/predict", content=body, headers=headers)
    assert response.status_code == status
    assert detail in response.json()["detail"]


async def test_a_long_name_and_many_wrong_cells_make_no_long_answer() -> None:
    header = ",".join(["x" * 2**20, *FEATURES])
    rows = ["setosa,1,1,1,1", "iris,1,1,1,1"] * 50
    async with open_client(Settings()) as client:
        body = "\n".join([header, *rows])
        answer = (await client.post("/predict", content=body, headers=CSV)).json()
        refused = await client.post("/predict", content=body.replace("sepal", "s"), headers=CSV)
    (note,) = answer["table"]["notes"]
    assert "row 3: 'iris' is no class of the model, and counts as wrong; so do 49 other" in note
    assert len(note) < 300
    assert answer["table"]["score"]["rows"] == 100
    assert refused.status_code == 422
    assert len(refused.content) < 2000


async def test_each_bad_row_is_named_and_left_out_on_request(tmp_path: Path) -> None:
    good = ["5.1,3.5,1.4,0.2", "6.3,3.3,6.0,2.5"]
    bad = ["5.1,,1.4,0.2", "5.1,3.5,wide,x", "5.1,3.5,1.4,1e300"]
    why = [
        "column 'sepal_width', row 3: missing value",
        "column 'petal_length', row 4: 'wide' is not a finite number",
        "column 'petal_width', row 5: '1e300' is too large",
    ]
    lines = [",".join(FEATURES), good[0], *bad, good[1]]
    skip = {"params": {"skip_bad_rows": "true"}, "headers": CSV}
    async with open_client(Settings()) as client:
        body = "\n".join(lines)
        refused = (await client.post("/predict", content=body, headers=CSV)).json()
        found = (await client.post("/predict", content=body, **skip)).json()
        wanted = await client.post("/predict", content="\n".join([lines[0], *good]), headers=CSV)
        all_bad = await client.post("/predict", content="\n".join([lines[0], *bad]), **skip)
        rows = ["5.1,3.5,1.4", "5.1", good[0], f"{good[0]},1", bad[0], good[1]]
        body = "\n".join([lines[0], *rows])
        ragged = (await client.post("/predict", content=body, **skip)).json()
        body = "\n".join([lines[0], *rows[:1]])
        all_ragged = (await client.post("/predict", content=body, **skip)).json()
        many = "\n".join([lines[0], *bad * 50])
        long = (await client.post("/predict", content=many, headers=CSV)).json()
    for row, each in enumerate(why):
        assert refused["errors"][row]["detail"].startswith(each)
        assert found["table"]["bad"][row].startswith(each)
    assert found["predictions"] == wanted.json()["predictions"]
    assert (found["table"]["rows"], found["table"]["left_out"]) == ([2, 6], 3)
    assert (all_bad.status_code, len(all_bad.json()["errors"])) == (422, 3)
    assert (ragged["table"]["rows"], ragged["table"]["left_out"]) == ([4, 7], 4)
    assert ragged["table"]["bad"][:-1] == [
        "row 2: 3 cells for 4 columns",
        "row 3: 1 cells for 4 columns",
        "row 5: 5 cells for 4 columns",
    ]
    assert "row 2: 3 cells for 4 columns" in all_ragged["detail"]
    assert len(long["errors"]) == 21
    assert long["errors"][-1]["detail"] == "and 130 more bad rows"


async def test_a_table_of_mixed_columns_and_its_classes(tmp_path: Path) -> None:
    model = train_quickly(write(tmp_path, penguins()), "species")
    text = penguins().encode("utf-16")
    async with open_client(Settings(model=model)) as client:
        found = (await client.post("/predict", content=text, headers=CSV)).json()
        names = list(found["table"]["columns"])
        rows = zip(*found["table"]["columns"].values(), strict=True)
        body = {"instances": [dict(zip(names, row, strict=True)) for row in rows]}
        wanted = (await client.post("/predict", json=body)).json()
        assert found["predictions"] == wanted["predictions"]
        labels = [each["class"] for each in wanted["predictions"]]
        truth = [line.split(",")[-1] for line in penguins().splitlines()[1:]]
        right = sum(a == b for a, b in zip(labels, truth, strict=True))
        assert found["table"]["score"]["right"] == right
        # The test rows are among these.
        assert (
            " of these rows are rows that the model was trained on"
            in found["table"]["score"]["note"]
        )
        assert found["table"]["columns"]["sex"][8] is None
        wrong = penguins().replace("Dream", "Atlantis")
        refused = await client.post("/predict", content=wrong, headers=CSV)
    assert "column 'island', row 3: 'Atlantis' is none of" in refused.json()["detail"]


async def test_values_are_scored(tmp_path: Path) -> None:
    model = train_quickly(write(tmp_path, penguins()), "bill_length_mm")
    async with open_client(Settings(model=model)) as client:
        found = (await client.post("/predict", content=penguins(), headers=CSV)).json()
        refused = await client.post(
            "/predict", content=penguins(), headers=CSV | {"Accept": "application/x-npz"}
        )
    truth = found["table"]["truth"]
    values = [each["outputs"]["value"] for each in found["predictions"]]
    pairs = [(a, b) for a, b in zip(truth, values, strict=True) if a is not None]
    mae = sum(abs(a - b) for a, b in pairs) / len(pairs)
    assert found["table"]["score"]["mae"] == pytest.approx(mae)
    assert found["table"]["score"]["rows"] == len(pairs) == 54
    assert refused.status_code == 200
