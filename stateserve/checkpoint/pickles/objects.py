"""Objects of a pickle that are not built: their classes by name, and their parts as data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stateserve.checkpoint.sources import Part, Source


@dataclass(frozen=True, eq=False, slots=True)
class Global:
    """A class or function that the pickle names, such as "collections.Counter"."""

    name: str


@dataclass(eq=False, slots=True)
class Opaque:
    """An object of the class, or returned by the function, `name`.

    `arguments` are those that it would be made with, `state` is what it would be given
    (attributes by name, for most classes), `items` are its elements, or keys and values, if it is
    a kind of list or dict.
    """

    name: str
    arguments: Sequence[object] = ()
    state: object = None
    items: "list[object] | dict[object, object] | None" = None


@dataclass(frozen=True, eq=False, slots=True)
class Key:
    """The key of a dict that is neither text nor a number of at most 60 bits."""

    value: object


@dataclass(frozen=True, eq=False, slots=True)
class Blob:
    """Bytes that stay in the file."""

    source: Source

    @classmethod
    def of(cls, source: Source, start: int, length: int) -> "Blob":
        return cls(Part(source, start, length))


# A function of this project, to which a pickle's call of a known name is passed.
Call = Callable[..., object]
