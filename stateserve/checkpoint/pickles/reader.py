"""Read a pickle as data: nothing is imported, and only functions of this project are called.

Objects of unknown classes become Opaque. Refusing foreign code is not enough: with
torch.load(weights_only=True), or any subclass of Python's Unpickler, a file of 400 bytes can
still fill the memory (`bytearray(2**33)`, a memo index of 2**30) or hash nested tuples for years.
Here the memory of a step is bounded by the bytes that it reads, and both are limited.

Source: Lib/pickletools.py of Python, which documents every opcode.
"""

import codecs
import pickle
import pickletools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from stateserve.checkpoint.pickles.objects import Blob, Call, Global, Key, Opaque
from stateserve.checkpoint.sources import Source
from stateserve.errors import CheckpointError, UnreadableCheckpoint
from stateserve.text import printable

# A tensor takes about forty steps, its two states in an optimizer a hundred.
MAX_STEPS = 5_000_000
# Python's pickler adds the items of a list or dict by thousands; only a tuple has all at once.
MAX_STACK = 1_000_000
# Estimated bytes of all values: this, and a multiple of the bytes of the file. A tensor of one
# element takes about 2,000 bytes, and 140 of a file of torch before 1.6.
SPARE_BYTES, MAX_RATIO = 2**24, 16
MAX_KEY_PARTS = 32
# Longer bytes stay in the file.
BLOB_BYTES = 2**12
OPCODES = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}
# The bytes of the length that precedes an argument.
LENGTHS = {
    **dict.fromkeys((b"U", b"C", b"\x8c", b"\x8a"), 1),
    **dict.fromkeys((b"T", b"B", b"X", b"\x8b"), 4),
    **dict.fromkeys((b"\x8d", b"\x8e", b"\x96"), 8),
}
TEXTS, OLD_TEXTS, BYTES = (b"X", b"\x8c", b"\x8d"), (b"U", b"T"), (b"B", b"C", b"\x8e", b"\x96")
SIZES = {
    **{"EMPTY_DICT": 72, "EMPTY_LIST": 64, "EMPTY_SET": 220, "REDUCE": 150, "NEWOBJ": 150},
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4"), 40),
    **dict.fromkeys(("FLOAT", "BINFLOAT"), 32),
}
# Names of Python 2.
OLD_MODULES = {"copy_reg": "copyreg", "__builtin__": "builtins", "cPickle": "pickle"}


def read_pickle(
    stream: BinaryIO,
    source: Source,
    calls: Mapping[str, Call],
    persistent_load: Callable[[Any], object] | None = None,
    size: int = 0,
) -> Any:
    """Read one pickle of `stream`, which reads `source`; `stream` is left at its end.

    Its values may take memory in proportion to `size`, the bytes of a file around it.

    `calls` maps the functions and classes, "module.name", that the pickle may call to those of
    this project. `persistent_load` maps a persistent id to its object. Raises
    UnreadableCheckpoint for a damaged pickle.
    """
    machine = _Machine(calls, persistent_load, SPARE_BYTES + MAX_RATIO * max(size, source.size))
    try:
        for count, (name, argument) in enumerate(_operations(stream, source)):
            if count == MAX_STEPS:
                raise UnreadableCheckpoint(f"the pickle has more than {MAX_STEPS} steps")
            if len(machine.stack) > MAX_STACK:
                raise UnreadableCheckpoint(f"over {MAX_STACK} values wait on the pickle's stack")
            machine.spend(SIZES.get(name, 8))
            STEPS[name](machine, argument)
        return machine.pop(1)[0]
    except CheckpointError:
        raise
    except Exception as error:
        # A damaged pickle fails in many ways, which all mean the same.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnreadableCheckpoint(f"damaged: {reason:.200}") from None


def _operations(stream: BinaryIO, source: Source) -> Iterator[tuple[str, Any]]:
    code = b""
    while code != b".":
        code = stream.read(1)
        if code not in OPCODES:
            raise ValueError(f"opcode {code!r} is unknown" if code else "the pickle is cut short")
        opcode = OPCODES[code]
        if opcode.name not in STEPS:
            raise UnreadableCheckpoint(f"the pickle has the opcode {opcode.name}")
        if code in LENGTHS:
            yield opcode.name, _counted(stream, source, code)
        elif code == b"S":
            yield opcode.name, codecs.escape_decode(_quoted(stream.readline()))[0].decode("latin-1")
        else:
            yield opcode.name, opcode.arg and opcode.arg.reader(stream)


def _counted(stream: BinaryIO, source: Source, code: bytes) -> object:
    """An argument of which the length is known before it is read."""
    length = int.from_bytes(stream.read(LENGTHS[code]), "little")
    start = stream.tell()
    if length > source.size - start:
        raise ValueError("the pickle is cut short")
    if code in BYTES and length >= BLOB_BYTES:
        stream.seek(start + length)
        return Blob.of(source, start, length)
    content = stream.read(length)
    if code in TEXTS:
        return content.decode("utf-8", "surrogatepass")
    if code in OLD_TEXTS:
        # Python 2 has one type for text and bytes.
        return content.decode("latin-1")
    return content if code in BYTES else pickle.decode_long(content)


def _quoted(line: bytes) -> bytes:
    text = line.rstrip(b"\r\n")
    if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in (b"'", b'"'):
        raise ValueError("a text without quotes")
    return text[1:-1]


class _Machine:
    """The pickle machine: stack, marks and memo, and a method for each kind of opcode."""

    def __init__(
        self,
        calls: Mapping[str, Call],
        persistent_load: Callable[[Any], object] | None,
        memory: int,
    ) -> None:
        self.stack: list[Any] = []
        self._calls = calls
        self._persistent_load = persistent_load
        self._memory = memory
        self._marks: list[int] = []
        # Indices count up, but in a damaged file one may be any number.
        self._memo: list[Any] = []
        self._odd_memo: dict[int, Any] = {}
        self._globals: dict[str, Global] = {}

    def spend(self, count: int) -> None:
        self._memory -= count
        if self._memory < 0:
            raise UnreadableCheckpoint("the pickle has far more values than bytes")

    def skip(self, _: Any) -> None:
        pass

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def push_text(self, text: str | bytes | Blob) -> None:
        self.spend(100 if isinstance(text, Blob) else len(text) + 30)
        self.push(text)

    def put(self, index: int | None) -> None:
        if index is None or index == len(self._memo):
            self.spend(10)
            self._memo.append(self.stack[-1])
        else:
            self.spend(100)
            self._odd_memo[index] = self.stack[-1]

    def get(self, index: int) -> None:
        odd = index in self._odd_memo
        self.push(self._odd_memo[index] if odd or index < 0 else self._memo[index])

    def mark(self, _: Any) -> None:
        self._marks.append(len(self.stack))

    def above_mark(self) -> list[Any]:
        return self.pop(len(self.stack) - self._marks.pop())

    def pop(self, count: int) -> list[Any]:
        if count > len(self.stack) - (self._marks[-1] if self._marks else 0):
            raise ValueError("nothing is left on the stack")
        start = len(self.stack) - max(0, count)
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def drop(self, _: Any) -> None:
        if self._marks and self._marks[-1] == len(self.stack):
            self._marks.pop()
        else:
            self.pop(1)

    def drop_to_mark(self, _: Any) -> None:
        self.above_mark()

    def push_tuple(self, items: list[Any]) -> None:
        self.spend(40 + 8 * len(items))
        self.push(tuple(items))

    def push_list(self, items: list[Any]) -> None:
        self.spend(40 + 8 * len(items))
        self.push(items)

    def push_dict(self, items: list[Any]) -> None:
        self.push({})
        self.set_items(items)

    def push_set(self, items: list[Any]) -> None:
        # The elements of a set would have to be hashed.
        self.push(Opaque("builtins.set", items=items))

    def append(self, items: list[Any]) -> None:
        self.spend(8 * len(items))
        target = self.stack[-1]
        if type(target) is Opaque:
            if target.items is None:
                target.items = []
            target = target.items
        if type(target) is not list:
            raise ValueError("items without a list")
        target.extend(items)

    def set_items(self, items: list[Any]) -> None:
        self.spend(50 * len(items))
        target = self.stack[-1]
        if type(target) is Opaque:
            if target.items is None:
                target.items = {}
            target = target.items
        if type(target) is not dict:
            raise ValueError("entries without a dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_hashable(key)] = value

    def build(self, _: Any) -> None:
        (state,) = self.pop(1)
        target = self.stack[-1]
        if type(target) is Opaque:
            target.state = state
        elif hasattr(target, "set_state"):
            target.set_state(state)
        elif type(target) not in (dict, list, Global):
            raise ValueError(f"a {type(target).__name__} with attributes")
        # The attributes of a state_dict are its versions: no tensor is in them.

    def load_global(self, path: str) -> None:
        module, _, name = path.partition(" ")
        # In one line, since it is shown.
        name = printable(f"{OLD_MODULES.get(module, module)}.{name}")
        if name not in self._globals:
            self.spend(len(name) + 200)
            self._globals[name] = Global(name)
        self.push(self._globals[name])

    def load_stacked_global(self, _: Any) -> None:
        module, name = self.pop(2)
        if type(module) is not str or type(name) is not str:
            raise ValueError("a global without a name")
        self.load_global(f"{module} {name}")

    def call(self, _: Any) -> None:
        function, arguments = self.pop(2)
        if type(arguments) is not tuple:
            raise ValueError("a call without arguments")
        self._call(function, arguments)

    def _call(self, function: object, arguments: tuple[Any, ...]) -> None:
        if type(function) is Global and function.name in self._calls:
            self.spend(200 + sum(map(_length, arguments)))
            self.push(self._calls[function.name](*arguments))
        else:
            self.push(Opaque(_callee(function), arguments))

    def make_old_instance(self, path: str) -> None:
        arguments = tuple(self.above_mark())
        self.load_global(path)
        self._call(self.pop(1)[0], arguments)

    def make_old_object(self, _: Any) -> None:
        function, *arguments = self.above_mark()
        self._call(function, tuple(arguments))

    def make_with_keywords(self, _: Any) -> None:
        function, arguments, keywords = self.pop(3)
        self.push(Opaque(_callee(function), (arguments, keywords)))

    def load_persistent(self, _: Any) -> None:
        self.load_persistent_text(self.pop(1)[0])

    def load_persistent_text(self, persistent_id: Any) -> None:
        if self._persistent_load is None:
            self.push(Opaque("a persistent id", (persistent_id,)))
        else:
            self.spend(300)
            self.push(self._persistent_load(persistent_id))


def _callee(function: object) -> str:
    if isinstance(function, Global | Opaque):
        return function.name
    raise ValueError("a call of what is no function")


def _length(value: object) -> int:
    """What a call of this project may copy."""
    return 60 * len(value) if type(value) in (list, tuple, dict) else 0  # type: ignore[arg-type]


def _hashable(key: object) -> object:
    # Hashing a nested tuple may never end, or overflow the C stack.
    if type(key) in (str, int, bool, float, type(None)):
        return key
    if type(key) is tuple and len(key) <= MAX_KEY_PARTS:
        return key if all(type(part) in (str, int) for part in key) else Key(key)
    return Key(key)


NUMBERS = ("INT", "BININT", "BININT1", "BININT2", "LONG", "FLOAT", "BINFLOAT")
COUNTED = (
    *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING"),
    *("SHORT_BINSTRING", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"),
)
STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(["PROTO", "FRAME", "STOP"], _Machine.skip),
    **dict.fromkeys((*NUMBERS, "LONG1", "LONG4", "NONE"), _Machine.push),
    **dict.fromkeys(COUNTED, _Machine.push_text),
    **dict.fromkeys(["PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"], _Machine.put),
    **dict.fromkeys(["GET", "BINGET", "LONG_BINGET"], _Machine.get),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_SET": lambda machine, _: machine.push_set([]),
    "MARK": _Machine.mark,
    "POP": _Machine.drop,
    "POP_MARK": _Machine.drop_to_mark,
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
    "BUILD": _Machine.build,
    "GLOBAL": _Machine.load_global,
    "STACK_GLOBAL": _Machine.load_stacked_global,
    "INST": _Machine.make_old_instance,
    "OBJ": _Machine.make_old_object,
    "NEWOBJ": _Machine.call,
    "NEWOBJ_EX": _Machine.make_with_keywords,
    "REDUCE": _Machine.call,
    "PERSID": _Machine.load_persistent_text,
    "BINPERSID": _Machine.load_persistent,
}
