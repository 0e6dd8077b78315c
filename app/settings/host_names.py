"""The types of two settings: lists of host names and of origins, separated by commas."""

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

HOST = r"[a-z0-9.-]+|\[[0-9a-f:.]+\]"
Origin = Annotated[str, Field(pattern=rf"^(\*|https?://({HOST})(:[0-9]+)?)$")]
Pattern = Annotated[str, Field(pattern=rf"^(\*|(\*\.)?({HOST}))$")]


def _split(given: object) -> object:
    return [part.strip() for part in given.split(",")] if isinstance(given, str) else given


# Separated by commas; pydantic-settings would expect JSON.
Origins = Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(_split)]
Patterns = Annotated[tuple[Pattern, ...], NoDecode, BeforeValidator(_split)]
