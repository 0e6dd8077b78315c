"""Numbers of a query, in one form: pydantic also takes `1_0`, `+1`, `1.0` for 1, and spaces."""

import re
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import BeforeValidator
from pydantic_core import PydanticKnownError

DIGITS = "-?[0-9]+"


def _require(
    form: str, refusal: Literal["int_parsing", "float_parsing"]
) -> Callable[[object], object]:
    matches = re.compile(form).fullmatch

    def require(value: object) -> object:
        if isinstance(value, str) and not matches(value):
            raise PydanticKnownError(refusal)
        return value

    return require


WholeNumber = Annotated[int, BeforeValidator(_require(DIGITS, "int_parsing"))]
# No NaN and no infinity.
DecimalNumber = Annotated[
    float, BeforeValidator(_require(rf"{DIGITS}(\.[0-9]+)?([eE][+-]?[0-9]+)?", "float_parsing"))
]
