"""The opcodes that a pickle may have: what each does, and the memory that it takes.

The others are refused: classes by number (EXT1, EXT2, EXT4), and buffers outside of the pickle.
"""

from collections.abc import Callable
from typing import Any

from stateserve.checkpoint.pickles.interpreter import Machine

# Estimated bytes of the values that an opcode makes; 8 where it is not here.
SIZES = {
    **{"EMPTY_DICT": 72, "EMPTY_LIST": 64, "EMPTY_SET": 220, "FROZENSET": 220, "DICT": 72},
    **dict.fromkeys(("REDUCE", "NEWOBJ", "NEWOBJ_EX", "INST", "OBJ"), 100),
    # Python keeps the integers of BININT1 once.
    **dict.fromkeys(("BININT", "BININT2", "INT", "LONG", "LONG1", "LONG4"), 40),
    **dict.fromkeys(("FLOAT", "BINFLOAT"), 32),
}
NUMBERS = ("INT", "BININT", "BININT1", "BININT2", "LONG", "FLOAT", "BINFLOAT")
COUNTED = (
    *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING"),
    *("SHORT_BINSTRING", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"),
)
STEPS: dict[str, Callable[[Machine, Any], None]] = {
    **dict.fromkeys(["PROTO", "FRAME", "STOP"], Machine.skip),
    **dict.fromkeys((*NUMBERS, "LONG1", "LONG4", "NONE"), Machine.push),
    **dict.fromkeys(COUNTED, Machine.push_text),
    **dict.fromkeys(["PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"], Machine.put),
    **dict.fromkeys(["GET", "BINGET", "LONG_BINGET"], Machine.get),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_SET": lambda machine, _: machine.push_set([]),
    "MARK": Machine.mark,
    "POP": Machine.drop,
    "POP_MARK": Machine.drop_to_mark,
    "DUP": lambda machine, _: machine.push(machine.stack[-1]),
    "TUPLE": lambda machine, _: machine.push_tuple(machine.above_mark()),
    "TUPLE1": lambda machine, _: machine.push_tuple(machine.pop(1)),
    "TUPLE2": lambda machine, _: machine.push_tuple(machine.pop(2)),
    "TUPLE3": lambda machine, _: machine.push_tuple(machine.pop(3)),
    "LIST": lambda machine, _: machine.push_list(machine.above_mark()),
    "FROZENSET": lambda machine, _: machine.push_set(machine.above_mark()),
    "APPEND": lambda machine, _: machine.append(machine.pop(1)),
    "APPENDS": lambda machine, _: machine.append(machine.above_mark()),
    "ADDITEMS": lambda machine, _: machine.append(machine.above_mark()),
    "DICT": lambda machine, _: machine.push_dict(machine.above_mark()),
    "SETITEM": lambda machine, _: machine.set_items(machine.pop(2)),
    "SETITEMS": lambda machine, _: machine.set_items(machine.above_mark()),
    "BUILD": Machine.build,
    "GLOBAL": Machine.load_global,
    "STACK_GLOBAL": Machine.load_stacked_global,
    "INST": Machine.make_old_instance,
    "OBJ": Machine.make_old_object,
    "NEWOBJ": Machine.call,
    "NEWOBJ_EX": Machine.make_with_keywords,
    "REDUCE": Machine.call,
    "PERSID": Machine.load_persistent_text,
    "BINPERSID": Machine.load_persistent,
}
COSTED = {name: (step, SIZES.get(name, 8)) for name, step in STEPS.items()}
