"""The inputs and outputs of a program, as its file describes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

from stateserve.errors import UnreadableCheckpoint, UnsafeCheckpoint
from stateserve.model.architectures.exported_program.json_value import Value
from stateserve.model.architectures.exported_program.leaf import Leaf, read_constant, read_leaf
from stateserve.model.architectures.exported_program.tree_specs import Path, Tree, read_tree

StateKind = Literal["parameter", "buffer", "tensor_constant"]
IDENTIFIER = r"[^\W\d]\w*"
MODULE_SIGNATURE = ["inputs", "outputs", "in_spec", "out_spec"]


@dataclass(frozen=True)
class StateSlot:
    """An input of the graph that the model's state fills."""

    kind: StateKind
    name: str
    persistent: bool = True


@dataclass(frozen=True)
class Signature:
    """`state` has the graph's first inputs, `inputs` the others, in the graph's order.

    `outputs` has a leaf for each of the structure `tree`. Before both, the graph has `tokens`.
    """

    state: list[StateSlot]
    inputs: list[Leaf]
    outputs: list[Leaf]
    tree: Tree
    tokens: int = 0


def read_signature(module: Mapping[str, Value], graph: Mapping[str, Value]) -> Signature:
    """Raises CheckpointError, in particular for a program that writes to its state or inputs."""
    signature = module["signature"].record("input_specs", "output_specs")
    named_tuples = (
        {
            name: [each.text() for each in value.record("field_names")["field_names"].items()]
            for name, value in module["treespec_namedtuple_fields"].mapping().items()
        }
        if "treespec_namedtuple_fields" in module
        else {}
    )
    entry = module["module_call_graph"].items()[:1]
    fields = entry[0].record("fqn", optional=["signature"]) if entry else {}
    if "signature" not in fields or fields["fqn"].value != "":
        raise module["module_call_graph"].refused("a list that begins with the program's signature")
    call = fields["signature"].record(*MODULE_SIGNATURE, optional=["forward_arg_names"])
    tokens = _count_tokens(signature["input_specs"])
    if _count_tokens(signature["output_specs"]) != tokens:
        raise signature["output_specs"].refused("as many tokens as the inputs have")
    state, inputs = _read_inputs(signature["input_specs"], call, graph, named_tuples)
    tree = read_tree(call["out_spec"], named_tuples)
    outputs = _read_outputs(signature["output_specs"].items()[tokens:], tree, graph, tokens)
    return Signature(state, inputs, outputs, tree, tokens)


def _count_tokens(specs: Value) -> int:
    """Of the first entries; a token at another place is refused."""
    return sum(1 for _ in takewhile(lambda spec: spec.choice()[0] == "token", specs.items()))


def _read_inputs(
    specs: Value,
    call: Mapping[str, Value],
    graph: Mapping[str, Value],
    named_tuples: dict[str, list[str]],
) -> tuple[list[StateSlot], list[Leaf]]:
    tree = read_tree(call["in_spec"], named_tuples)
    names = (
        [each.text(IDENTIFIER) for each in call["forward_arg_names"].items()]
        if "forward_arg_names" in call
        else []
    )
    paths = iter(_input_names(tree, names, call["in_spec"]))
    state: list[StateSlot] = []
    inputs: list[Leaf] = []
    for spec in specs.items()[_count_tokens(specs) :]:
        kind, value = spec.choice()
        if kind in ("parameter", "buffer", "tensor_constant"):
            if inputs:
                raise UnreadableCheckpoint(f"{spec.place}: state after the program's inputs")
            state.append(_state_slot(kind, value))
            continue
        try:
            name = next(paths)
        except StopIteration:
            raise call["in_spec"].refused("a structure with each of the inputs") from None
        if kind == "constant_input":
            constant = value.record("name", "value")["value"]
            inputs.append(Leaf(name, constant=read_constant(constant), is_constant=True))
        elif kind == "user_input":
            inputs.append(read_leaf(value.record("arg")["arg"], name, graph))
        else:
            raise UnsafeCheckpoint(f"{spec.place}: an input {kind!r:.100} is not accepted")
    if next(paths, None) is not None:
        raise call["in_spec"].refused("a structure with each of the inputs")
    return state, inputs


def _state_slot(kind: str, value: Value) -> StateSlot:
    if kind == "parameter":
        name = value.record("arg", "parameter_name")["parameter_name"].text(r"[^\x00-\x1f\x7f]+")
        return StateSlot("parameter", name)
    if kind == "buffer":
        fields = value.record("arg", "buffer_name", "persistent")
        name = fields["buffer_name"].text(r"[^\x00-\x1f\x7f]+")
        return StateSlot("buffer", name, fields["persistent"].boolean())
    fields = value.record("arg", "tensor_constant_name")
    return StateSlot("tensor_constant", fields["tensor_constant_name"].text(r"[^\x00-\x1f\x7f]+"))


def _input_names(tree: Tree, arguments: list[str], at: Value) -> list[str]:
    """The name of each leaf of (positional arguments, keyword arguments): `x`, `batch.mask`."""
    if len(tree.children) != 2 or tree.children[1].kind != "dict":
        raise at.refused("a tuple of positional arguments and a dict of keyword arguments")
    positional, keywords = tree.children
    tops = [
        (arguments[index] if index < len(arguments) else f"arg_{index}", child)
        for index, child in enumerate(positional.children)
    ] + [(str(key), child) for key, child in zip(keywords.keys, keywords.children, strict=True)]
    names = [dotted((top, *path)) for top, child in tops for path in child.leaves()]
    if len(set(names)) < len(names):
        raise at.refused("inputs of different names")
    return names


def dotted(path: Path) -> str:
    return ".".join(str(key) for key in path)


def _read_outputs(
    specs: list[Value], tree: Tree, graph: Mapping[str, Value], tokens: int
) -> list[Leaf]:
    for spec in specs:
        kind, _ = spec.choice()
        if kind.endswith("_mutation"):
            raise UnsafeCheckpoint(
                f"{spec.place}: the program writes to {_written(spec)}, which requests share; "
                "return the new value instead"
            )
        if kind != "user_output":
            raise UnsafeCheckpoint(f"{spec.place}: an output {kind!r:.100} is not accepted")
    paths, arguments = tree.leaves(), graph["outputs"].items()[tokens:]
    if not len(paths) == len(arguments) == len(specs):
        raise graph["outputs"].refused("an entry for each output of the graph and of its structure")
    return [
        read_leaf(argument, output_name(tree, path), graph)
        for argument, path in zip(arguments, paths, strict=True)
    ]


def _written(spec: Value) -> str:
    names = [
        each.value for key, each in spec.choice()[1].mapping().items() if key.endswith("_name")
    ]
    return f"{names[0]!r:.100}" if names else "its state"


def output_name(tree: Tree, path: Path) -> str:
    """`output`, or the key of a dict, or `output_0`; what is nested deeper follows after a dot."""
    if not path or (len(tree.keys) == 1 and tree.kind != "dict" and len(path) == 1):
        return "output"
    first = path[0] if tree.kind == "dict" else f"output_{path[0]}"
    return dotted((first, *path[1:]))
