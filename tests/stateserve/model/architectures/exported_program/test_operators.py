"""Models of every kind are read, before and after run_decompositions(), and compute the same.

All modules of torch.nn that can be exported were tried one by one; here many share an export.
"""

import contextlib
import re
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from stateserve.errors import UnsafeCheckpoint
from stateserve.model.architectures.exported_program import read_program
from stateserve.model.architectures.exported_program.operators import ACCEPTED, aten_operator
from tests.programs import archive, exported

ROWS = {0: torch.export.Dim.DYNAMIC}
ACTIVATIONS = """
CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid Mish PReLU ReLU6
RReLU SELU SiLU Sigmoid Softplus Softshrink Softsign Tanh Tanhshrink Threshold
"""


class Activations(nn.Module):
    """The sum of all activations; GLU halves its input."""

    def __init__(self) -> None:
        super().__init__()
        options: dict[str, tuple[Any, ...]] = {"GLU": (1,), "Threshold": (0.1, 2.0)}
        self.layers = nn.ModuleList(
            getattr(nn, name)(*options.get(name, ())) for name in ACTIVATIONS.split()
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([layer(x).sum(1) for layer in self.layers]).sum(0)


class Images(nn.Module):
    """Convolutions, norms, pools, upsampling, skip connections and work in place, as in a UNet."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, padding_mode="reflect", bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
            nn.Conv2d(8, 8, 3, padding="same", groups=8),
            nn.InstanceNorm2d(8, affine=True),
            nn.GroupNorm(2, 8),
            nn.Hardswish(inplace=True),
            nn.MaxPool2d(2),
            nn.Dropout2d(0.5, inplace=True),
        )
        self.up = nn.ConvTranspose2d(8, 8, 2, 2)
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 8, 1), nn.Sigmoid())
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        low = self.down(x)
        high = self.up(low)
        high += functional.interpolate(low, size=x.shape[2:], mode="bilinear")
        high = high * self.squeeze(high) + functional.interpolate(
            low, scale_factor=2.0, mode="nearest"
        )
        return self.head(functional.avg_pool2d(functional.pad(high, [0, 1, 1, 0]), 3).mean([2, 3]))


class Text(nn.Module):
    """A transformer over token ids of variable length, with a padding mask and positions."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 8, padding_idx=0)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu")
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.norm = nn.RMSNorm(8)
        self.register_buffer("speed", torch.arange(1.0, 9.0), persistent=False)

    @torch.no_grad()
    def angles(self, length: int) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return torch.outer(torch.arange(length), self.speed)

    def forward(self, ids: Tensor) -> dict[str, Tensor]:
        length = ids.shape[1]
        hidden = self.embedding(ids) * self.angles(length).cos()
        hidden = self.encoder(hidden, src_key_padding_mask=ids == 0)
        causal = torch.full((length, length), float("-inf")).triu(1)
        attended = functional.scaled_dot_product_attention(hidden, hidden, hidden, attn_mask=causal)
        kept = (ids != 0).unsqueeze(-1)
        pooled = attended.masked_fill(~kept, 0.0).sum(1) / kept.sum(1)
        return {"logits": self.norm(pooled) @ self.embedding.weight.T, "length": kept.sum((1, 2))}


class Signal(nn.Module):
    """Short-time Fourier transform, recurrent layers and normalised weights, as for audio."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(16))
        self.lstm = nn.LSTM(9, 4, bidirectional=True, batch_first=True)
        self.gru = nn.GRU(8, 4, batch_first=True)
        self.head = nn.utils.parametrizations.weight_norm(nn.Conv1d(4, 2, 3))

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.stft(x, 16, 8, window=self.window, return_complex=True)
        outputs, _ = self.lstm(spectrum.abs().clamp_min(1e-5).log().transpose(1, 2))
        outputs, _ = self.gru(outputs)
        return self.head(outputs.transpose(1, 2)).mean(2)


class Indexing(nn.Module):
    """Assignments to parts of tensors that the model made itself."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y = x.clone()
        y[:, 0] = 0
        y[y < 0] = 0.5
        y[..., 1:3] += 1
        z = torch.zeros_like(x).scatter_(1, x.argmax(1, keepdim=True), 1.0)
        empty = torch.empty(x.shape[0], 2)
        empty.copy_(x[:, :2])
        return y + z, torch.einsum("bi,bj->bij", empty, x), torch.where(x > 0, x, -x)


ROWS_OF_4 = torch.linspace(-2, 3, 12).reshape(3, 4)
MODELS: dict[str, tuple[type[nn.Module], Tensor, Any]] = {
    "activations": (Activations, ROWS_OF_4, ROWS),
    "images": (Images, torch.linspace(-1, 1, 3 * 3 * 64).reshape(3, 3, 8, 8), ROWS),
    "text": (
        Text,
        torch.tensor([[1, 2, 3, 0, 0], [4, 5, 6, 7, 8], [9, 0, 0, 0, 0]]),
        {0: torch.export.Dim.AUTO, 1: torch.export.Dim.AUTO},
    ),
    "signal": (Signal, torch.linspace(-1, 1, 3 * 32).reshape(3, 32).sin(), ROWS),
    "indexing": (Indexing, ROWS_OF_4, ROWS),
}


# Decomposed, a recurrent layer is a thousand nodes.
DECOMPOSED = ("images", "text")


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore")
def test_a_model_computes_what_its_module_computes(name: str) -> None:
    make, inputs, dynamic = MODELS[name]
    torch.manual_seed(0)
    module = make().eval()
    # Exported once, because that takes seconds.
    whole = torch.export.export(module, (inputs,), dynamic_shapes=(dynamic,))
    # The encoder's own fast path rounds differently, and so do decompositions.
    require_same(archive(whole), module, inputs, 1e-4 if name == "text" else 0)
    if name in DECOMPOSED:
        require_same(archive(whole.run_decompositions()), module, inputs, 1e-4)


def require_same(content: bytes, module: nn.Module, inputs: Tensor, tolerance: float) -> None:
    program = read_program(content, "model.pt2")
    for rows in (inputs, inputs[1:2]):
        with torch.inference_mode():
            found, wanted = (
                torch.utils._pytree.tree_leaves(each(rows)) for each in (program, module)
            )
        torch.testing.assert_close(found, wanted, rtol=tolerance, atol=tolerance)


class Factors(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.cholesky(x) + torch.linalg.inv(x)


class Matrices(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        spectrum, values = torch.linalg.eigh(x)[0], torch.linalg.svd(x)[1]
        factors = torch.linalg.lu_factor(x)
        solved = torch.linalg.solve(x, x[..., :1]), torch.linalg.lu_solve(*factors, x)
        sizes = torch.linalg.det(x), torch.logdet(x), torch.linalg.cond(x)
        return *solved, *sizes, spectrum, values, torch.linalg.matrix_rank(x)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("decomposed", [False, True])
def test_functions_of_matrices(decomposed: bool) -> None:
    x = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(0))
    x = x @ x.mT + torch.eye(4)
    program = exported(Matrices(), x, dynamic_shapes=(ROWS,), decomposed=decomposed)
    require_same(program, Matrices(), x, 1e-4)


@pytest.mark.filterwarnings("ignore")
def test_the_checks_of_matrices_stay_in_a_decomposed_program() -> None:
    x = torch.eye(3).repeat(3, 1, 1) * 4
    program = read_program(
        exported(Factors(), x, dynamic_shapes=(ROWS,), decomposed=True), "model.pt2"
    )
    torch.testing.assert_close(program(x), Factors()(x))
    for _ in range(2):
        with pytest.raises(RuntimeError, match="a matrix is singular, not positive definite"):
            program(-x)


class Training(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return functional.dropout(x, 0.5, training=True)


class Attention(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(x, x, x, dropout_p=0.5)


class Statistics(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm.train()(x)


class Noise(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.randn_like(x)


class WritesInput(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        x.view(-1)[0] = 1
        return x * 2


class Counts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x + self.calls


class Bomb(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.zeros(2**40)[:1]


REFUSED: dict[type[nn.Module], str] = {
    Training: "dropout in training mode.*call module.eval\\(\\)",
    Attention: "in training mode",
    Statistics: "in training mode|writes to",
    Noise: "randn_like.* is random",
    WritesInput: "writes to an input",
    Counts: "writes to an input or to the model's state",
    Bomb: "zeros asks for more than 268435456 elements",
}


@pytest.mark.parametrize("make", REFUSED, ids=lambda make: make.__name__)
def test_what_cannot_be_served_safely_is_refused_with_its_operator(make: type[nn.Module]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        content = exported(make(), ROWS_OF_4)
    with pytest.raises(UnsafeCheckpoint, match=f"nodes\\[\\d+\\]: .*({REFUSED[make]}).*\\Z"):
        read_program(content, "model.pt2")


@pytest.mark.filterwarnings("ignore")
def test_a_functional_program_that_writes_to_its_buffer_is_refused_by_the_buffers_name() -> None:
    content = exported(Counts(), ROWS_OF_4, decomposed=True)
    with pytest.raises(UnsafeCheckpoint, match="writes to 'calls'"):
        read_program(content, "model.pt2")


def test_no_accepted_operator_reads_files_or_takes_objects() -> None:
    words = re.compile("file|rand|bernoulli|save|print|set_|resize")
    assert [name for name in ACCEPTED if words.search(name)] == []
    data = re.compile(
        r"(Optional\[|List\[)*(Tensor|int|float|bool|number|str|ScalarType|Layout|MemoryFormat"
        r"|Device)\]*|Optional\[Generator\]"
    )
    for name in ACCEPTED:
        for overload in getattr(torch.ops.aten, name).overloads():
            target = f"torch.ops.aten.{name}.{overload}"
            with contextlib.suppress(UnsafeCheckpoint):
                kinds = aten_operator(target).arguments.values()
                assert all(data.fullmatch(kind) for kind in kinds), target
