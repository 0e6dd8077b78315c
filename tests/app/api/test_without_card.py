"""A checkpoint without a card: served with neutral names by every endpoint."""

import logging
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from app.settings.settings import Settings
from stateserve.errors import CardMismatch, StateMismatch
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.cards.card_location import card_path
from stateserve.model.cards.tabular_card import NO_CARD, NO_RANGES
from stateserve.model.checkpoint import save_checkpoint
from stateserve.model.naming import card_of_names
from stateserve.model.predictor import Predictor
from tests.checkpoints import make_card, save_model
from tests.service import open_client

pytestmark = pytest.mark.anyio
FLOWER = {"feature_0": 5.1, "feature_1": 3.5, "feature_2": 1.4, "feature_3": 0.2}


class Article(nn.Module):
    """The article's own class: no log-softmax at its end."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(4, 8)
        self.act = nn.ReLU()
        self.output = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.output(self.act(self.hidden(x)))


def _pickle(state: dict[str, torch.Tensor], path: Path) -> None:
    with path.open("wb") as file:
        pickle.dump(state, file)


SAVE: dict[str, Callable[[dict[str, torch.Tensor], Path], None]] = {
    ".pth": torch.save,
    ".pickle": _pickle,
    ".safetensors": save_file,
}


def save_article(path: Path, seed: int = 0) -> Article:
    torch.manual_seed(seed)
    module = Article()
    path.parent.mkdir(parents=True, exist_ok=True)
    SAVE[path.suffix](module.state_dict(), path)
    return module


@pytest.mark.parametrize("suffix", SAVE)
async def test_what_the_articles_script_saved_is_served(
    tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    module = save_article(tmp_path / f"iris-model{suffix}")
    with caplog.at_level(logging.WARNING):
        settings = Settings(model=tmp_path / f"iris-model{suffix}")
        async with open_client(settings) as client:
            answer = (await client.post("/predict", json=FLOWER)).json()
            model = (await client.get("/model")).json()
            state = (await client.get("/state")).json()
            batch = (await client.post("/predict", json={"instances": [FLOWER] * 2})).json()
    with torch.inference_mode():
        logits = module(torch.tensor([list(FLOWER.values())]))
    expected = logits.softmax(dim=1)[0].tolist()
    assert list(answer["probabilities"]) == ["class_0", "class_1", "class_2"]
    assert list(answer["probabilities"].values()) == pytest.approx(expected, abs=1e-6)
    assert answer["warnings"] == []
    assert [each["probabilities"] for each in batch["predictions"]] == [answer["probabilities"]] * 2
    assert model["warnings"] == [NO_CARD]
    assert model["card"]["features"][3]["name"] == "feature_3"
    assert len(state["entries"]) == 4
    assert NO_CARD in caplog.text


async def test_every_endpoint_copes_without_a_card(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = Multiclass(5, 3, 4, batch_norm=True).eval()
    torch.save(module.state_dict(), tmp_path / "made.pth")
    flower = {f"feature_{index}": float(index) for index in range(5)}
    log = f"sqlite:///{tmp_path}/log.db"
    tensor = {"name": "input", "shape": [1, 5], "datatype": "FP32", "data": [0, 1, 2, 3, 4]}
    settings = Settings(model=tmp_path / "made.pth", prediction_log=log)
    async with open_client(settings) as client:
        for query in ("calibrated", "out_of_distribution"):
            answer = await client.post(f"/predict?{query}=true", json=flower)
            assert answer.status_code == 501
            assert "the model card holds no" in answer.json()["detail"]
        explained = await client.post("/explain", json=flower)
        assert explained.status_code == 501
        assert "holds no baseline" in explained.json()["detail"]
        monitoring = (await client.get("/monitoring")).json()
        assert monitoring["drift"] is None
        for path in ("/openapi.json", "/v2/models/made", "/v2/models/made/config", "/", "/metrics"):
            assert (await client.get(path)).status_code == 200, path
        answer = await client.post("/v2/models/made/infer", json={"inputs": [tensor]})
        outputs = {each["name"]: each["data"] for each in answer.json()["outputs"]}
        assert outputs["out_of_range"] == [False] * 5


async def test_a_card_with_names_alone_is_served_and_says_what_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "named.pth"
    save_article(path)
    headers, classes = ["a (cm)", "b", "c,d", "e"], ["x", "y", "z"]
    card_path(path).write_bytes(card_of_names(path, headers, classes).to_json())
    flower = {"a": 5.1, "b": 3.5, "c,d": 1.4, "e": 0.2}
    log = f"sqlite:///{tmp_path}/log.db"
    async with open_client(Settings(model=path, prediction_log=log)) as client:
        answer = (await client.post("/predict", json=flower)).json()
        model = (await client.get("/model")).json()
        explained = await client.post("/explain", json=flower)
        for place in (
            "/openapi.json",
            "/v2/models/named",
            "/v2/models/named/config",
            "/monitoring",
        ):
            assert (await client.get(place)).status_code == 200, place
    assert list(answer["probabilities"]) == classes
    assert model["warnings"] == [NO_RANGES]
    assert model["card"]["features"][0]["unit"] == "cm"
    assert (explained.status_code, explained.json()["status"]) == (501, 501)
    assert "holds no baseline" in explained.json()["detail"]


def test_in_a_folder_a_card_that_appears_brings_its_names(tmp_path: Path) -> None:
    path = save_model(tmp_path / "made.pth")
    card = card_path(path).read_bytes()
    card_path(path).unlink()
    assert Predictor.load(path).card.features[0].name == "feature_0"
    card_path(path).write_bytes(card)
    assert Predictor.load(path).card.features[0].name == "x0"


def test_a_broken_card_is_no_missing_one(tmp_path: Path) -> None:
    path = save_model(tmp_path / "made.pth")
    for content in (b"", b"{}", b"null", card_path(path).read_bytes().replace(b"golden", b"g")):
        card_path(path).write_bytes(content)
        with pytest.raises(CardMismatch):
            Predictor.load(path)


def test_a_state_of_another_network_is_outlined(tmp_path: Path) -> None:
    state = {f"layer{block}.{index}.weight": torch.zeros(1) for block in (1, 2) for index in (0, 1)}
    torch.save(state | {"fc.bias": torch.zeros(1)}, tmp_path / "resnet.pth")
    with pytest.raises(StateMismatch) as caught:
        Predictor.load(tmp_path / "resnet.pth")
    text = str(caught.value)
    assert "it has 5 entries: layer1 2, layer2 2, fc 1" in text
    assert f"serve --model {tmp_path}/resnet.pth --code FILE.py:CLASS --example x.npy`" in text
    assert f"`stateserve pack FILE.py:CLASS {tmp_path}/resnet.pth --example x.npy" in text
    assert "\n" not in text


def test_weights_that_overflow_are_refused_without_a_golden_prediction(tmp_path: Path) -> None:
    module = Multiclass().eval()
    with torch.no_grad():
        module.output.weight.fill_(3e38)
        module.hidden.bias.fill_(3e38)
    torch.save(module.state_dict(), tmp_path / "made.pth")
    with pytest.raises(CardMismatch, match="gives no finite outputs for its golden inputs"):
        Predictor.load(tmp_path / "made.pth")


async def test_the_reason_that_a_card_is_broken_stays_beside_models_without_one(
    tmp_path: Path,
) -> None:
    save_article(tmp_path / "plain.pth")
    module = Multiclass().eval()
    save_checkpoint(module.state_dict(), make_card(module), tmp_path / "broken.pth")
    card_path(tmp_path / "broken.pth").write_text("{}")
    async with open_client(Settings(models=tmp_path, model=Path("plain"))) as client:
        models = (await client.get("/models")).json()["models"]
        reasons = {each["name"]: each["versions"][0]["reason"] for each in models}
        assert reasons["plain"] is None
        assert "name: missing" in reasons["broken"]
