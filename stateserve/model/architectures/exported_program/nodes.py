"""Rebuild the nodes of a graph from what this reader accepts.

Nothing of the file is passed on as it is: values get new names, operators come from the allow-list,
and text for people (stack traces, names of modules) is left out.
"""

from collections.abc import Iterator

from stateserve.errors import UnreadableCheckpoint, UnsafeCheckpoint
from stateserve.json_document import Json
from stateserve.model.architectures.exported_program.argument_rules import (
    require_accepted,
    require_small_exponent,
)
from stateserve.model.architectures.exported_program.arguments import Scope, rebuild_argument
from stateserve.model.architectures.exported_program.effects import WITH_EFFECTS, add_check
from stateserve.model.architectures.exported_program.graph import (
    COND,
    HIGHER_ORDER,
    KEYWORD,
    POSITIONAL,
    Graph,
)
from stateserve.model.architectures.exported_program.json_value import Value
from stateserve.model.architectures.exported_program.operators import (
    NUMBER_OPERATORS,
    aten_operator,
)

GRAPH = ["inputs", "outputs", "nodes", "tensor_values", "sym_int_values", "sym_bool_values"]
GRAPH_OPTIONS = ["is_single_tensor_return", "custom_obj_values", "sym_float_values"]
NODE = ["target", "inputs", "outputs", "metadata"]
NODE_OPTIONS = ["is_hop_single_tensor_return", "name"]
DEEPEST = 8
MAX_NODES = 100_000
# These run a graph with gradients, or mixed precision, off: in serving they always are.
WRAPPERS = (f"{HIGHER_ORDER}wrap_with_set_grad_enabled", f"{HIGHER_ORDER}wrap_with_autocast")
AUTOCAST_ENABLED = 2
# They check what the signature says already. Devices and layouts are always the same here.
LEFT_OUT = ("_assert_tensor_metadata", "sym_constrain_range", "sym_constrain_range_for_size")
# Uninitialised memory may hold another request's data.
INITIALISED = {
    "empty": "torch.ops.aten.zeros.default",
    "empty_permuted": "torch.ops.aten.zeros.default",
    "empty_like": "torch.ops.aten.zeros_like.default",
    "new_empty": "torch.ops.aten.new_zeros.default",
}


def graph_fields(value: Value) -> dict[str, Value]:
    fields = value.record(*GRAPH, optional=GRAPH_OPTIONS)
    if "custom_obj_values" in fields and fields["custom_obj_values"].value:
        raise UnsafeCheckpoint(f"{fields['custom_obj_values'].place}: objects are not accepted")
    if len(fields["nodes"].items()) > MAX_NODES:
        raise UnreadableCheckpoint(f"{value.place}: more than {MAX_NODES} nodes")
    return fields


def add_nodes(graph: Graph, nodes: Value, depth: int = DEEPEST) -> None:
    """Add all nodes to `graph`. Raises UnsafeCheckpoint or UnreadableCheckpoint, which name the
    node."""
    for node in nodes.items():
        fields = node.record(*NODE, optional=NODE_OPTIONS)
        target = fields["target"].text()
        before = len(graph.nodes)
        try:
            if target in WRAPPERS:
                _add_wrapped(graph, fields, depth)
            elif target == COND:
                _add_cond(graph, fields, depth)
            elif target == WITH_EFFECTS:
                add_check(graph, fields)
            elif target in NUMBER_OPERATORS:
                _add_number(graph, target, fields)
            else:
                _add_tensors(graph, target, fields)
        except UnsafeCheckpoint as error:
            at = node.place
            raise UnsafeCheckpoint(str(error) if at in str(error) else f"{at}: {error}") from None
        for added in graph.nodes[before:]:
            # A node of a graph within has its own place already.
            if isinstance(added, dict):
                graph.places.setdefault(str(added["name"]), node.place)


def _inputs(graph: Graph, fields: dict[str, Value]) -> list[tuple[str, dict[str, Json], Json]]:
    """Name, argument and kind of each input of a node."""
    inputs: list[tuple[str, dict[str, Json], Json]] = []
    for value in fields["inputs"].items():
        each = value.record("name", "arg", optional=["kind"])
        kind = each["kind"].integer(POSITIONAL, KEYWORD) if "kind" in each else None
        name = each["name"].text(r"\w*")
        inputs.append((name, rebuild_argument(each["arg"], graph.scope), kind))
    return inputs


def _outputs(graph: Graph, fields: dict[str, Value]) -> list[dict[str, Json]]:
    return [graph.define(each) for each in fields["outputs"].items()]


def _add_tensors(graph: Graph, target: str, fields: dict[str, Value]) -> None:
    operator = aten_operator(target)
    inputs = _inputs(graph, fields)
    arguments = {name: argument for name, argument, _ in inputs}
    place = fields["inputs"].parent.place if fields["inputs"].parent else ""
    require_accepted(operator, arguments, place)
    outputs = _outputs(graph, fields)
    if operator.name in LEFT_OUT:
        return
    graph.aliases.record(operator, arguments, list[Json](outputs), place)
    kept = operator
    if operator.name in INITIALISED:
        kept = aten_operator(target := INITIALISED[operator.name])
    rebuilt: list[Json] = [
        {"name": name, "arg": argument, "kind": kind}
        for name, argument, kind in inputs
        if name in kept.arguments
    ]
    graph.append(target, rebuilt, outputs)


def _add_number(graph: Graph, target: str, fields: dict[str, Value]) -> None:
    arguments = [argument for _, argument, _ in _inputs(graph, fields)]
    outputs = _outputs(graph, fields)
    place = fields["target"].place
    if len(outputs) != 1 or not arguments:
        raise UnreadableCheckpoint(f"{place}: {target} has arguments and one result")
    if target == "_operator.pow":
        require_small_exponent(arguments[-1], place)
    rebuilt: list[Json] = [
        {"name": "", "arg": argument, "kind": POSITIONAL} for argument in arguments
    ]
    graph.append(target, rebuilt, outputs)


def _split_graphs(fields: dict[str, Value]) -> tuple[list[Value], list[Value], list[Value]]:
    """The arguments before the graphs, the graphs, and the operands after them."""
    arguments = [
        each.record("name", "arg", optional=["kind"])["arg"] for each in fields["inputs"].items()
    ]
    kinds = [argument.choice()[0] == "as_graph" for argument in arguments]
    if True not in kinds:
        raise fields["inputs"].refused("a list with a graph")
    start, end = kinds.index(True), len(kinds) - kinds[::-1].index(True)
    graphs = [
        argument.choice()[1].record("name", "graph")["graph"] for argument in arguments[start:end]
    ]
    return arguments[:start], graphs, arguments[end:]


def _add_wrapped(graph: Graph, fields: dict[str, Value], depth: int) -> None:
    """Add the nodes of the wrapped graph to the graph around it."""
    before, graphs, operands = _split_graphs(fields)
    if fields["target"].value == WRAPPERS[1]:
        enabled = rebuild_argument(before[AUTOCAST_ENABLED], graph.scope) if len(before) > 2 else {}
        if enabled.get("as_bool") is not False:
            raise UnsafeCheckpoint("mixed precision; export the module outside torch.autocast")
    if not depth or len(graphs) != 1:
        raise UnreadableCheckpoint(f"{fields['inputs'].place}: graphs are nested too deep")
    inner = graph_fields(graphs[0])
    scope = Scope(graph.scope.numbers)
    _bind(scope, inner["inputs"], [rebuild_argument(each, graph.scope) for each in operands])
    around, graph.scope = graph.scope, scope
    add_nodes(graph, inner["nodes"], depth - 1)
    results = [rebuild_argument(each, scope) for each in inner["outputs"].items()]
    graph.scope = around
    _bind(around, fields["outputs"], results)


def _bind(scope: Scope, names: Value, values: list[dict[str, Json]]) -> None:
    """Give values of another graph their names in this one."""
    items = names.items()
    if len(items) != len(values):
        raise UnreadableCheckpoint(f"{names.place}: {len(items)} names for {len(values)} values")
    for item, value in zip(items, values, strict=True):
        kind, each = item.choice()
        named = value.get(kind)
        if kind not in ("as_tensor", "as_sym_int", "as_sym_float", "as_sym_bool"):
            raise item.refused("a tensor or a number")
        known = scope.tensors if kind == "as_tensor" else scope.symbols
        if not isinstance(named, dict) or not (new := next(iter(named.values()))):
            raise item.refused("a value of the same kind")
        scope.define(next(iter(each.mapping().values())), known)
        known[str(next(iter(each.mapping().values())).value)] = str(new)


def _add_cond(graph: Graph, fields: dict[str, Value], depth: int) -> None:
    """One of two graphs, by a condition: both are rebuilt, with names of their own."""
    before, graphs, operands = _split_graphs(fields)
    if not depth or len(before) != 1 or len(graphs) != 2 or len(operands) != 1:
        raise fields["inputs"].refused("a condition, two graphs and a list of operands")
    arguments = [rebuild_argument(before[0], graph.scope)]
    for each in graphs:
        branch: Json = read_branch(each, graph.scope.numbers, depth - 1)
        arguments.append({"as_graph": {"name": f"g{next(graph.scope.numbers)}", "graph": branch}})
    arguments.append(rebuild_argument(operands[0], graph.scope))
    outputs = _outputs(graph, fields)
    graph.aliases.borrow(list[Json](outputs))
    rebuilt: list[Json] = [
        {"name": "", "arg": argument, "kind": POSITIONAL} for argument in arguments
    ]
    graph.append(COND, rebuilt, outputs)


def read_branch(value: Value, numbers: Iterator[int], depth: int) -> Json:
    fields = graph_fields(value)
    graph = Graph(Scope(numbers))
    inputs = [graph.add_input(each) for each in fields["inputs"].items()]
    add_nodes(graph, fields["nodes"], depth)
    outputs = [rebuild_argument(each, graph.scope) for each in fields["outputs"].items()]
    return graph.to_json(list[Json](inputs), list[Json](outputs))
