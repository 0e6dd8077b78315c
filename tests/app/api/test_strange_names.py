"""Features and classes of any name work in every format."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from app.settings.settings import Settings
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.checkpoint import save_checkpoint
from tests.app.cli.conftest import Run, run  # noqa: F401
from tests.checkpoints import make_card
from tests.service import open_client

pytestmark = pytest.mark.anyio
NAMES = [
    *("__proto__", "constructor", "toString", "instances", "hasOwnProperty", "model", "version"),
    *("class", "predictions", "probabilities", "warnings", "index", "novelty", "None", "self"),
    *('qu"ote', "apo'strophe", "back\\slash", "sl/ash", "do.t", "co:lon", "com,ma", "equals=5"),
    *(
        " spaces around ",
        "a b",
        "a_b",
        "tab\there",
        "line\nbreak",
        "control\x01",
        "ünïcode",
        "😀",
        "-",
    ),
    *("[red]", "{0}", "%s", "~0", "</script>", "$(id)", "feature.model", "--json", "'", '"'),
]


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    module = Multiclass(len(NAMES), 6, len(NAMES)).eval()
    card = make_card(module)
    features = [
        each.model_copy(update={"name": name, "unit": name})
        for each, name in zip(card.features, NAMES, strict=True)
    ]
    changed = card.model_copy(update={"features": features, "classes": NAMES})
    path = tmp_path_factory.mktemp("strange") / "strange.pth"
    save_checkpoint(module.state_dict(), changed, path)
    return path


FLOWER = {name: index / 8 for index, name in enumerate(NAMES)}
ROW = np.array([list(FLOWER.values())], np.float32)


async def test_every_format_takes_any_name_and_gives_it_back(strange: Path) -> None:
    table = pa.table({name: [value] for name, value in FLOWER.items()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    arrow = {"Content-Type": "application/vnd.apache.arrow.stream"}
    npy = io.BytesIO()
    np.save(npy, ROW)
    tensor = {"name": "input", "shape": [1, len(NAMES)], "datatype": "FP32", "data": ROW.tolist()}
    async with open_client(Settings(model=strange)) as client:
        one = (await client.post("/predict", json=FLOWER)).json()
        batch = {"instances": [FLOWER, FLOWER]}
        many = (await client.post("/predict", json=batch)).json()["predictions"]
        by_arrow = await client.post("/predict", content=bytes(sink.getvalue()), headers=arrow)
        by_npy = await client.post(
            "/predict", content=npy.getvalue(), headers={"Content-Type": "application/x-npy"}
        )
        answer = await client.post("/v2/models/strange/infer", json={"inputs": [tensor]})
        labels = {each["name"]: each["data"] for each in answer.json()["outputs"]}["label"]
        document = (await client.get("/openapi.json")).json()
        metrics = await client.get("/metrics")
    assert list(one["probabilities"]) == NAMES
    assert one["warnings"]
    assert {each["feature"] for each in one["warnings"]} <= set(NAMES)
    assert [each["probabilities"] for each in many] == [pytest.approx(one["probabilities"])] * 2
    read = pa.ipc.open_stream(by_arrow.content).read_all()
    assert read["class"].to_pylist() == [one["class"]] == labels
    assert list(read["probabilities"].to_pylist()[0]) == NAMES
    found = np.load(io.BytesIO(by_npy.content))[0]
    np.testing.assert_allclose(found, list(one["probabilities"].values()), atol=1e-6)
    assert list(document["components"]["schemas"]["Instance"]["properties"]) == NAMES
    assert metrics.status_code == 200


async def test_a_batch_is_told_from_a_feature_called_instances(strange: Path) -> None:
    async with open_client(Settings(model=strange)) as client:
        answer = await client.post("/predict", json=FLOWER | {"instances": "5"})
        assert answer.json()["errors"][0]["pointer"] == "/instances"
        answer = await client.post("/predict", json={"instances": []})
        assert "at least one instance" in answer.text
        answer = await client.post("/predict", json={"instances": [{"instances": 1}]})
        pointers = {each["pointer"] for each in answer.json()["errors"]}
        assert "/instances/0/__proto__" in pointers


def test_a_table_may_name_any_column(run: Run, strange: Path, tmp_path: Path) -> None:  # noqa: F811
    stream = io.StringIO()
    csv.writer(stream).writerows([[*NAMES, "true class"], [*FLOWER.values(), " spaces around "]])
    (tmp_path / "rows.csv").write_bytes(stream.getvalue().encode())
    code, out = run("predict", tmp_path / "rows.csv", "--model", strange, "--json")
    assert code == 0
    answer, _, rest = out.partition("\n")
    assert list(json.loads(answer)["probabilities"]) == NAMES
    assert rest.startswith("accuracy")


def test_features_without_an_option_of_their_own_are_named(run: Run, strange: Path) -> None:  # noqa: F811
    code, _ = run("predict", "--tostring", "1", "--model", strange)
    assert "no option '--tostring'" in str(code)
    code, _ = run("predict", "--toString", "1", "--model", strange)
    assert "no option for model, equals=5, a b, a_b" in str(code).replace(" spaces around , ", "")
