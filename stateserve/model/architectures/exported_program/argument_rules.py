"""What the arguments of an accepted operator may be."""

import math
from collections.abc import Iterator, Mapping

from stateserve.errors import UnreadableCheckpoint, UnsafeCheckpoint
from stateserve.json_document import Json
from stateserve.model.architectures.exported_program.bounds.limits import (
    MAX_COUNT,
    MAX_ELEMENTS,
    MAX_EXPONENT,
)
from stateserve.model.architectures.exported_program.operators import Operator

Arguments = Mapping[str, dict[str, Json]]
MAX_SCALE = 2**12
# The arguments that say how many elements the result has.
SIZES = frozenset(
    {
        "N", "bins", "col", "dims", "kernel_size", "length", "m", "minlength", "n", "n_fft",
        "num_classes", "output_size", "pad", "padding", "repeats", "row", "s", "shape", "size",
        "steps", "window_length",
    }
)  # fmt: skip
SCALAR = "number"
ENDS = ("start", "end")
COUNTS = frozenset({"sections", "chunks"})
SCALES = frozenset(["scale_factors", "scales", "scales_h", "scales_w", "scales_d"])
TRAINING = ("train", "training")


NUMBERS = ("as_int", "as_float", "as_bool", "as_complex", "as_sym_int", "as_sym_float")
# The kinds of arguments by the schema's type; a number may stand for a tensor, and one for a list.
KINDS: dict[str, tuple[str, ...]] = {
    "Tensor": ("as_tensor", "as_sym_bool", *NUMBERS),
    "List[Tensor]": ("as_tensors",),
    "List[Optional[Tensor]]": ("as_tensors", "as_optional_tensors"),
    "int": ("as_int", "as_sym_int"),
    "List[int]": ("as_int", "as_ints", "as_sym_int", "as_sym_ints"),
    "float": ("as_float", "as_int", "as_sym_float", "as_sym_int"),
    "List[float]": ("as_floats", "as_ints", "as_sym_floats", "as_sym_ints"),
    "number": ("as_sym_bool", *NUMBERS),
    "bool": ("as_bool", "as_sym_bool"),
    "str": ("as_string",),
    "ScalarType": ("as_scalar_type",),
    "Layout": ("as_layout",),
    "MemoryFormat": ("as_memory_format",),
    "Device": ("as_device",),
}


def _kinds(wanted: str) -> tuple[str, ...]:
    """None is accepted for an optional argument, and alone for a generator of random numbers."""
    if wanted.startswith("Optional["):
        return ("as_none", *KINDS.get(wanted[len("Optional[") : -1], ()))
    return KINDS.get(wanted, ())


def require_accepted(operator: Operator, arguments: Arguments, place: str) -> None:
    """Raises CheckpointError for arguments that are unknown, missing or not to be served."""
    for name, argument in arguments.items():
        if name not in operator.arguments:
            raise UnreadableCheckpoint(f"{place}: {operator.name} has no argument {name!r:.100}")
        kind, value = next(iter(argument.items()))
        wanted = operator.arguments[name]
        if kind not in _kinds(wanted) and value != []:
            raise UnreadableCheckpoint(f"{place}: {operator.name}: {name} is {kind}, not {wanted}")
    if missing := sorted(operator.required - arguments.keys()):
        raise UnreadableCheckpoint(f"{place}: {operator.name} has no {missing[0]}")
    _require_evaluation(operator, arguments, place)
    _require_bounded(operator, arguments, place)


def _require_evaluation(operator: Operator, arguments: Arguments, place: str) -> None:
    """Refuse dropout that drops, and norms that update their running statistics."""
    # A norm without running statistics always takes those of its input.
    normalises = "norm" in operator.name
    has_statistics = "as_tensor" in arguments.get("running_mean", {})
    trains = any(_is_true(arguments.get(name)) for name in TRAINING)
    updates = _is_true(arguments.get("use_input_stats")) and has_statistics
    drops = next(iter(arguments.get("dropout_p", {}).values()), 0) not in (0, 0.0, False)
    if (trains and (has_statistics or not normalises)) or updates or drops:
        raise UnsafeCheckpoint(
            f"{place}: {operator.name} in training mode, where answers are random or change the "
            "model; call module.eval() before torch.export.export"
        )


def _is_true(argument: dict[str, Json] | None) -> bool:
    return argument is not None and argument.get("as_bool") is True


def _require_bounded(operator: Operator, arguments: Arguments, place: str) -> None:
    for name, argument in arguments.items():
        numbers = [abs(number) for number in _numbers(argument)]
        ends = name in ENDS and operator.name == "arange"
        sizes = ends or (name in SIZES and operator.arguments[name] != SCALAR)
        if sizes and math.prod(max(number, 1) for number in numbers) > MAX_ELEMENTS:
            raise UnsafeCheckpoint(
                f"{place}: {operator.name} asks for more than {MAX_ELEMENTS} elements ({name})"
            )
        if name in COUNTS and any(number > MAX_COUNT for number in numbers):
            raise UnsafeCheckpoint(f"{place}: {operator.name} gives more than {MAX_COUNT} results")
        if name in SCALES and any(number > MAX_SCALE for number in numbers):
            raise UnsafeCheckpoint(f"{place}: {operator.name} enlarges by more than {MAX_SCALE}")


def require_small_exponent(argument: Mapping[str, Json], place: str) -> None:
    exponent = argument.get("as_int", argument.get("as_float"))
    if not isinstance(exponent, int | float) or not abs(exponent) <= MAX_EXPONENT:
        raise UnsafeCheckpoint(f"{place}: an exponent that is not a number up to {MAX_EXPONENT}")


def _numbers(argument: Json) -> Iterator[float]:
    """The numbers that are written in an argument."""
    if isinstance(argument, dict | list):
        for each in argument.values() if isinstance(argument, dict) else argument:
            yield from _numbers(each)
    elif isinstance(argument, int | float) and not isinstance(argument, bool):
        yield argument
