"""Read a program of torch.export as a module, without running any code of the file."""

import logging
from collections.abc import Mapping
from itertools import count

from torch import Tensor
from torch.fx import GraphModule

from stateserve.errors import CheckpointError, UnreadableCheckpoint
from stateserve.json_document import Json
from stateserve.model.architectures.exported_program.archive import open_archive
from stateserve.model.architectures.exported_program.arguments import Scope, rebuild_argument
from stateserve.model.architectures.exported_program.bounds.bounded_graph import PLACE, BoundedGraph
from stateserve.model.architectures.exported_program.checks.checked_operators import check_operators
from stateserve.model.architectures.exported_program.effects import define_token
from stateserve.model.architectures.exported_program.expressions import Expression, parse_expression
from stateserve.model.architectures.exported_program.graph import Graph
from stateserve.model.architectures.exported_program.input_checks import InputChecks, Range
from stateserve.model.architectures.exported_program.json_value import Value
from stateserve.model.architectures.exported_program.leaf import Leaf
from stateserve.model.architectures.exported_program.module import ProgramModule
from stateserve.model.architectures.exported_program.nodes import add_nodes, graph_fields
from stateserve.model.architectures.exported_program.payloads import read_payloads
from stateserve.model.architectures.exported_program.program_state import ProgramState
from stateserve.model.architectures.exported_program.rebuilt_archive import load_graph
from stateserve.model.architectures.exported_program.signature import Signature, read_signature

PROGRAM = ["graph_module", "opset_version", "range_constraints", "schema_version"]
PROGRAM_OPTIONS = ["verifiers", "torch_version", "guards_code"]
GRAPH_MODULE = ["graph", "signature", "module_call_graph"]
GRAPH_MODULE_OPTIONS = ["metadata", "treespec_namedtuple_fields"]
# Source: torch._export.serde.schema.SCHEMA_VERSION of torch 2.13.
SCHEMA_MAJOR = 8
# torch.export.load takes nearly all of the time, and in proportion to the nodes.
SECONDS_PER_NODE = 0.002
MANY_NODES = 5000
logger = logging.getLogger("stateserve.model")


def read_program(
    content: bytes, name: str, state: Mapping[str, Tensor] | None = None
) -> ProgramModule:
    """Read the archive `content` that torch.export.save wrote; messages begin with `name`.

    `state`, a state_dict with the program's keys, shapes and dtypes, replaces the program's own
    parameters and persistent buffers; constants stay. Raises UnsafeCheckpoint for what could run
    code or read files, UnreadableCheckpoint for other files, StateMismatch for another state.

    Source: the format is that of torch.export.pt2_archive, torch 2.13, schema 8.
    """
    try:
        return _read(content, name, state)
    except CheckpointError as error:
        raise type(error)(f"{name}: {error}") from None


def _read(content: bytes, name: str, state: Mapping[str, Tensor] | None) -> ProgramModule:
    archive = open_archive(content)
    program = Value.parse(archive.read(archive.program), archive.program).record(
        *PROGRAM, optional=PROGRAM_OPTIONS
    )
    _require_version(program)
    module = program["graph_module"].record(*GRAPH_MODULE, optional=GRAPH_MODULE_OPTIONS)
    fields = graph_fields(module["graph"])
    signature = read_signature(module, fields)
    checks = InputChecks(signature.inputs, _ranges(program), _guards(program))
    nodes = len(fields["nodes"].items())
    if nodes > MANY_NODES:
        seconds = nodes * SECONDS_PER_NODE
        logger.warning("%s: torch takes about %d s for its graph of %d nodes", name, seconds, nodes)
    loaded = _load(signature, fields)
    graph = BoundedGraph(loaded)
    # Last: the bounds know operators, not the functions that check and call them.
    check_operators(loaded)
    weights = read_payloads(archive, archive.weights, "weight_")
    constants = read_payloads(archive, archive.constants, "tensor_")
    held = ProgramState(signature.state, weights, constants, state)
    return ProgramModule(graph, held, signature, checks)


def _require_version(program: Mapping[str, Value]) -> None:
    version = program["schema_version"].record("major", "minor")
    if version["major"].value != SCHEMA_MAJOR:
        raise UnreadableCheckpoint(
            f"{version['major'].place} is {version['major'].value!r:.20}; accepted is "
            f"{SCHEMA_MAJOR}, of torch 2.13: save the program again with it"
        )


def _ranges(program: Mapping[str, Value]) -> list[Range]:
    ranges = []
    for text, value in program["range_constraints"].mapping().items():
        bounds = value.record(optional=["min_val", "max_val"])
        lowest, highest = (
            bounds[name].integer(-(2**64), 2**64) if name in bounds else None
            for name in ("min_val", "max_val")
        )
        ranges.append(Range(parse_expression(text, value.place), lowest, highest))
    return ranges


def _guards(program: Mapping[str, Value]) -> list[Expression]:
    guards = program["guards_code"].items() if "guards_code" in program else []
    return [parse_expression(guard.text(longest=10**4), guard.place) for guard in guards]


def _load(signature: Signature, fields: Mapping[str, Value]) -> GraphModule:
    """Rebuild the graph and let torch load it."""
    graph = Graph(Scope(count()))
    inputs: list[Json] = []
    leaves: list[Leaf | None] = [*[None] * len(signature.state), *signature.inputs]
    for token in fields["inputs"].items()[: signature.tokens]:
        define_token(token.choice()[1], graph.scope)
    arguments = fields["inputs"].items()[signature.tokens :]
    if len(arguments) != len(leaves):
        raise fields["inputs"].refused("an entry for each input of the signature")
    for argument, leaf in zip(arguments, leaves, strict=True):
        # Nodes have the constants in them.
        if leaf is None or not leaf.is_constant:
            inputs.append(graph.add_input(argument))
    add_nodes(graph, fields["nodes"])
    outputs: list[Json] = [
        rebuild_argument(argument, graph.scope)
        for argument, leaf in zip(
            fields["outputs"].items()[signature.tokens :], signature.outputs, strict=True
        )
        if not leaf.is_constant
    ]
    loaded = load_graph(graph.to_json(inputs, outputs), inputs, outputs)
    for node in loaded.graph.nodes:
        node.meta[PLACE] = graph.places.get(node.name, "")
    return loaded
