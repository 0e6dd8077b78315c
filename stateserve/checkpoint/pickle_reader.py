"""Read a pickle as data: nothing is imported, and only the given functions are called.

Refusing foreign code is not enough. With torch.load(weights_only=True), or any subclass of
Python's Unpickler, a file of 400 bytes can still fill the memory (`bytearray(2**33)`, a memo
index of 2**30) or hash nested tuples for years. Here the cost of a step is bounded by the
bytes that it reads, and the number of steps is limited.

Source: Lib/pickletools.py of Python, which documents every opcode.
"""

import pickletools
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from stateserve.errors import CheckpointError, UnreadableCheckpoint, UnsafeCheckpoint

# A tensor takes about forty.
MAX_STEPS = 200_000


def read_pickle(
    stream: BinaryIO,
    names: Mapping[str, object],
    persistent_load: Callable[[Any], object] | None = None,
) -> Any:
    """Read one pickle; `stream` is left at its end.

    `names` maps each allowed global, "module.name", to its value; the pickle may call those
    that are functions. `persistent_load` maps a persistent id to its object. Raises
    UnsafeCheckpoint for any other global, and UnreadableCheckpoint for a damaged pickle.
    """
    machine = _Machine(names, persistent_load)
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if opcode.name not in STEPS:
                raise UnsafeCheckpoint(why_unsafe(f"opcode {opcode.name}"))
            if count == MAX_STEPS:
                raise UnreadableCheckpoint(f"the pickle has more than {MAX_STEPS} steps")
            STEPS[opcode.name](machine, argument)
        return machine.stack.pop()
    except CheckpointError:
        raise
    except Exception as error:
        # A damaged pickle fails in many ways, which all mean the same.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnreadableCheckpoint(f"damaged: {reason:.200}") from None


def why_unsafe(culprit: str) -> str:
    return (
        f"holds more than plain tensors ({culprit!s:.200}): loading that could run the file's own "
        "code. If you trust the file: stateserve convert --trust-pickle IN OUT"
    )


class _Machine:
    """The pickle machine: stack, marks and memo, and a method for each kind of opcode."""

    def __init__(
        self, names: Mapping[str, object], persistent_load: Callable[[Any], object] | None
    ) -> None:
        self.stack: list[Any] = []
        self._names = names
        self._persistent_load = persistent_load
        self._marks: list[int] = []
        # A dict, since an index may be any number.
        self._memo: dict[int, Any] = {}

    def skip(self, _: Any) -> None:
        pass

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def put(self, index: int | None) -> None:
        self._memo[len(self._memo) if index is None else index] = self.stack[-1]

    def get(self, index: int) -> None:
        self.push(self._memo[index])

    def mark(self, _: Any) -> None:
        self._marks.append(len(self.stack))

    def above_mark(self) -> list[Any]:
        return self.pop(len(self.stack) - self._marks.pop())

    def pop(self, count: int) -> list[Any]:
        if count > len(self.stack):
            raise ValueError("nothing is left on the stack")
        start = len(self.stack) - max(0, count)
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def append(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise ValueError("items without a list")
        self.stack[-1].extend(items)

    def set_items(self, items: list[Any]) -> None:
        entries = self.stack[-1]
        if type(entries) is not dict:
            raise ValueError("entries without a dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Hashing a nested tuple may never end, or overflow the C stack.
            if type(key) not in (str, int):
                raise ValueError(f"a {type(key).__name__} as a key")
            entries[key] = value

    def build(self, _: Any) -> None:
        """Drop the metadata of a state_dict: no tensor is in it."""
        self.pop(1)
        if type(self.stack[-1]) is not dict:
            raise ValueError(f"a {type(self.stack[-1]).__name__} with attributes")

    def load_global(self, path: str) -> None:
        name = path.replace(" ", ".")
        if name not in self._names:
            raise UnsafeCheckpoint(why_unsafe(repr(name)[1:-1]))
        self.push(self._names[name])

    def load_stacked_global(self, _: Any) -> None:
        module, name = self.pop(2)
        if type(module) is not str or type(name) is not str:
            raise ValueError("a global without a name")
        self.load_global(f"{module} {name}")

    def call(self, _: Any) -> None:
        function, arguments = self.pop(2)
        if not callable(function) or type(arguments) is not tuple:
            raise ValueError("a call of what is no function")
        self.push(function(*arguments))

    def load_persistent(self, _: Any) -> None:
        if self._persistent_load is None:
            raise ValueError("a persistent id")
        self.push(self._persistent_load(self.stack.pop()))


NUMBERS = ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT")
TEXTS = ("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8")
BYTES = ("SHORT_BINBYTES", "BINBYTES", "BINBYTES8")
STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(["PROTO", "FRAME", "STOP"], _Machine.skip),
    **dict.fromkeys((*NUMBERS, *TEXTS, *BYTES, "NONE"), _Machine.push),
    **dict.fromkeys(["PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"], _Machine.put),
    **dict.fromkeys(["GET", "BINGET", "LONG_BINGET"], _Machine.get),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "MARK": _Machine.mark,
    "TUPLE": lambda machine, _: machine.push(tuple(machine.above_mark())),
    "TUPLE1": lambda machine, _: machine.push(tuple(machine.pop(1))),
    "TUPLE2": lambda machine, _: machine.push(tuple(machine.pop(2))),
    "TUPLE3": lambda machine, _: machine.push(tuple(machine.pop(3))),
    "LIST": lambda machine, _: machine.push(machine.above_mark()),
    "APPEND": lambda machine, _: machine.append(machine.pop(1)),
    "APPENDS": lambda machine, _: machine.append(machine.above_mark()),
    "DICT": lambda machine, _: _push_dict(machine),
    "SETITEM": lambda machine, _: machine.set_items(machine.pop(2)),
    "SETITEMS": lambda machine, _: machine.set_items(machine.above_mark()),
    "BUILD": _Machine.build,
    "GLOBAL": _Machine.load_global,
    "STACK_GLOBAL": _Machine.load_stacked_global,
    "REDUCE": _Machine.call,
    "BINPERSID": _Machine.load_persistent,
}


def _push_dict(machine: _Machine) -> None:
    items = machine.above_mark()
    machine.push({})
    machine.set_items(items)
