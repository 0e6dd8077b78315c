"""One line of doctor."""

from typing import Literal, NamedTuple

Level = Literal["ok", "warn", "fail"]


class Finding(NamedTuple):
    """`subject` is what was looked at, `detail` what was found and what to do about it."""

    level: Level
    subject: str
    detail: str
