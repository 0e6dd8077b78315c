"""The arguments of a graph's nodes, rebuilt from the file with new names for all values."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from stateserve.errors import UnreadableCheckpoint, UnsafeCheckpoint
from stateserve.json_document import Json
from stateserve.model.architectures.exported_program.json_value import Value
from stateserve.model.architectures.exported_program.payloads import (
    STRIDED,
    read_device,
    read_dtype,
)

CPU: Json = {"type": "cpu", "index": None}
MEMORY_FORMATS = (1, 4)
NAME = r"\w+"


@dataclass
class Scope:
    """The values of one graph by their names in the file; `numbers` count all graphs' values.

    No name of the file reaches torch, which writes names into Python source.
    """

    numbers: Iterator[int]
    tensors: dict[str, str] = field(default_factory=dict)
    symbols: dict[str, str] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)

    def define(self, name: Value, names: dict[str, str]) -> str:
        """Name a new value. Raises UnreadableCheckpoint if the graph has it already."""
        text = name.text(NAME)
        if text in self.tensors or text in self.symbols or text in self.tokens:
            raise UnreadableCheckpoint(f"{name.place}: the graph has two values {text!r:.100}")
        names[text] = f"v{next(self.numbers)}"
        return names[text]

    def tensor(self, value: Value) -> Json:
        return {"name": _known(value.record("name")["name"], self.tensors)}

    def symbol(self, value: Value, literal: str) -> Json:
        """A symbol by its name, or a number or bool in the field `literal`."""
        kind, each = value.choice()
        if kind == "as_name":
            return {"as_name": _known(each, self.symbols)}
        if kind != literal:
            raise value.refused(f"as_name or {literal}")
        return {literal: PLAIN[literal](each)}


def _known(name: Value, names: dict[str, str]) -> str:
    text = name.text(NAME)
    if text not in names:
        raise UnreadableCheckpoint(f"{name.place}: the graph has no value {text!r:.100} here")
    return names[text]


def rebuild_argument(value: Value, scope: Scope) -> dict[str, Json]:
    """Raises UnsafeCheckpoint for objects and everything else that is not in the two tables."""
    kind, each = value.choice()
    if kind in PLAIN:
        return {kind: PLAIN[kind](each)}
    if kind in SCOPED:
        return {kind: SCOPED[kind](each, scope)}
    raise UnsafeCheckpoint(
        f"{value.place}: an argument {kind!r:.100} is not accepted; accepted are tensors, numbers, "
        "strings, dtypes and lists of them"
    )


def _list_of(read: Callable[[Value], Json]) -> Callable[[Value], Json]:
    return lambda value: [read(each) for each in value.items()]


def _dtype(value: Value) -> Json:
    read_dtype(value)
    return value.value


def _device(value: Value) -> Json:
    read_device(value)
    return CPU


def _complex(value: Value) -> Json:
    fields = value.record("real", "imag")
    return {name: each.number() for name, each in fields.items()}


def _optional_tensor(value: Value, scope: Scope) -> Json:
    kind, each = value.choice()
    if kind == "as_none":
        return {kind: True}
    if kind != "as_tensor":
        raise value.refused("as_tensor or as_none")
    return {kind: scope.tensor(each)}


PLAIN: dict[str, Callable[[Value], Json]] = {
    "as_none": lambda _: True,
    "as_int": Value.integer,
    "as_ints": _list_of(Value.integer),
    "as_float": Value.number,
    "as_floats": _list_of(Value.number),
    "as_bool": Value.boolean,
    "as_bools": _list_of(Value.boolean),
    "as_string": Value.text,
    "as_complex": _complex,
    "as_scalar_type": _dtype,
    "as_memory_format": lambda value: value.integer(*MEMORY_FORMATS),
    "as_layout": lambda value: value.integer(STRIDED, STRIDED),
    "as_device": _device,
}
SCOPED: dict[str, Callable[[Value, Scope], Json]] = {
    "as_tensor": lambda value, scope: scope.tensor(value),
    "as_tensors": lambda value, scope: [scope.tensor(each) for each in value.items()],
    "as_optional_tensors": lambda value, scope: [
        _optional_tensor(each, scope) for each in value.items()
    ],
    "as_sym_int": lambda value, scope: scope.symbol(value, "as_int"),
    "as_sym_float": lambda value, scope: scope.symbol(value, "as_float"),
    "as_sym_bool": lambda value, scope: scope.symbol(value, "as_bool"),
    "as_sym_ints": lambda value, scope: [scope.symbol(each, "as_int") for each in value.items()],
    "as_sym_floats": lambda value, scope: [
        scope.symbol(each, "as_float") for each in value.items()
    ],
    "as_sym_bools": lambda value, scope: [scope.symbol(each, "as_bool") for each in value.items()],
}


def names_in(argument: Json) -> Iterator[str]:
    """The names of all values that a rebuilt argument refers to."""
    if isinstance(argument, list):
        for each in argument:
            yield from names_in(each)
    elif isinstance(argument, dict):
        for key, each in argument.items():
            if key in ("name", "as_name") and isinstance(each, str):
                yield each
            else:
                yield from names_in(each)
