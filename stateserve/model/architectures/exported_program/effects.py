"""The checks of matrices that run_decompositions() writes as operators with effects.

A token orders them: each takes it and returns the next one. Here the order of nodes is that of
the file, so that tokens are left out.
"""

from stateserve.errors import UnreadableCheckpoint, UnsafeCheckpoint
from stateserve.json_document import Json
from stateserve.model.architectures.exported_program.arguments import NAME, Scope, rebuild_argument
from stateserve.model.architectures.exported_program.graph import (
    HIGHER_ORDER,
    Graph,
    positional,
)
from stateserve.model.architectures.exported_program.json_value import Value

WITH_EFFECTS = f"{HIGHER_ORDER}with_effects"
# It raises unless each element of its first argument, the codes of LAPACK, is 0.
CHECK = "torch.ops.aten._linalg_check_errors.default"


def add_check(graph: Graph, fields: dict[str, Value]) -> None:
    """Add a check of the same matrices, as an assertion. Raises UnsafeCheckpoint."""
    codes, function = _read_check(fields, graph.scope)
    good = graph.compute("eq.Scalar", {"self": codes, "other": {"as_int": 0}})
    all_good = graph.compute("all.default", {"self": good})
    message = f"{function}: a matrix is singular, not positive definite, or does not converge"
    arguments: dict[str, Json] = {"self": all_good, "assert_msg": {"as_string": message}}
    graph.append("torch.ops.aten._assert_async.msg", positional(arguments), [])


def _read_check(fields: dict[str, Value], scope: Scope) -> tuple[Json, str]:
    """The tensor that has to be 0 everywhere, and the function that is checked.

    Raises UnsafeCheckpoint for any other operator.
    """
    arguments = [
        each.record("name", "arg", optional=["kind"])["arg"] for each in fields["inputs"].items()
    ]
    if len(arguments) < 4:
        raise fields["inputs"].refused("a token, an operator, a tensor and a name")
    token, operator, codes, function = (each.choice() for each in arguments[:4])
    if operator[0] != "as_operator" or operator[1].value != CHECK:
        raise UnsafeCheckpoint(f"{operator[1].place}: accepted with effects is only {CHECK}")
    if codes[0] != "as_tensor" or function[0] != "as_string":
        raise fields["inputs"].refused("a token, an operator, a tensor and a name")
    _take_token(token, scope)
    for kind, value in (each.choice() for each in fields["outputs"].items()):
        if kind == "as_tensor":
            define_token(value, scope)
        elif kind != "as_none":
            raise value.refused("a token and none")
    return rebuild_argument(arguments[2], scope), function[1].text(r"[\w.]+")


def define_token(value: Value, scope: Scope) -> None:
    name = value.record("name")["name"].text(NAME)
    if name in scope.tokens or name in scope.tensors or name in scope.symbols:
        raise UnreadableCheckpoint(f"{value.place}: the graph has two values {name!r:.100}")
    scope.tokens.add(name)


def _take_token(token: tuple[str, Value], scope: Scope) -> None:
    kind, value = token
    if kind != "as_tensor" or value.record("name")["name"].value not in scope.tokens:
        raise value.refused("a token of the graph")
