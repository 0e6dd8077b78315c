"""Small models with any module: pictures, token ids, features, several inputs and outputs."""

import torch
from torch import Tensor, nn

from stateserve.model import Feature, ImageInput, Input, ModelCard, Output, TensorModel
from stateserve.model.architectures.code_record import UserClass

SHA = "0" * 64
CODE = UserClass(file="nets.py", name="Net", sha256=SHA)
CLASSES = ["cat", "dog", "emu", "fox", "gnu"]


class Pixels(nn.Module):
    """Logits of a grey picture, whose values are from 0 to 1."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)
        self.norm = nn.BatchNorm2d(2)
        self.out = nn.Linear(2 * 4 * 4, len(CLASSES))

    def forward(self, image: Tensor) -> Tensor:
        return self.out(torch.relu(self.norm(self.conv(image))).flatten(1))


class Sum(nn.Module):
    """Of two inputs: their sums, and their product as a scalar."""

    def forward(self, left: Tensor, right: Tensor) -> dict[str, Tensor]:
        product = (left * right[:, None]).sum(1)
        return {"total": left + right[:, None], "product": product}


class Tokens(nn.Module):
    """The mean of an embedding over token ids of any length, as log-probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 3)

    def forward(self, ids: Tensor) -> Tensor:
        return torch.log_softmax(self.embedding(ids).mean(1), 1)


class Regression(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 1)

    def forward(self, table: Tensor) -> Tensor:
        return self.linear(table)


class Same(nn.Module):
    """Returns its input, whatever it is."""

    def forward(self, x: Tensor) -> Tensor:
        return x.clone()


class TwoHeads(nn.Module):
    """Probabilities of classes and an embedding."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"label": torch.softmax(x, 1), "embedding": 2 * x}


def make(module: nn.Module, inputs: list[Input], outputs: list[Output]) -> TensorModel:
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    card = ModelCard(name="made", code=CODE, inputs=inputs, outputs=outputs, state_sha256=SHA)
    return TensorModel(module.eval(), card, "made")


def pictures(**image: object) -> TensorModel:
    spec = Input(
        name="image",
        dtype="float32",
        shape=[-1, 1, 4, 4],
        image=ImageInput(mode="L", resize=[4, 4], **image),
    )
    output = Output(name="output", dtype="float32", shape=[-1, 5], kind="logits", classes=CLASSES)
    return make(Pixels(), [spec], [output])


def two_inputs() -> TensorModel:
    inputs = [
        Input(name="left", dtype="float32", shape=[-1, 3]),
        Input(name="right", dtype="float32", shape=[-1]),
    ]
    outputs = [
        Output(name="total", dtype="float32", shape=[-1, 3]),
        Output(name="product", dtype="float32", shape=[-1], kind="values", unit="m2"),
    ]
    return make(Sum(), inputs, outputs)


def tokens() -> TensorModel:
    ids = Input(name="ids", dtype="int64", shape=[-1, -1], tokens={"vocabulary": 50})
    output = Output(name="output", dtype="float32", shape=[-1, 3], kind="log_probabilities")
    return make(Tokens(), [ids], [output])


def regression() -> TensorModel:
    features = [Feature(name="age", unit="years"), Feature(name="bmi/2")]
    table = Input(name="table", dtype="float32", shape=[-1, 2], features=features)
    output = Output(name="output", dtype="float32", shape=[-1, 1], kind="values", unit="mg")
    return make(Regression(), [table], [output])


def same(dtype: str, shape: list[int], **changes: object) -> TensorModel:
    given = Input(name="x", dtype=dtype, shape=shape, **changes)
    return make(Same(), [given], [Output(name="output", dtype=dtype, shape=shape)])


def two_heads() -> TensorModel:
    outputs = [
        Output(
            name="label", dtype="float32", shape=[-1, 3], kind="probabilities", classes=CLASSES[:3]
        ),
        Output(name="embedding", dtype="float32", shape=[-1, 3], kind="embedding"),
    ]
    return make(TwoHeads(), [Input(name="x", dtype="float32", shape=[-1, 3])], outputs)


class Product(nn.Module):
    """The sum of a picture's values times a number."""

    def forward(self, image: Tensor, factor: Tensor) -> Tensor:
        return image.sum((1, 2)) * factor


def picture_and_number() -> TensorModel:
    image = ImageInput(mode="L", layout="HW")
    inputs = [
        Input(name="image", dtype="float32", shape=[-1, -1, -1], image=image),
        Input(name="factor", dtype="float32", shape=[-1]),
    ]
    return make(Product(), inputs, [Output(name="output", dtype="float32", shape=[-1])])
