"""A signature from a module and an example, and the proof that axis 0 is a batch axis."""

from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from stateserve.errors import CardMismatch
from stateserve.model.signature_inference import Example, Hints, infer
from stateserve.model.signature_inference.hint_forms import hints_of

Named = namedtuple("Named", ["mean", "spread"])


@dataclass
class Fields:
    score: Tensor
    missing: Tensor | None = None


class Calls(nn.Module):
    """A module of one function."""

    def __init__(self, function: Callable[..., object], *layers: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.layers = nn.ModuleList(layers)
        # inspect.signature finds this one's parameters.
        self.forward = function

    def __hash__(self) -> int:
        return id(self)


def forward(function: Callable[..., object]) -> nn.Module:
    return Calls(function).eval()


class NoText(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def fail(_: Tensor) -> Tensor:
    raise NoText


def embed(ids: Tensor, mask: Tensor | None = None) -> dict[str, Tensor]:
    found = nn.functional.one_hot(ids, 20).float()
    if mask is not None:
        found = found * mask.unsqueeze(-1)
    return {"tokens": found, "pooled": found.mean(1)}


def shapes(module: nn.Module, example: Example, hints: Hints | None = None) -> list[str]:
    return infer(module, example, hints or Hints()).signature.lines


X = np.random.default_rng(0).normal(size=(2, 4)).astype(np.float32)
IDS = np.arange(10).reshape(2, 5)
SHAPES: dict[str, tuple[nn.Module, Example, list[str]]] = {
    "one tensor": (
        nn.Linear(4, 3),
        X,
        ["input input float32 [-1, 4]", "output output float32 [-1, 3], tensor"],
    ),
    "a tensor of torch": (nn.Linear(4, 1), torch.tensor(X), ["output output float32 [-1, 1], ten"]),
    "bfloat16": (
        nn.Linear(4, 1).bfloat16(),
        torch.tensor(X).bfloat16(),
        ["input input bfloat16 [-1, 4]", "output output bfloat16 [-1, 1]"],
    ),
    "a dict, and an argument that is left out": (
        forward(embed),
        IDS,
        ["input ids int64 [-1, 5]", "tokens float32 [-1, 5, 20]", "pooled float32 [-1, 20], prob"],
    ),
    "by position": (forward(embed), (IDS, np.ones((2, 5), bool)), ["input mask bool [-1, 5]"]),
    "by name, in another order": (
        forward(embed),
        {"mask": np.ones((2, 5)), "ids": IDS},
        ["input ids int64 [-1, 5]", "input mask float64 [-1, 5]"],
    ),
    "a named tuple": (
        forward(lambda x: Named(x.mean(1), x.std(1))),
        X,
        ["output mean float32 [-1], tensor", "output spread float32 [-1]"],
    ),
    "a dataclass with None": (forward(lambda x: Fields(x)), X, ["output score float32 [-1, 4]"]),
    "a tuple": (forward(lambda x: (x, x.argmax(1))), X, ["output_1 int64 [-1]"]),
    "nested, with parts that are None": (
        forward(lambda x: {"logits": x, "hidden": (x.exp(), [Named(x, None)]), "cache": None}),
        X,
        ["output logits", "output hidden.0 float32 [-1, 4]", "output hidden.1.0.mean float32"],
    ),
    "a tuple of structures": (
        forward(lambda x: (Fields(x), {"a": x, 2: (x,)})),
        X,
        ["output output_0.score float", "output output_1.a float", "output output_1.2.0 float"],
    ),
    "any number of arguments": (
        forward(lambda *xs: xs[0] + xs[1]),
        (X, X),
        ["input xs_0 float32 [-1, 4]", "input xs_1"],
    ),
    "arguments by name alone": (
        forward(lambda *, a, b: a - b),
        {"b": X, "a": X},
        ["input a float32 [-1, 4]", "input b"],
    ),
    "the second argument in the middle left out": (
        forward(lambda a, b=None, c=None: a - c),
        {"a": X, "c": X},
        ["input a float32", "input c float32"],
    ),
}


@pytest.mark.parametrize("case", SHAPES)
def test_names_dtypes_and_shapes_are_those_of_the_module(case: str) -> None:
    module, example, expected = SHAPES[case]
    found = "\n".join(shapes(module, example))
    for line in expected:
        assert line in found


class Flat(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.fc = nn.Linear(32, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv(x).view(-1, 32))


@pytest.mark.parametrize("shape", [(1, 1, 6, 6), (1, 6, 6), (5, 1, 6, 6)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_an_example_without_a_batch_axis_or_of_another_dtype_is_understood(
    shape: tuple[int, ...], dtype: type
) -> None:
    example = (np.random.default_rng(0).random(shape) * 200).astype(dtype)
    found = infer(Flat(), example, Hints())
    assert found.signature.inputs[0].line == "x float32 [-1, 1, 6, 6]"
    assert any("no batch axis" in note for note in found.notes) == (len(shape) == 3)
    assert any("the example is" in note for note in found.notes) == (dtype != np.float32)
    inputs, outputs = found.golden[3]
    module = Flat()
    assert inputs["x"].shape == (3, 1, 6, 6)
    assert outputs["output"].shape == (3, 2)
    del module


def test_golden_outputs_are_those_of_the_module() -> None:
    module = nn.Linear(4, 3)
    golden = infer(module, X, Hints()).golden
    for rows in (1, 3):
        inputs, outputs = golden[rows]
        expected = inputs["input"] @ module.weight.detach().numpy().T + module.bias.detach().numpy()
        assert outputs["output"] == pytest.approx(expected, abs=1e-5)
    assert (golden[1][0]["input"] == X[:1]).all()
    # The third row is a variation with the values of another.
    assert sorted(golden[3][0]["input"][2]) == sorted(X[0])


def test_integers_keep_to_the_values_of_the_example() -> None:
    golden = infer(forward(embed), IDS[:1], Hints()).golden
    assert set(golden[3][0]["ids"].reshape(-1)) <= set(IDS[0])
    assert golden[3][0]["ids"].dtype == np.int64


KINDS: dict[str, tuple[Callable[[Tensor], object], str]] = {
    "probabilities": (lambda x: x.softmax(1), "probabilities"),
    "log-probabilities": (lambda x: x.log_softmax(1), "log_probabilities"),
    "logits": (lambda x: x, "tensor"),
    "one column": (lambda x: x[:, :1].sigmoid(), "tensor"),
    "sums of 1 by chance": (lambda x: torch.stack([x[:, 0], 1 - x[:, 0]], 1), "tensor"),
    "of two axes": (lambda x: x.reshape(-1, 2, 2).softmax(2), "tensor"),
    "in half": (lambda x: x.softmax(1).half(), "probabilities"),
}


@pytest.mark.parametrize("case", KINDS)
def test_a_kind_is_given_where_it_is_certain(case: str) -> None:
    function, kind = KINDS[case]
    assert infer(forward(function), X, Hints()).signature.outputs[0].kind == kind


def test_classes_make_logits_of_a_tensor_and_keep_probabilities() -> None:
    labels = list("abcd")
    hints = hints_of(classes=labels)
    assert infer(forward(lambda x: x), X, hints).signature.outputs[0].kind == "logits"
    two = infer(forward(lambda x: (x[:, 0], x.softmax(1))), X, hints).signature
    assert [each.classes for each in two.outputs] == [None, labels]
    assert two.outputs[1].kind == "probabilities"


REFUSED: dict[str, tuple[nn.Module, Example, Hints]] = {
    "of the same rows, run again, is off .* F.dropout without training=self.training": (
        forward(lambda x: nn.functional.dropout(x)),
        X,
        Hints(),
    ),
    "row 0 alone and among 3 is off .* mixes the rows of a batch": (
        forward(lambda x: x - x.mean(0)),
        X,
        Hints(),
    ),
    "batch statistics": (
        nn.Sequential(nn.BatchNorm1d(4, track_running_stats=False)).eval(),
        np.stack([X, X * 2, X + 1], 2),
        Hints(),
    ),
    "for 3 rows; axis 0 of each input and output must be the batch axis": (
        forward(lambda x: x.mean()),
        X,
        Hints(),
    ),
    r"shape \[4, 3\] for .* if axis 1 is it, let forward return output.transpose\(0, 1\)": (
        forward(lambda x: x.T),
        X,
        Hints(),
    ),
    r"output_1.0 has shape \[1, 3, 5\] for 3 rows; .*transpose\(0, 1\)": (
        nn.LSTM(4, 5, batch_first=True).eval(),
        np.stack([X, X], 1),
        Hints(),
    ),
    "forward raised RuntimeError: mat1 and mat2": (nn.Linear(5, 2), X, Hints()),
    "forward raised SystemExit": (forward(lambda x: exit(2)), X, Hints()),
    "output output is NaN for the example": (forward(lambda x: x / 0 * 0), X, Hints()),
    "output a.0 is a str; tensors are served, also in dicts": (
        forward(lambda x: {"a": ["x"]}),
        X,
        Hints(),
    ),
    "two outputs have the name a.0": (forward(lambda x: {"a": [x], "a.0": x}), X, Hints()),
    r"a\\nb: name: 'a\\nb' has a control character": (
        forward(lambda x: {"a\nb": x}),
        X,
        Hints(),
    ),
    r"classes.1: 'b\\x85' has a control character": (
        forward(lambda x: x),
        X,
        hints_of(classes=["a", "b\x85", "c", "d"]),
    ),
    r"x: 'b\\n' has a control character": (
        forward(lambda x: x),
        X,
        hints_of(features=["a", "b\n", "c", "d"]),
    ),
    "returned a str; tensors are served": (forward(lambda x: "a"), X, Hints()),
    "returned no tensor": (forward(lambda x: {}), X, Hints()),
    "returned a type; tensors are served": (forward(lambda x: Fields), X, Hints()),
    "output output has no values: NotImplementedError": (
        forward(lambda x: x.to("meta")),
        X,
        Hints(),
    ),
    "two outputs have the name 1": (forward(lambda x: {1: x, "1": x}), X, Hints()),
    "the signature: name: ''; accepted is a length of at least 1": (
        forward(lambda x: {"": x}),
        X,
        Hints(),
    ),
    r"test_infer.py:\d+: the model's forward raised NoText: $": (forward(fail), X, Hints()),
    r"output is complex64 \(torch.view_as_real makes two floats\); served are bool, uint8": (
        forward(lambda x: x + 0j),
        X,
        Hints(),
    ),
    "forward also needs mask": (forward(lambda x, mask: x), X, Hints()),
    "forward has no argument 'y'; it takes x": (forward(lambda x: x), {"y": X}, Hints()),
    "forward takes x; the example has 2 arrays, one for each argument": (
        forward(lambda x: x[0]),
        (X, X),
        Hints(),
    ),
    "the rows of the example differ": (forward(lambda a, b: a + b), (X, np.ones((3, 4))), Hints()),
    "the example x has no elements": (forward(lambda x: x), X[:0], Hints()),
    "the example has no array": (forward(lambda x: x), {}, Hints()),
    "an array of <U1, not of numbers": (forward(lambda x: x), np.array(["a"]), Hints()),
    r"output output of one row has shape \[\], without the batch axis: squeeze\(\) takes": (
        forward(lambda x: x[:, :1].squeeze()),
        X,
        Hints(),
    ),
    r"2 classes .* of p, the probability of the second class .* torch.cat\(\[1 - p, p\], 1\)": (
        forward(lambda x: x[:, :1].sigmoid()),
        X,
        hints_of(classes=["a", "b"]),
    ),
    "2 classes .* let forward return the logits in place of the index": (
        forward(lambda x: x.argmax(1)),
        X,
        hints_of(classes=["a", "b"]),
    ),
    "3 classes need an output of shape": (
        forward(lambda x: x),
        X,
        hints_of(classes=["a", "b", "c"]),
    ),
    "the class of each pixel": (
        forward(lambda x: x[:, None].repeat(1, 3, 1)),
        X,
        hints_of(classes=["a", "b", "c"]),
    ),
    "classes repeat a": (forward(lambda x: x), X, hints_of(classes=["a", "a", "b", "c"])),
    "dynamic: no 'y'; the names are x": (forward(lambda x: x), X, Hints(dynamic={"y": [1]})),
    "dynamic: x has the axes 1 to 1, not 2": (forward(lambda x: x), X, Hints(dynamic={"": [2]})),
    "dynamic: the forward takes no other length": (nn.Linear(4, 1), X, Hints(dynamic={"": [1]})),
    'image: of which, .a. or .b.. Give {"NAME": {...}} with its name': (
        forward(lambda a, b: a),
        (X, X),
        hints_of(image={"mode": "L"}),
    ),
    "units: of which, .output_0. or .output_1.. Give NAME=UNIT": (
        forward(lambda a: (a, a)),
        X,
        hints_of(units="cm"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("reason", REFUSED)
def test_what_cannot_be_served_is_refused_in_one_line(reason: str) -> None:
    module, example, hints = REFUSED[reason]
    with pytest.raises(CardMismatch, match=reason) as caught:
        infer(module, example, hints)
    assert "\n" not in str(caught.value)


def test_dynamic_axes_are_tried_and_found_in_the_outputs() -> None:
    found = shapes(
        forward(embed), (IDS, np.ones((2, 5), np.float32)), Hints(dynamic={"ids": [1], "mask": [1]})
    )
    assert found[:2] == ["input ids int64 [-1, -1]", "input mask float32 [-1, -1]"]
    assert found[2].startswith("output tokens float32 [-1, -1, 20]")
    assert found[3].startswith("output pooled float32 [-1, 20]")


ALL = {"ids": [1], "mask": [1]}
WORDS = np.arange(18).reshape(3, 6) % 5


def translate(source: Tensor, seen: Tensor, target: Tensor, written: Tensor) -> Tensor:
    """Two sequences, which may differ in length, each with its mask."""
    return (source * seen).sum(1, keepdim=True) + target * written


EQUAL: dict[str, tuple[nn.Module, Example, dict[str, list[int]], list[list[str]]]] = {
    "a mask": (forward(embed), (WORDS, np.ones((3, 6), bool)), ALL, [["ids:1", "mask:1"]]),
    "two pairs of one length": (
        forward(translate),
        (WORDS, WORDS, WORDS, WORDS),
        {name: [1] for name in ("source", "seen", "target", "written")},
        [["source:1", "seen:1"], ["target:1", "written:1"]],
    ),
    "three of one length": (
        forward(lambda a, b, c: a + b * c),
        (WORDS, WORDS, WORDS),
        {name: [1] for name in "abc"},
        [["a:1", "b:1", "c:1"]],
    ),
    "lengths that do not depend on each other": (
        forward(lambda a, b: (a.float().mean(1), b.float().mean(1))),
        (WORDS, WORDS),
        {"a": [1], "b": [1]},
        [],
    ),
    "a length up to another": (
        forward(lambda a, b: a[:, torch.arange(b.shape[1])]),
        (WORDS, WORDS),
        {"a": [1], "b": [1]},
        [],
    ),
    "a square": (
        forward(lambda x: (x - x.transpose(1, 2)).sum((1, 2))),
        X.reshape(2, 4)[:, :, None] * np.ones((2, 4, 4), np.float32),
        {"x": [1, 2]},
        [["x:1", "x:2"]],
    ),
}


@pytest.mark.parametrize("case", EQUAL)
def test_axes_are_equal_if_the_forward_changes_them_only_together(case: str) -> None:
    module, example, dynamic, expected = EQUAL[case]
    assert infer(module, example, Hints(dynamic=dynamic)).signature.equal_axes == expected


NARROW: dict[str, tuple[nn.Module, Example, Hints, str | None]] = {
    "a mask": (
        forward(embed),
        (WORDS, np.ones((3, 6), bool)),
        Hints(),
        "fixed to the lengths of the example, though the forward takes others: axis 1 of ids, "
        "axis 1 of mask; for any length give --dynamic ids:1,mask:1, or "
        'dynamic={"ids": [1], "mask": [1]}',
    ),
    "one of two": (
        forward(lambda a, b: (a.sum(1), b @ b.new_ones(4, 1))),
        (X, X),
        Hints(),
        "axis 1 of a; for any length give --dynamic a:1, or",
    ),
    "a layer of one width": (nn.Linear(4, 3), X, Hints(), None),
    "given": (forward(embed), (WORDS, WORDS), Hints(dynamic=ALL), None),
    "named columns": (
        forward(lambda x: x.sum(1)),
        X,
        hints_of(features=["a", "b", "c", "d"]),
        None,
    ),
    "pictures of one size": (
        forward(lambda x: x.mean((1, 2, 3))),
        np.random.default_rng(0).random((2, 1, 4, 4)).astype(np.float32),
        hints_of(image={"mode": "L", "resize": [4, 4]}),
        None,
    ),
}


@pytest.mark.parametrize("case", NARROW)
def test_an_axis_that_could_have_any_length_is_named(case: str) -> None:
    module, example, hints, expected = NARROW[case]
    found = infer(module, example, hints)
    if expected is None:
        assert found.advice == []
    else:
        (advice,) = found.advice
        assert advice.count("axis 1 of") == expected.count("axis 1")
        assert expected in advice
        assert found.lines[-1] == advice


def test_a_forward_may_compute_gradients() -> None:
    def force(x: Tensor) -> Tensor:
        with torch.enable_grad():
            x = x.clone().requires_grad_()
            return torch.autograd.grad((x**3).sum(), x)[0]

    outputs = infer(forward(force), X, Hints()).golden[3]
    np.testing.assert_allclose(outputs[1]["output"], 3 * outputs[0]["x"] ** 2, rtol=1e-5)


def test_a_module_that_changes_its_input_gets_a_copy() -> None:
    example = X.copy()
    infer(forward(lambda x: x.mul_(2)), example, Hints())
    assert (example == X).all()


def test_equal_rows_are_said_to_prove_little() -> None:
    notes = infer(forward(embed), np.zeros((1, 5), np.int64), Hints()).notes
    assert any("all golden rows are equal" in note for note in notes)
    assert infer(nn.Linear(4, 2), np.zeros((1, 4), np.float32), Hints()).notes == []


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 3)

    def forward(self, ids: Tensor) -> Tensor:
        found: Tensor = self.embedding(ids).mean(1)
        return found


@pytest.mark.parametrize(
    ("vocabulary", "expected"),
    [
        (9, "ids: the example has the token id 9; of a vocabulary of 9 the ids are from 0 to 8"),
        (21, "ids: the forward does not take token id 20, the last of a vocabulary of 21: .*range"),
    ],
)
def test_a_vocabulary_is_that_of_the_forward(vocabulary: int, expected: str) -> None:
    with pytest.raises(CardMismatch, match=expected):
        infer(Words(), IDS, hints_of(tokens={"vocabulary": vocabulary}))
    infer(Words(), IDS, hints_of(tokens={"vocabulary": 20}))


def test_ids_out_of_range_are_no_error_of_the_dtype() -> None:
    with pytest.raises(CardMismatch, match=r"int64 .*index out of range"):
        infer(Words(), IDS + 100, Hints())


def test_features_and_units_and_tokens_are_kept() -> None:
    hints = hints_of(features=["length (cm)", "b", "c", "d"], units="EUR")
    signature = infer(nn.Linear(4, 1), X, hints).signature
    assert signature.inputs[0].features[0].unit == "cm"  # type: ignore[index]
    assert (signature.outputs[0].kind, signature.outputs[0].unit) == ("values", "EUR")
    tokens = infer(forward(embed), IDS, hints_of(tokens={"vocabulary": 20})).signature.inputs[0]
    assert tokens.tokens is not None
    assert tokens.tokens.vocabulary == 20


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "bool"])
def test_an_example_of_many_rows_has_the_training_ranges(dtype: str) -> None:
    rows = (np.arange(40).reshape(20, 2) / 10).astype(dtype)
    found = infer(forward(lambda x: x), rows, hints_of(features=["a", "b (cm)"]))
    ranges = [each.range for each in found.signature.inputs[0].features or []]
    wanted: dict[str, list[object]] = {"int64": [(0, 3), (0, 3)], "bool": [None, None]}
    assert ranges == wanted.get(dtype, [(0, 3.8), (0.1, 3.9)])
    assert any("ranges of x are those of the 20 rows" in n for n in found.notes) == bool(ranges[0])
    counted = [sum(each.counts) for each in found.signature.inputs[0].histograms or []]
    assert counted == ([] if dtype == "bool" else [20, 20])
    few = infer(forward(lambda x: x), rows[:19], hints_of(features=["a", "b"]))
    assert [each.range for each in few.signature.inputs[0].features or []] == [None, None]


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"image": {"mode": "CMYK"}}, "image: mode: "),
        ({"image": {"x": {"mode": "L", "size": 3}}}, "image of x: no field 'size'"),
        ({"tokens": {"vocabulary": 0}}, "tokens: vocabulary: "),
        ({"features": [""]}, "features: name: "),
    ],
)
def test_a_malformed_hint_is_refused(form: dict[str, object], reason: str) -> None:
    with pytest.raises(CardMismatch, match=reason):
        hints_of(**form)  # type: ignore[arg-type]


ONES = torch.ones(4, 4)
MIXED = {
    "matmul": lambda x: x @ ONES,
    "linear": lambda x: nn.functional.linear(x, ONES),
    "conv1d": lambda x: nn.functional.conv1d(x[:, None], ONES[:, None]),
}


@pytest.mark.parametrize("name", MIXED)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_a_float32_tensor_of_the_code_is_named_beside_other_floats(
    name: str, dtype: torch.dtype
) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return MIXED[name](self.first(x))

    state = str(dtype).removeprefix("torch.")
    reason = f"raised RuntimeError: .*; the state is {state}, .* dtype=x.dtype"
    with pytest.raises(CardMismatch, match=reason):
        infer(Net().to(dtype).eval(), X, Hints())
