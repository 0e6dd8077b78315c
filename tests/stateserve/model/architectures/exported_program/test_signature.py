"""Inputs by name and position, structures of outputs, dynamic lengths, ranges and guards."""

from collections import namedtuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from stateserve.errors import StateMismatch, UnsafeCheckpoint
from stateserve.model.architectures.exported_program import read_program
from stateserve.model.architectures.exported_program.expressions import parse_expression
from tests.programs import PROGRAM, entries, exported, packed

AUTO = torch.export.Dim.AUTO
DYNAMIC = torch.export.Dim.DYNAMIC


class Derived(nn.Module):
    """y has twice as many rows as x, and one more."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.cat([x, x]) + y[1:]


def test_a_derived_length_follows_from_the_other_input() -> None:
    rows = torch.export.Dim("rows", max=9)
    shapes = {"x": {0: rows}, "y": {0: 2 * rows + 1}}
    program = read_program(
        exported(Derived(), torch.ones(3, 2), torch.ones(7, 2), dynamic_shapes=shapes), "derived"
    )
    x = torch.rand(4, 2)
    assert torch.equal(program(y=torch.ones(9, 2), x=x), torch.cat([x, x]) + 1)
    for wrong, message in (
        ((x, torch.ones(8, 2)), "axis 0 of y is 8; the program accepts .*, here 9"),
        ((torch.ones(10, 2), torch.ones(21, 2)), "is 10; the program accepts 0 to 9"),
        ((x, torch.ones(9, 3)), "axis 1 of y is 3; the program accepts 2"),
        ((x.double(), torch.ones(9, 2)), "x is torch.float64; the program accepts torch.float32"),
        ((x[0], torch.ones(9, 2)), r"x has shape \[2\]; the program accepts \[-1, 2\]"),
    ):
        with pytest.raises(ValueError, match=f"{message}\\Z"):
            program(*wrong)
    with pytest.raises(TypeError, match="the program accepts x, y"):
        program(x)
    with pytest.raises(StateMismatch, match=r'y has .* rows, not any number; .*"x": \{0: torch'):
        program.require_batch_axis()


class Pairs(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], -1, 2).sum(-1)


def test_a_guard_of_the_export_is_checked_on_each_call() -> None:
    program = read_program(
        exported(Pairs(), torch.ones(3, 6), dynamic_shapes=({0: AUTO, 1: AUTO},)), "pairs"
    )
    assert program(torch.ones(1, 8)).tolist() == [[2.0] * 4]
    program.require_batch_axis()
    with pytest.raises(ValueError, match=r"only inputs with .*x.shape\[1\]"):
        program(torch.ones(1, 7))


Point = namedtuple("Point", "left right")
torch.utils._pytree._register_namedtuple(Point, serialized_type_name="tests.Point")


class Structured(nn.Module):
    def forward(self, batch: dict[str, Tensor], scale: float = 2.0) -> Point:
        return Point(batch["x"] * scale, (batch["y"], None))


class Named(nn.Module):
    def forward(self, x: Tensor) -> Point:
        return Point(x + 1, x + 2)


def test_nested_inputs_and_outputs_have_names_with_dots() -> None:
    batch = {"x": torch.ones(2, 3), "y": torch.zeros(2)}
    program = read_program(exported(Structured(), batch), "structured")
    assert [spec.name for spec in program.inputs] == ["batch.x", "batch.y"]
    found = program(**{"batch.x": batch["x"], "batch.y": batch["y"]})
    assert isinstance(found, dict)
    assert {name: each.tolist() for name, each in found.items()} == {
        "left": [[2.0] * 3] * 2,
        "right.0": [0.0, 0.0],
    }
    assert [spec.name for spec in program.outputs] == ["left", "right.0"]


def test_a_named_tuple_is_a_dict_and_its_class_is_not_looked_up() -> None:
    parts = entries(exported(Named(), torch.ones(2)))
    parts[PROGRAM] = parts[PROGRAM].replace(b"tests.Point", b"absent.Name")
    program = read_program(packed(parts), "named")
    assert {name: each.tolist() for name, each in program(torch.ones(2)).items()} == {
        "left": [2.0, 2.0],
        "right": [3.0, 3.0],
    }


def test_a_program_for_a_fixed_number_of_rows_says_how_to_export_it() -> None:
    program = read_program(exported(Pairs(), torch.ones(1, 6)), "fixed")
    line = 'dynamic_shapes={"x": {0: torch.export.Dim.DYNAMIC}}'
    with pytest.raises(StateMismatch, match="x has 1 rows, not any number") as refused:
        program.require_batch_axis()
    assert line in str(refused.value)


class Whole(nn.Module):
    def forward(self, x: Tensor, count: int) -> Tensor:
        return x[:, :count] * count


def test_an_integer_is_an_input_too() -> None:
    shapes = ({0: DYNAMIC}, DYNAMIC)
    program = read_program(exported(Whole(), torch.ones(3, 9), 4, dynamic_shapes=shapes), "whole")
    assert program(torch.ones(2, 9), torch.tensor(3)).tolist() == [[3.0] * 3] * 2


symbols = st.sampled_from(["s0", "Symbol('s1', integer=True, positive=True)"])
numbers = st.integers(-99, 99).map(str) | st.integers(0, 99).map("Integer({})".format)
sums = "({0[0]} {0[1]} {0[2]})".format
calls = "{0[0]}({0[1]}, {0[2]})".format
expressions = st.recursive(
    symbols | numbers,
    lambda inner: (
        st.tuples(inner, st.sampled_from("+-*"), inner).map(sums)
        | st.tuples(st.sampled_from(["Add", "Mul", "max", "Min"]), inner, inner).map(calls)
    ),
    max_leaves=8,
)


@given(expressions, st.integers(0, 99), st.integers(0, 99))
def test_an_expression_has_pythons_value(text: str, first: int, second: int) -> None:
    names = {
        "s0": first,
        "Symbol": lambda *_, **__: second,
        "Integer": int,
        "Add": lambda a, b: a + b,
        "Mul": lambda a, b: a * b,
        "Min": min,
        "max": max,
    }
    expression = parse_expression(text, "here")
    known = {"s0": first, "s1": second}
    assert expression.symbols <= known.keys()
    assert expression.value(known) == eval(text, {"__builtins__": {}}, names)


class Enlarged(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.interpolate(x, scale_factor=2, mode="bicubic")


def test_lengths_that_are_computed_by_decimal_numbers_are_accepted() -> None:
    shapes = ({0: DYNAMIC, 2: DYNAMIC, 3: DYNAMIC},)
    program = read_program(
        exported(Enlarged(), torch.ones(3, 1, 5, 6), dynamic_shapes=shapes), "enlarged"
    )
    x = torch.rand(2, 1, 4, 3)
    torch.testing.assert_close(program(x), Enlarged()(x))
    for text in (
        "TruncToInt(Mul(Float('2.5', precision=53), ToFloat(Symbol('s0', integer=True))))",
        "math.trunc(2.5*torch.sym_float(s0))",
    ):
        assert parse_expression(text, "here").value({"s0": 5}) == 12


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "x.y",
        "(lambda: 1)()",
        "[1 for _ in s0]",
        "s0 if s0 else 1",
        "f'{s0}'",
        "2 ** s0",
        "9 ** 99",
        "Pow(9, Integer(99))",
        "((s0 ** 8) ** 8) ** 8",
        "Pow(1 + Pow(s0, Integer(8)), Integer(8))",
        "Symbol(s0)",
        "Float(s0)",
        "Float('1e999')",
        "Float('two')",
        "print(1)",
        "x = 1",
        "1; 2",
        "L.x",
        "L[x]",
        "L['x'].storage()[0]",
        "'a'",
        "s0 <",
        "(" * 100 + "1" + ")" * 100 + "*" * 99,
        "+".join(["1"] * 999),
        "-" * 500 + "1",
        "1" * 3000,
        "",
    ],
)
def test_any_other_expression_is_refused(text: str) -> None:
    with pytest.raises(UnsafeCheckpoint, match=r"^here: .*\Z"):
        parse_expression(text, "here")
