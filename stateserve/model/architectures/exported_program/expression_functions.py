"""The functions that an expression over the lengths of axes may apply.

Source: sympy, torch.utils._sympy.functions, and the printer of guards.
"""

import ast
import math
import operator
from collections.abc import Callable

Number = int | float | bool
Function = Callable[..., Number]
OPERATORS: dict[type[ast.AST], Function] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def _add(*terms: Number) -> Number:
    return sum(terms)


def _multiply(*factors: Number) -> Number:
    return math.prod(factors)


def all_of(*terms: Number) -> bool:
    return all(terms)


def any_of(*terms: Number) -> bool:
    return any(terms)


def _ceil_divide(numerator: int, divisor: int) -> int:
    return -(-numerator // divisor)


CALLS: dict[str, Function] = {
    "Add": _add,
    "Mul": _multiply,
    "FloorDiv": operator.floordiv,
    "CleanDiv": operator.floordiv,
    "CeilDiv": _ceil_divide,
    "IntTrueDiv": operator.truediv,
    "FloatTrueDiv": operator.truediv,
    "Mod": operator.mod,
    "PythonMod": operator.mod,
    "Pow": operator.pow,
    "PowByNatural": operator.pow,
    "Max": max,
    "Min": min,
    "max": max,
    "min": min,
    "Equality": operator.eq,
    "Eq": operator.eq,
    "Unequality": operator.ne,
    "Ne": operator.ne,
    "StrictLessThan": operator.lt,
    "LessThan": operator.le,
    "StrictGreaterThan": operator.gt,
    "GreaterThan": operator.ge,
    "And": all_of,
    "Or": any_of,
    "Not": operator.not_,
    "TruncToInt": math.trunc,
    "FloorToInt": math.floor,
    "CeilToInt": math.ceil,
    "ToFloat": float,
    "int": int,
    "float": float,
    "torch.sym_float": float,
    "math.trunc": math.trunc,
    "math.floor": math.floor,
    "math.ceil": math.ceil,
}
POWERS = ("Pow", "PowByNatural")
