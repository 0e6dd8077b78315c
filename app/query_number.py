"""Numbers of a query, in one form: pydantic also takes `1_0`, `+1`, `1.0` for 1, and spaces."""

import re
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import BeforeValidator
from pydantic_core import PydanticKnownError

from stateserve.plain_number import WHOLE

# As JSON has it: programs write queries. An option may also be `.5` or `1.`.
DECIMAL = re.compile(rf"{WHOLE.pattern}(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def _require(
    form: re.Pattern[str], refusal: Literal["int_parsing", "float_parsing"]
) -> Callable[[object], object]:
    def require(value: object) -> object:
        if isinstance(value, str) and not form.fullmatch(value):
            raise PydanticKnownError(refusal)
        return value

    return require


WholeNumber = Annotated[int, BeforeValidator(_require(WHOLE, "int_parsing"))]
DecimalNumber = Annotated[float, BeforeValidator(_require(DECIMAL, "float_parsing"))]
