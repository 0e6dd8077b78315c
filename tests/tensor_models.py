"""Small models of many kinds, and the whole application around them."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from inspect import getsource
from pathlib import Path

import httpx
import torch
from fastapi import FastAPI
from torch import Tensor, nn

from app.api.app import create_app
from app.registry.listing import Candidate
from app.registry.version import Version
from app.settings.settings import Settings
from stateserve.checkpoint.state_hash import state_sha256
from stateserve.model.architectures.code_record import UserClass
from stateserve.model.arrays import to_array
from stateserve.model.cards.model_card import GoldenFile, ModelCard
from stateserve.model.loading.golden_file import encode_golden
from stateserve.model.module_call import named_outputs
from stateserve.model.signature import Input, Output
from stateserve.model.tensor_model import Arrays, TensorModel
from tests.lenet import LeNet
from tests.project import IRIS

DIGITS = [str(digit) for digit in range(10)]


class TokenClassifier(nn.Module):
    """Token ids (rows, any) to log-probabilities of two classes; the decoder is tied."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 6)
        self.recurrent = nn.LSTM(6, 5, batch_first=True)
        self.decoder = nn.Linear(6, 20, bias=False)
        self.decoder.weight = self.embedding.weight
        self.out = nn.Linear(5, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden, _ = self.recurrent(self.embedding(tokens))
        return self.out(hidden[:, -1]).log_softmax(dim=1)


class TwoInputs(nn.Module):
    """Two inputs and two outputs of other kinds than classes."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(3, 2), nn.Linear(2, 2)

    def forward(self, a: Tensor, b: Tensor) -> dict[str, Tensor]:
        together = self.left(a) + self.right(b)
        return {"price": together.sum(1), "embedding": together}


def model_of(
    module: nn.Module,
    inputs: list[Input],
    outputs: list[Output],
    rows: Mapping[str, Tensor],
    name: str = "made",
    version: str = "1",
) -> TensorModel:
    """A model whose golden instances are `rows`; a batch of all, and the first alone."""
    module = module.eval()
    golden: dict[int, tuple[Arrays, Arrays]] = {}
    for count in sorted({1, len(next(iter(rows.values())))}):
        given = {key: tensor[:count].clone() for key, tensor in rows.items()}
        with torch.inference_mode():
            # Copies, since a module may change its inputs.
            found = named_outputs(module(*(tensor.clone() for tensor in given.values())))
        arrays = [{key: to_array(each) for key, each in part.items()} for part in (given, found)]
        golden[count] = arrays[0], arrays[1]
    card = ModelCard(
        name=name,
        code=UserClass(file="nets.py", name=type(module).__name__, sha256="0" * 64),
        inputs=inputs,
        outputs=outputs,
        state_sha256=state_sha256(module.state_dict()),
        golden=GoldenFile(file="golden.safetensors", sha256="0" * 64),
    )
    return TensorModel(module, card, name, version, golden)


def lenet(seed: int = 0, **names: str) -> TensorModel:
    torch.manual_seed(seed)
    module = LeNet().train()
    module(torch.randn(64, 1, 8, 8))
    return model_of(
        module,
        [Input(name="image", dtype="float32", shape=[-1, 1, 8, 8])],
        [Output(name="output", dtype="float32", shape=[-1, 10], kind="logits", classes=DIGITS)],
        {"image": torch.rand(3, 1, 8, 8)},
        **{"name": "lenet"} | names,
    )


def tokens(seed: int = 0, **names: str) -> TensorModel:
    torch.manual_seed(seed)
    return model_of(
        TokenClassifier(),
        [Input(name="tokens", dtype="int64", shape=[-1, -1])],
        [
            Output(
                name="output",
                dtype="float32",
                shape=[-1, 2],
                kind="log_probabilities",
                classes=["no", "yes"],
            )
        ],
        {"tokens": torch.randint(0, 20, (3, 5))},
        **{"name": "tokens"} | names,
    )


def two_inputs(seed: int = 0, **names: str) -> TensorModel:
    torch.manual_seed(seed)
    return model_of(
        TwoInputs(),
        [
            Input(name="a", dtype="float32", shape=[-1, 3]),
            Input(name="b", dtype="float32", shape=[-1, 2]),
        ],
        [
            Output(name="price", dtype="float32", shape=[-1], kind="values", unit="EUR"),
            Output(name="embedding", dtype="float32", shape=[-1, 2], kind="embedding"),
        ],
        {"a": torch.randn(3, 3), "b": torch.randn(3, 2)},
        **{"name": "two"} | names,
    )


def save_models(folder: Path, *models: TensorModel) -> None:
    """Write a packed folder NAME/VERSION for each model, whose class needs only torch."""
    for model in models:
        place = folder / model.name / model.version
        place.mkdir(parents=True)
        source = f"import torch\nfrom torch import Tensor, nn\n\n{getsource(type(model.module))}"
        (place / "nets.py").write_text(source)
        content, golden = encode_golden(dict(model.golden), "golden.safetensors")
        (place / golden.file).write_bytes(content)
        code = UserClass(
            file="nets.py",
            name=type(model.module).__name__,
            sha256=hashlib.sha256(source.encode()).hexdigest(),
        )
        card = model.card.model_copy(update={"code": code, "golden": golden})
        (place / "model.json").write_bytes(card.to_json())
        torch.save(model.module.state_dict(), place / "model.pth")


@asynccontextmanager
async def open_models(*models: TensorModel, **settings: object) -> AsyncIterator[httpx.AsyncClient]:
    """The whole application with these models; the first is the default."""
    app = create_app(Settings(model=IRIS, hot_reload=False, **settings))
    publish(app, *models)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield client


def publish(app: FastAPI, *models: TensorModel) -> None:
    """Serve models that no file holds."""
    registry = app.state.service.registry
    registry.repository.default = models[0].name
    for model in models:
        versions = registry._versions(model.name)
        versions.known.setdefault(model.version, Version())
        candidate = Candidate(model.name, model.version, Path("made"), (None, None))
        versions.settle(candidate, registry._loader._build(model))
        registry._publish(versions)
