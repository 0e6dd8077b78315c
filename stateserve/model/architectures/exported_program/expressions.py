"""Integer expressions over the lengths of axes, by a small grammar; nothing is evaluated as code.

torch.export writes lengths as calls of sympy's classes (`Add(Mul(Integer(2), Symbol('s0',
integer=True)), Integer(1))`), ranges as text (`2*s0 + 1`), and guards as Python
(`L['x'].size()[0] % 8 == 0`). The three have one grammar: numbers, symbols, lengths of inputs,
arithmetic, comparisons, `and`, `or`, `not`, and the functions in CALLS.
"""

import ast
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stateserve.errors import UnsafeCheckpoint
from stateserve.model.architectures.exported_program.expression_functions import (
    CALLS,
    OPERATORS,
    POWERS,
    Function,
    Number,
    all_of,
    any_of,
)

LONGEST = 2000
DEEPEST = 40
LARGEST_EXPONENT = 8
# Their only argument is what they stand for.
WRAPPERS = ("Integer", "Identity")
Value = Callable[[Mapping[str, int]], Number]
ACCEPTED = "+ - * / // % ** min max comparisons, and or not over integers, symbols and lengths"


@dataclass(frozen=True)
class Expression:
    """`value` computes it from the values of its `symbols`; `symbol` is set if it is only one."""

    text: str
    symbols: frozenset[str]
    value: Value
    symbol: str | None = None

    @property
    def shown(self) -> str:
        """The text for a message: `x.shape[0]` for an axis, and symbols and numbers plain."""
        plain = re.sub(r"Symbol\('(\w+)'[^()]*\)", r"\1", self.text)
        plain = re.sub(r"Integer\((-?\d+)\)", r"\1", plain)
        return re.sub(r"L\['(\w+)'\]", r"\1", plain).replace(".size()[", ".shape[")


def parse_expression(text: str, place: str) -> Expression:
    """Raises UnsafeCheckpoint for anything outside the grammar. The length of an input's axis is
    the symbol `L.x.size()[0]`; an input that is an integer is the symbol `L.x`."""
    if len(text) > LONGEST:
        raise UnsafeCheckpoint(f"{place}: an expression of more than {LONGEST} characters")
    try:
        parser = _Parser()
        node = ast.parse(text.strip(), mode="eval").body
        value = parser.parse(node, DEEPEST)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UnsafeCheckpoint(
            f"{place}: the expression {text!r:.200} is not accepted; accepted are {ACCEPTED}"
        ) from None
    return Expression(text, frozenset(parser.symbols), value, parser.only_symbol)


class _Parser:
    """Builds nested functions from Python's syntax tree. Raises ValueError for any other node."""

    def __init__(self) -> None:
        self.symbols: set[str] = set()
        self.nodes = 0

    @property
    def only_symbol(self) -> str | None:
        return next(iter(self.symbols)) if self.nodes == 1 and self.symbols else None

    def parse(self, node: ast.AST, depth: int) -> Value:
        self.nodes += 1
        if not depth:
            raise ValueError("nested too deep")
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return _constant(node.value)
        if isinstance(node, ast.Name):
            return self._symbol(node.id)
        if isinstance(node, ast.Subscript):
            return self._symbol(_source(node))
        if isinstance(node, ast.UnaryOp) and type(node.op) in OPERATORS:
            return self._apply(OPERATORS[type(node.op)], [node.operand], depth)
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            _require_small_power(isinstance(node.op, ast.Pow), node.left, node.right)
            return self._apply(OPERATORS[type(node.op)], [node.left, node.right], depth)
        if isinstance(node, ast.BoolOp):
            return self._apply(
                all_of if isinstance(node.op, ast.And) else any_of, node.values, depth
            )
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in OPERATORS:
            sides = [node.left, node.comparators[0]]
            return self._apply(OPERATORS[type(node.ops[0])], sides, depth)
        if isinstance(node, ast.Call):
            return self._call(node, depth)
        raise ValueError(f"{type(node).__name__} is no part of an expression")

    def _call(self, node: ast.Call, depth: int) -> Value:
        name = ast.unparse(node.func) if isinstance(node.func, ast.Name | ast.Attribute) else ""
        if name == "Symbol" and len(node.args) == 1:
            # The keywords say that it is an integer, and positive.
            symbol = node.args[0]
            if isinstance(symbol, ast.Constant) and isinstance(symbol.value, str):
                return self._symbol(symbol.value)
        if name == "Float" and len(node.args) == 1:
            # The keyword says how many bits it has.
            return _constant(_float(node.args[0]))
        if name in WRAPPERS and len(node.args) == 1 and not node.keywords:
            return self.parse(node.args[0], depth - 1)
        if name not in CALLS or node.keywords or not node.args:
            raise ValueError(f"{name} is not accepted")
        _require_small_power(name in POWERS, node.args[0], node.args[-1])
        return self._apply(CALLS[name], node.args, depth)

    def _apply(self, function: Function, nodes: list[ast.expr], depth: int) -> Value:
        arguments = [self.parse(node, depth - 1) for node in nodes]
        return lambda symbols: function(*[argument(symbols) for argument in arguments])

    def _symbol(self, name: str) -> Value:
        self.symbols.add(name)
        return lambda symbols: symbols[name]


def _constant(value: Number) -> Value:
    return lambda _: value


def _float(node: ast.expr) -> float:
    if not isinstance(node, ast.Constant) or not isinstance(node.value, int | float | str):
        raise ValueError("not a number")
    if not math.isfinite(number := float(node.value)):
        raise ValueError("not a finite number")
    return number


def _require_small_power(is_power: bool, base: ast.expr, exponent: ast.expr) -> None:
    """So that no expression computes for long: neither do powers of powers."""
    if not is_power:
        return
    if any(_is_power(each) for each in ast.walk(base)):
        raise ValueError("a power of a power")
    if isinstance(exponent, ast.Call) and exponent.args:
        exponent = exponent.args[0]
    if not isinstance(exponent, ast.Constant) or exponent.value not in range(LARGEST_EXPONENT + 1):
        raise ValueError(f"an exponent that is not an integer up to {LARGEST_EXPONENT}")


def _is_power(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in POWERS
    return isinstance(node, ast.Pow)


def _source(node: ast.expr) -> str:
    """The path of an input in a guard: `L['x'][0].size()[1]` is `L.x.0.size()[1]`."""
    if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Constant):
        raise ValueError("not an input")
    key = node.slice.value
    if isinstance(node.value, ast.Name) and node.value.id == "L" and isinstance(key, str):
        return f"L.{key}"
    if not isinstance(key, str) and type(key) is not int:
        raise ValueError("not the name or the number of an input")
    call = node.value
    if not isinstance(call, ast.Call):
        return f"{_source(call)}.{key}"
    if isinstance(call.func, ast.Attribute) and call.func.attr == "size" and not call.args:
        return f"{_source(call.func.value)}.size()[{key}]"
    raise ValueError("not the length of an axis")
