"""The models on disk, as they were listed last; what has changed since is told by comparison."""

import asyncio
import logging
from collections.abc import Mapping

from app.errors import ModelNotFound
from app.registry.folder import Repository
from app.registry.listing import Candidate, Listing
from stateserve.errors import UnreadableCheckpoint

logger = logging.getLogger("app.registry")


class ListedModels:
    """Lists `repository`; `not_served` has a line for each misplaced file, logged once.

    Its methods are called in one thread; all but `list_all` list the disk in another.
    """

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.not_served: list[str] = []
        # By model: its versions when they were last loaded, or None if it is to be looked at.
        self._seen: dict[str, Mapping[str, Candidate] | None] = {}

    def list_all(self) -> Listing:
        """Raises UnreadableCheckpoint for a missing folder."""
        listing = self.repository.scan()
        self._report(listing)
        return listing

    async def look(self) -> Listing:
        """What is on disk; nothing if the folder is missing, which is reported."""
        listing = await asyncio.to_thread(self._look)
        self._report(listing)
        return listing

    async def changed(self) -> tuple[Listing, list[str]]:
        """What is on disk, and the models that differ from those that were seen."""
        listing, names = await asyncio.to_thread(self._look_for_changes, dict(self._seen))
        self._report(listing)
        return listing, names

    async def find(self, name: str) -> Mapping[str, Candidate]:
        """The versions of one model. Raises ModelNotFound, or UnreadableCheckpoint."""
        listing = await asyncio.to_thread(self.repository.scan)
        self._report(listing)
        if name not in listing.models:
            raise ModelNotFound(name, listing.models)
        return listing.models[name]

    def saw(self, name: str, found: Mapping[str, Candidate]) -> None:
        self._seen[name] = found

    def forget(self, name: str) -> None:
        """The model is among the changed ones even if its files have not changed."""
        self._seen[name] = None

    def _look(self) -> Listing:
        try:
            return self.repository.scan()
        except UnreadableCheckpoint as error:
            return Listing(self.repository.folder, not_served=[str(error)])

    def _look_for_changes(
        self, seen: Mapping[str, Mapping[str, Candidate] | None]
    ) -> tuple[Listing, list[str]]:
        """In a thread: all models are compared, of which there may be thousands."""
        listing = self._look()
        names = dict.fromkeys([*seen, *listing.models])
        return listing, [n for n in names if listing.models.get(n, {}) != seen.get(n)]

    def _report(self, listing: Listing) -> None:
        known = set(self.not_served)
        for line in listing.not_served:
            if line not in known:
                logger.warning("not served: %s", line)
        self.not_served = listing.not_served
