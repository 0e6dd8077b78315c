"""The verbs that change which versions are served."""

from typing import Protocol


class Verbs(Protocol):
    """What changes which versions are served: of one registry, or of every worker's."""

    async def load(self, name: str, version: str | None = None) -> None: ...

    async def unload(self, name: str, version: str | None = None) -> None: ...

    async def set_default(self, name: str, version: str) -> None: ...
