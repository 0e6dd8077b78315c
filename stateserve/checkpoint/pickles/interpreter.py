"""The pickle machine: a stack of values, which each operation of a pickle changes.

Nothing is imported, and only functions of this project are called. Objects of unknown classes
become Opaque. The estimated memory of all values is limited.
"""

from collections.abc import Callable, Mapping

from stateserve.checkpoint.pickles.objects import Blob, Call, Global, Key, Opaque
from stateserve.errors import UnreadableCheckpoint
from stateserve.text import class_of, printable

MAX_KEY_BITS = 60
# One for each list, dict or tuple around another; Python's pickler stops at a few hundred.
MAX_MARKS = 100_000
# Names of Python 2.
OLD_MODULES = {"copy_reg": "copyreg", "__builtin__": "builtins", "cPickle": "pickle"}


class Machine:
    """Stack, marks and memo, and a method for each kind of opcode.

    `memory` is the limit of the estimated bytes of all values; beyond it, a method raises
    UnreadableCheckpoint.
    """

    def __init__(
        self,
        calls: Mapping[str, Call],
        persistent_load: Callable[[object], object] | None,
        memory: int,
    ) -> None:
        self.stack: list[object] = []
        self._calls = calls
        self._persistent_load = persistent_load
        self._memory = memory
        self._marks: list[int] = []
        # Indices count up, but in a damaged file one may be any number.
        self._memo: list[object] = []
        self._odd_memo: dict[int, object] = {}
        self._globals: dict[str, Global] = {}

    def spend(self, count: int) -> None:
        self._memory -= count
        if self._memory < 0:
            raise UnreadableCheckpoint("the pickle has far more values than bytes")

    def skip(self, _: object) -> None:
        pass

    def push(self, value: object) -> None:
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

    def mark(self, _: object) -> None:
        if len(self._marks) == MAX_MARKS:
            raise UnreadableCheckpoint(f"over {MAX_MARKS} marks are open on the pickle's stack")
        self._marks.append(len(self.stack))

    def above_mark(self) -> list[object]:
        return self.pop(len(self.stack) - self._marks.pop())

    def pop(self, count: int) -> list[object]:
        if count > len(self.stack) - (self._marks[-1] if self._marks else 0):
            raise ValueError("nothing is left on the stack")
        start = len(self.stack) - max(0, count)
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def drop(self, _: object) -> None:
        if self._marks and self._marks[-1] == len(self.stack):
            self._marks.pop()
        else:
            self.pop(1)

    def drop_to_mark(self, _: object) -> None:
        self.above_mark()

    def push_tuple(self, items: list[object]) -> None:
        self.spend(40 + 8 * len(items))
        self.push(tuple(items))

    def push_list(self, items: list[object]) -> None:
        self.spend(40 + 8 * len(items))
        self.push(items)

    def push_dict(self, items: list[object]) -> None:
        self.push({})
        self.set_items(items)

    def push_set(self, items: list[object]) -> None:
        # The elements of a set would have to be hashed.
        self.push(Opaque("builtins.set", items=items))

    def append(self, items: list[object]) -> None:
        self.spend(8 * len(items))
        target = self.stack[-1]
        if type(target) is Opaque:
            if target.items is None:
                target.items = []
            target = target.items
        if type(target) is not list:
            raise ValueError("items without a list")
        target.extend(items)

    def set_items(self, items: list[object]) -> None:
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

    def build(self, _: object) -> None:
        (state,) = self.pop(1)
        target = self.stack[-1]
        if type(target) is Opaque:
            target.state = state
        elif hasattr(target, "set_state"):
            if type(state) is tuple:
                self.spend(sum(map(_copied, state)))
            target.set_state(state)
        elif type(target) not in (dict, list, Global):
            raise ValueError(f"{class_of(target)} with attributes")
        # The attributes of a state_dict are its versions: no tensor is in them.

    def load_global(self, path: str) -> None:
        module, _, name = path.partition(" ")
        # In one line, since it is shown.
        name = printable(f"{OLD_MODULES.get(module, module)}.{name}")
        if name not in self._globals:
            self.spend(len(name) + 200)
            self._globals[name] = Global(name)
        self.push(self._globals[name])

    def load_stacked_global(self, _: object) -> None:
        module, name = self.pop(2)
        if type(module) is not str or type(name) is not str:
            raise ValueError("a global without a name")
        self.load_global(f"{module} {name}")

    def call(self, _: object) -> None:
        function, arguments = self.pop(2)
        if type(arguments) is not tuple:
            raise ValueError("a call without arguments")
        self._call(function, arguments)

    def _call(self, function: object, arguments: tuple[object, ...]) -> None:
        if type(function) is Global and function.name in self._calls:
            self.spend(8 * len(arguments) + sum(map(_copied, arguments)))
            found = self._calls[function.name](*arguments)
            self.spend(_made(found))
            self.push(found)
        else:
            self.push(Opaque(_callee(function), arguments))

    def make_old_instance(self, path: str) -> None:
        arguments = tuple(self.above_mark())
        self.load_global(path)
        self._call(self.pop(1)[0], arguments)

    def make_old_object(self, _: object) -> None:
        function, *arguments = self.above_mark()
        self._call(function, tuple(arguments))

    def make_with_keywords(self, _: object) -> None:
        function, arguments, keywords = self.pop(3)
        self.push(Opaque(_callee(function), (arguments, keywords)))

    def load_persistent(self, _: object) -> None:
        self.load_persistent_text(self.pop(1)[0])

    def load_persistent_text(self, persistent_id: object) -> None:
        if self._persistent_load is None:
            self.push(Opaque("persistent id", (persistent_id,)))
        else:
            self.spend(300)
            self.push(self._persistent_load(persistent_id))


def _callee(function: object) -> str:
    if isinstance(function, Global | Opaque):
        return function.name
    raise ValueError("a call of what is no function")


def _copied(value: object) -> int:
    """The bytes that a call of this project takes if it copies an argument."""
    if isinstance(value, list | tuple | dict):
        return 8 * len(value)
    return len(value) if isinstance(value, str | bytes) else 0


def _made(value: object) -> int:
    """The bytes of what a call returned: a size, a dict, or an object such as a tensor."""
    if isinstance(value, tuple):
        return 40
    return 100 * len(value) + 72 if isinstance(value, dict) else 200


def _hashable(key: object) -> object:
    # Hashing a nested tuple may never end, or overflow the C stack; tuples and large integers
    # of a writer's choice may all hash alike. Texts hash by a secret of the process.
    if type(key) is int and key.bit_length() > MAX_KEY_BITS:
        return Key(key)
    return key if type(key) in (str, int, bool, float, type(None)) else Key(key)
