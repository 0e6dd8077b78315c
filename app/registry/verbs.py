"""The protocol of the admin verbs: load, unload, set default."""

from typing import Protocol


class Verbs(Protocol):
    """Changes which versions are served, in one registry or in every worker's."""

    async def load(self, name: str, version: str | None = None) -> None: ...

    async def unload(self, name: str, version: str | None = None) -> None: ...

    async def set_default(self, name: str, version: str) -> None: ...
