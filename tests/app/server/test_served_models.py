"""The lines that a person reads when the service starts."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from app.api import Service, create_app
from app.server.served_models import MOST_MODELS, served_models
from app.settings import Settings
from stateserve.model import AnyModel, Input, ModelCard, Output, Signature
from tests.checkpoints import save_model

X = Input(name="x", dtype="float32", shape=[-1, 2])
TEXT = Input(name="text", dtype="int64", shape=[-1, -1], tokens={"vocabulary": 9})
VALUE = Output(name="value", dtype="float32", shape=[-1], kind="values", unit="EUR")
INTERVAL = Output(name="interval", dtype="float32", shape=[-1, 2], kind="values", unit="EUR")
STATE = Output(name="state", dtype="float32", shape=[-1, 2], kind="logits", classes=["a", "b"])


@pytest.mark.parametrize(
    ("inputs", "outputs", "target", "wanted"),
    [
        ([X], [STATE], None, "x: float32 2 -> 2 classes"),
        (
            [X],
            [VALUE, INTERVAL],
            "price",
            "x: float32 2 -> price: a number in EUR with an interval",
        ),
        ([X], [STATE], "kind", "x: float32 2 -> kind: 2 classes"),
        (
            [X, TEXT],
            [STATE, VALUE, INTERVAL],
            None,
            "x: float32 2, text: token ids ? -> "
            "state: 2 classes, value: a number in EUR, interval: float32 2 in EUR",
        ),
    ],
    ids=["classes", "number", "table", "several"],
)
def test_a_model_is_described_by_its_signature(
    inputs: list[Input], outputs: list[Output], target: str | None, wanted: str
) -> None:
    card = ModelCard.model_construct(table=target and SimpleNamespace(target=target))
    signature = Signature(inputs=inputs, outputs=outputs)
    model = SimpleNamespace(
        name="m", version="1", signature=signature, card=card, backend_name="eager"
    )
    endpoint = SimpleNamespace(model=cast(AnyModel, model))
    registry = SimpleNamespace(served=lambda: [endpoint])
    settings = SimpleNamespace(targets=[])
    service = SimpleNamespace(registry=registry, endpoint=lambda: endpoint, settings=settings)
    text = served_models(cast(Service, service), ["http://0.0.0.0:80"])
    assert text.splitlines()[1] == f"  m 1  {wanted}; eager, the default"


def test_the_default_its_canary_and_its_shadow_come_first(tmp_path: Path) -> None:
    for version in range(1, 4):
        save_model(tmp_path / f"wine/{version}/model.pth")
    for number in range(MOST_MODELS):
        save_model(tmp_path / f"other-{number}.pth")
    targets = {"canary": "wine:2=0.05", "shadow": "wine:3"}
    app = create_app(Settings(models=tmp_path, model="wine", **targets))
    lines = served_models(app.state.service, ["http://127.0.0.1:80"]).splitlines()
    assert sorted(line.partition("numpy, ")[2] for line in lines[1:4]) == [
        *("canary for 0.05 of the requests", "shadow for all requests", "the default")
    ]
    assert lines[1 + MOST_MODELS].strip() == "and 3 more, see /models"
