"""Whole numbers of a query, in one form: pydantic also takes `1_0`, `+1`, `1.0` and spaces."""

import re
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_core import PydanticKnownError

DIGITS = re.compile("-?[0-9]+")


def _require_digits(value: object) -> object:
    if isinstance(value, str) and not DIGITS.fullmatch(value):
        raise PydanticKnownError("int_parsing")
    return value


WholeNumber = Annotated[int, BeforeValidator(_require_digits)]
