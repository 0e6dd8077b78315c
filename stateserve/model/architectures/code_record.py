"""The code of a model, as its card records it: files and their hashes."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue

from stateserve.model.fields import Frozen, Name

# To which a module is cast once its class has made it.
ModuleDtype = Literal["float16", "bfloat16", "float64"]


def _matching(pattern: str, words: str) -> AfterValidator:
    """A rule that says in words what is accepted; pydantic's own shows the pattern."""

    def require(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{text!r:.100} is not {words}")
        return text

    return AfterValidator(require)


_PART = r"[^./\\\x00-\x1f][^/\\\x00-\x1f]*"
Sha256 = Annotated[str, _matching("[0-9a-f]{64}", "a SHA-256 of 64 hexadecimal digits")]
FileName = Annotated[
    str, Field(max_length=255), _matching(_PART, "the name of a file in the card's folder")
]
CodePath = Annotated[
    str,
    Field(max_length=1000),
    _matching(
        rf"({_PART}/){{0,9}}{_PART}\.py",
        "a Python file in the card's folder or below it, such as nets.py or models/nets.py",
    ),
]
ClassName = Annotated[str, Field(max_length=200), _matching(r"[^\W\d]\w*", "a name of Python")]


class UserClass(Frozen):
    """A class in a Python file, or a function that makes the module. Loading it runs the file.

    `modules` are the other files of the folder that the file imports, with their hashes. The floats
    of the module are cast to `dtype`. With `table`, it is the network behind the columns of a
    table: CustomTabular.
    """

    kind: Literal["class"] = "class"
    file: CodePath
    name: ClassName
    kwargs: dict[Name, JsonValue] = Field(default={}, max_length=100)
    sha256: Sha256
    modules: dict[CodePath, Sha256] = Field(default={}, max_length=100)
    dtype: ModuleDtype | None = Field(default=None, exclude_if=lambda dtype: dtype is None)
    table: bool = Field(default=False, exclude_if=lambda table: not table)


class Program(Frozen):
    """A program of torch.export. Loading it runs no Python."""

    kind: Literal["program"] = "program"
    file: FileName
    sha256: Sha256


class BuiltIn(Frozen):
    """A network of this library, whose sizes are those of the state. It needs no file."""

    kind: Literal["built-in"] = "built-in"
    name: Literal["Tabular"] = "Tabular"


Code = Annotated[UserClass | Program | BuiltIn, Field(discriminator="kind")]
