"""The setting version_policy: serve the latest, all, or specific versions, as in Triton."""

import re
from collections.abc import Iterable
from typing import NamedTuple, Self

_LATEST = re.compile(r"latest(?::([1-9][0-9]{0,3}))?")
# 18 digits fit in 64 bits, the size in protocols and metrics.
_VERSION = re.compile(r"[1-9][0-9]{0,17}")


class VersionPolicy(NamedTuple):
    """At most the `limit` highest of the versions in `only`; None means no limit."""

    limit: int | None = 1
    only: frozenset[str] | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `latest`, `latest:N`, `all`, or versions such as `1,3`. Raises ValueError."""
        versions = text.split(",")
        if text == "all":
            return cls(limit=None)
        if match := _LATEST.fullmatch(text):
            return cls(limit=int(match[1] or 1))
        if all(map(is_version, versions)):
            return cls(limit=None, only=frozenset(versions))
        raise ValueError("use latest, latest:N, all, or versions such as 1,3")

    def order(self, versions: Iterable[str]) -> list[str]:
        """The versions that may be served, highest first; `limit` is not applied.

        The caller applies it, since the next version replaces one that cannot be loaded.
        """
        allowed = (v for v in versions if self.only is None or v in self.only)
        return sorted(allowed, key=int, reverse=True)


LATEST = VersionPolicy()


def is_version(text: str) -> bool:
    """Whether `text` names a version: a positive integer without leading zeros."""
    return _VERSION.fullmatch(text) is not None
