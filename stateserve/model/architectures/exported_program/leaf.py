"""One input or output of a program, as its file describes it."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from stateserve.errors import UnsafeCheckpoint
from stateserve.model.architectures.exported_program.expressions import Expression, parse_expression
from stateserve.model.architectures.exported_program.json_value import Value
from stateserve.model.architectures.exported_program.payloads import read_meta

ANY_LENGTH = -1
Axis = int | Expression
Constant = None | bool | int | float | str


@dataclass(frozen=True)
class TensorSpec:
    """A named tensor. In `shape`, -1 is an axis of any length that the program allows.

    Axes with the same name in `symbols` have equal lengths; it is None for other axes.
    """

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    symbols: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class Leaf:
    """An input or output: a tensor, a number (dtype None), or a constant that export fixed."""

    name: str
    dtype: torch.dtype | None = None
    axes: tuple[Axis, ...] = ()
    constant: Constant = None
    is_constant: bool = False

    @property
    def spec(self) -> TensorSpec:
        if self.dtype is None:
            # A number is an integer of Python.
            return TensorSpec(self.name, torch.int64, ())
        lengths = (axis if isinstance(axis, int) else ANY_LENGTH for axis in self.axes)
        symbols = (axis.symbol if isinstance(axis, Expression) else None for axis in self.axes)
        return TensorSpec(self.name, self.dtype, tuple(lengths), tuple(symbols))


def read_leaf(argument: Value, name: str, graph: Mapping[str, Value]) -> Leaf:
    kind, value = argument.choice()
    if kind == "as_tensor":
        meta = read_meta(_described(graph["tensor_values"], value.record("name")["name"]))
        return Leaf(name, meta.dtype, tuple(read_axis(each) for each in meta.sizes))
    if kind in ("as_sym_int", "as_sym_float", "as_sym_bool"):
        symbol = value.record("as_name")["as_name"]
        values = graph.get(kind.removeprefix("as_") + "_values", argument)
        described = _described(values, symbol)
        return Leaf(name, axes=(read_axis(described),) if kind == "as_sym_int" else ())
    return Leaf(name, constant=read_constant(argument), is_constant=True)


def _described(values: Value, name: Value) -> Value:
    described = values.mapping()
    if not isinstance(name.value, str) or name.value not in described:
        raise name.refused(f"a name in {values.key}")
    return described[name.value]


def read_axis(value: Value) -> Axis:
    """The length of an axis: a number, or an expression."""
    kind, each = value.choice()
    if kind == "as_int":
        return each.integer(0)
    if kind != "as_expr":
        raise value.refused("as_int or as_expr")
    text = each.record("expr_str", optional=["hint"])["expr_str"].text(longest=10**4)
    return parse_expression(text, value.place)


def read_constant(value: Value) -> Constant:
    kind, each = value.choice()
    if kind == "as_none":
        return None
    if kind == "as_int":
        return each.integer()
    if kind == "as_bool":
        return each.boolean()
    if kind == "as_float":
        return float(each.number())
    if kind == "as_string":
        return each.text(r"[^\x00-\x1f\x7f]*")
    raise UnsafeCheckpoint(
        f"{value.place}: {kind!r:.100} is not accepted; accepted are tensors and numbers"
    )
