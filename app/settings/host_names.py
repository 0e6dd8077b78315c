"""The types of two settings: lists of host names and of origins, separated by commas."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

HOST = r"[a-z0-9.-]+|\[[0-9a-f:.]+\]"
_ORIGIN = re.compile(rf"\*|https?://({HOST})(:[0-9]+)?")
_PATTERN = re.compile(rf"\*|(\*\.)?({HOST})")


def _require_origin(text: str) -> str:
    if _ORIGIN.fullmatch(text) is None:
        raise ValueError("needs origins such as https://example.com:8443, or *")
    return text


def _require_pattern(text: str) -> str:
    if _PATTERN.fullmatch(text) is None:
        raise ValueError("needs host names such as example.com, *.example.com or [::1], or *")
    return text


def _split(given: object) -> object:
    return [part.strip() for part in given.split(",")] if isinstance(given, str) else given


Origin = Annotated[str, AfterValidator(_require_origin)]
Pattern = Annotated[str, AfterValidator(_require_pattern)]
# Separated by commas; pydantic-settings would expect JSON.
Origins = Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(_split)]
Patterns = Annotated[tuple[Pattern, ...], NoDecode, BeforeValidator(_split)]
