"""A graph under construction: its rebuilt nodes and the new names of its values."""

from dataclasses import dataclass, field

from stateserve.errors import UnsafeCheckpoint
from stateserve.json_document import Json
from stateserve.model.architectures.exported_program.aliases import Aliases
from stateserve.model.architectures.exported_program.arguments import CPU, Scope
from stateserve.model.architectures.exported_program.json_value import Value

HIGHER_ORDER = "torch.ops.higher_order."
COND = f"{HIGHER_ORDER}cond"
POSITIONAL, KEYWORD = 1, 2
SYMBOLS = ("as_sym_int", "as_sym_float", "as_sym_bool")
# torch reads a dtype and a shape for every value, but computes with neither.
ANY_TENSOR: Json = {
    "dtype": 7,
    "sizes": [],
    "requires_grad": False,
    "device": CPU,
    "strides": [],
    "storage_offset": {"as_int": 0},
    "layout": 7,
}
ANY_SYMBOL: dict[str, Json] = {
    "as_sym_int": {"as_int": 1},
    "as_sym_float": {"as_float": 1.0},
    "as_sym_bool": {"as_bool": True},
}


@dataclass
class Graph:
    """Rebuilt nodes, and the names of all values by their kind, and the nodes' places."""

    scope: Scope
    aliases: Aliases = field(default_factory=Aliases)
    nodes: list[Json] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)

    def add_input(self, argument: Value) -> Json:
        """Define an input of the graph, a tensor or a number, and return it as an argument."""
        defined = self.define(argument)
        self.aliases.borrow(defined)
        return defined

    def define(self, argument: Value) -> dict[str, Json]:
        """A new name for a value that an input or a node defines."""
        kind, each = argument.choice()
        if kind == "as_tensor":
            name = self.scope.define(each.record("name")["name"], self.scope.tensors)
            self.values[name] = kind
            return {kind: {"name": name}}
        if kind == "as_tensors":
            tensors = [
                Value({"as_tensor": tensor.value}, tensor.key, each) for tensor in each.items()
            ]
            return {kind: [self.define(tensor)["as_tensor"] for tensor in tensors]}
        if kind in SYMBOLS:
            name = self.scope.define(each.record("as_name")["as_name"], self.scope.symbols)
            self.values[name] = kind
            return {kind: {"as_name": name}}
        if kind == "as_none":
            return {kind: True}
        raise UnsafeCheckpoint(f"{argument.place}: a value {kind!r:.100} is not accepted")

    def append(self, target: str, inputs: list[Json], outputs: list[dict[str, Json]]) -> None:
        """Add a node, named as its only result if it has one."""
        name = f"n{next(self.scope.numbers)}"
        # A condition returns a tuple, whose one value is a node of its own.
        if len(outputs) == 1 and target != COND:
            value = next(iter(outputs[0].values()))
            if isinstance(value, dict):
                name = str(next(iter(value.values())))
        self.nodes.append(
            {
                "target": target,
                "inputs": inputs,
                "outputs": list[Json](outputs),
                "metadata": {},
                "is_hop_single_tensor_return": False if target == COND else None,
                "name": name,
            }
        )

    def compute(self, name: str, arguments: dict[str, Json]) -> Json:
        """Add a node with one tensor as its result, and return it as an argument."""
        value = f"v{next(self.scope.numbers)}"
        self.values[value] = "as_tensor"
        result: dict[str, Json] = {"as_tensor": {"name": value}}
        self.append(f"torch.ops.aten.{name}", positional(arguments), [result])
        return result

    def to_json(self, inputs: list[Json], outputs: list[Json]) -> Json:
        named = {
            kind: {name: ANY_SYMBOL[kind] for name, each in self.values.items() if each == kind}
            for kind in SYMBOLS
        }
        tensors = [name for name, kind in self.values.items() if kind == "as_tensor"]
        return {
            "inputs": inputs,
            "outputs": outputs,
            "nodes": self.nodes,
            "tensor_values": dict.fromkeys(tensors, ANY_TENSOR),
            "sym_int_values": dict(named["as_sym_int"]),
            "sym_float_values": dict(named["as_sym_float"]),
            "sym_bool_values": dict(named["as_sym_bool"]),
            "custom_obj_values": {},
            "is_single_tensor_return": False,
        }


def positional(arguments: dict[str, Json]) -> list[Json]:
    return [
        {"name": name, "arg": argument, "kind": POSITIONAL} for name, argument in arguments.items()
    ]
