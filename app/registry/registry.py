"""The served endpoints by name and version; a reload replaces one reference."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext

from app.errors import ModelNotFound, ModelUnavailable, VersionNotFound
from app.monitor import Metrics
from app.predict import AnyEndpoint, Endpoint, return_free_memory
from app.registry.folder import Repository
from app.registry.listed_models import ListedModels
from app.registry.listing import Candidate
from app.registry.load_turns import Turn, keep_from_collector
from app.registry.loader import Loader
from app.registry.published import Published, Rollout
from app.registry.version import IndexEntry, Plan, VersionStatus
from app.registry.versions import Versions
from app.settings import LATEST, Target, VersionPolicy
from stateserve.model import LoadOptions, Predictor, TensorModel


class Registry:
    """Holds the endpoint that `build` makes of each predictor; `build` may run in a thread.

    The canaries and shadows `targets` are served in addition to the versions of the policy, and
    are the default only if a verb sets them. `rollout` makes the endpoint of the default.
    A request calls `current` or `get` once and keeps the endpoint: a reload during the request
    does not affect it, and its last user frees the old endpoint.
    All methods run in the event loop's thread, except `load_all`, which runs before the loop.
    """

    def __init__(
        self,
        repository: Repository,
        build: Callable[[Predictor | TensorModel], AnyEndpoint],
        metrics: Metrics,
        policy: VersionPolicy = LATEST,
        targets: Iterable[Target] = (),
        rollout: Rollout | None = None,
        turn: Turn = nullcontext,
        options: Callable[[], LoadOptions] = LoadOptions,
    ) -> None:
        self.repository = repository
        self._listed = ListedModels(repository)
        self._loader = Loader(build, metrics, turn, options)
        self._policy = policy
        self._targets = list(targets)
        self._models: dict[str, Versions] = {}
        self._published = Published(metrics.default_version, rollout)

    @property
    def not_served(self) -> list[str]:
        """A line for each misplaced file."""
        return self._listed.not_served

    def names(self) -> list[str]:
        """All models on disk, sorted, loaded or not. Raises UnreadableCheckpoint."""
        return sorted(self._listed.list_all().models)

    def current(self, name: str) -> Endpoint:
        """The default version of a model. Raises ModelNotFound or ModelUnavailable."""
        try:
            return self._published.current[name]
        except KeyError:
            reason = self._known(name).why_not()
            raise ModelUnavailable(f"no version of {name} is loaded: {reason}") from None

    def get(self, name: str, version: str) -> AnyEndpoint:
        """One version of a model. Raises ModelNotFound or VersionNotFound."""
        try:
            return self._published.served[name, version]
        except KeyError:
            versions = self._known(name)
            reason = versions.why_not(version)
            raise VersionNotFound(name, version, versions.ready, reason) from None

    def served(self) -> list[AnyEndpoint]:
        """The endpoints of all names and versions."""
        return list(self._published.served.values())

    def statuses(self, name: str | None = None) -> list[VersionStatus]:
        """The state of every version of one model, or of all, in order. Raises ModelNotFound."""
        names = sorted(self._models) if name is None else [self._known(name).name]
        return [status for each in names for status in self._models[each].statuses()]

    def ready_versions(self, name: str) -> list[str]:
        """Raises ModelNotFound."""
        return [each.version for each in self.statuses(name) if each.state == "READY"]

    def index(self, *, ready: bool) -> list[IndexEntry]:
        """Every version of every model, or with `ready` every ready version."""
        return [
            IndexEntry(s.name, s.version, s.state, s.reason or "")
            for s in self.statuses()
            if s.state == "READY" or not ready
        ]

    def load_all(self) -> None:
        """Load the versions of every model that the policy selects, before the event loop runs.

        Errors are logged and appear in `statuses`. Raises CheckpointError for a single file that
        cannot be loaded, and for a missing folder.
        """
        for _ in self.load_in_turn():
            pass

    def load_in_turn(self) -> Iterator[tuple[Candidate, AnyEndpoint | Exception]]:
        """As `load_all`; yields each version with its endpoint, or its error."""
        load = self._loader.attempt if self.repository.nested else self._loader.load
        for name, found in self._listed.list_all().models.items():
            versions = self._versions(name)
            for candidate in versions.due(found):
                outcome = load(candidate)
                versions.settle(candidate, outcome)
                yield candidate, outcome
            self._publish(versions)
            self._listed.saw(name, found)

    async def refresh(self) -> None:
        """Load the models whose files have changed since the last refresh; errors are logged."""
        listing, changed = await self._listed.changed()
        for name in changed:
            versions, found = self._versions(name), listing.models.get(name, {})
            async with versions.lock:
                await self._load_each(versions, versions.due(found))
                self._listed.saw(name, found)

    async def load(self, name: str, version: str | None = None) -> None:
        """Load the versions of a model that the policy selects, or one version, changed or not.

        Raises ModelNotFound, VersionNotFound, ModelUnavailable if the policy selects none, or
        the first error of loading; after an error the old endpoints stay in service.
        """
        if version is not None:
            await self._load_version(name, version)
            self._models[name].known[version].wanted = True
            return
        found = await self._listed.find(name)
        versions = self._versions(name)
        async with versions.lock:
            versions.make_due()
            errors = await self._load_each(versions, versions.due(found))
        if errors:
            raise errors[0]
        # Raises if the policy selects none.
        self.current(name)

    async def unload(self, name: str, version: str | None = None) -> None:
        """Take a version, or all, out of service until `load` names it again.

        Raises ModelNotFound or VersionNotFound.
        """
        versions = self._known(name)
        async with versions.lock:
            if version is not None and version not in versions.known:
                raise VersionNotFound(name, version, versions.known)
            for each in [version] if version else list(versions.known):
                versions.withdraw(each)
            self._publish(versions)

    async def set_default(self, name: str, version: str) -> None:
        """Make a version the default until a version newer than all is ready; load it if needed.

        Raises the errors of `load`, and then changes nothing.
        """
        if (name, version) not in self._published.served:
            await self._load_version(name, version)
        self._models[name].pin(version)
        self._publish(self._models[name])

    def plan(self, name: str) -> Plan | None:
        """The plan of a model for `follow` in another process; None if the model is unknown."""
        return self._models[name].plan() if name in self._models else None

    async def follow(self, name: str, plan: Plan) -> str | None:
        """Serve the same versions of a model as another process. Returns an error text, or None."""
        found = (await self._listed.look()).models.get(name, {})
        versions = self._versions(name)
        async with versions.lock:
            versions.update(found.keys() | plan.versions.keys())
            due = [found[version] for version in versions.missing(plan) if version in found]
            await self._load_each(versions, due)
            versions.follow(plan)
            self._publish(versions)
        missing = ", ".join(versions.missing(plan))
        return f"version {missing} of {name} is gone, refused or changed" if missing else None

    def _known(self, name: str) -> Versions:
        versions = self._models.get(name)
        if versions is None or not versions.known:
            known = [each for each, versions in self._models.items() if versions.known]
            raise ModelNotFound(name, known)
        return versions

    def _versions(self, name: str) -> Versions:
        if name not in self._models:
            targets = [target.version for target in self._targets if target.name == name]
            self._models[name] = Versions(name, self._policy, targets)
        return self._models[name]

    async def _load_version(self, name: str, version: str) -> None:
        found = await self._listed.find(name)
        versions = self._versions(name)
        if version not in found:
            raise VersionNotFound(name, version, found)
        async with versions.lock:
            versions.update(found)
            errors = await self._load_each(versions, [found[version]])
        if errors:
            raise errors[0]

    async def _load_each(
        self, versions: Versions, candidates: Iterable[Candidate]
    ) -> list[Exception]:
        errors = []
        for candidate in candidates:
            with versions.loading(candidate.version):
                checked = versions.checked(candidate)
                outcome = await asyncio.to_thread(self._loader.attempt, checked, serving=True)
                await asyncio.to_thread(keep_from_collector)
            versions.settle(candidate, outcome)
            self._publish(versions)
            if isinstance(outcome, Exception):
                errors.append(outcome)
        self._publish(versions)
        await asyncio.to_thread(return_free_memory)
        return errors

    def _publish(self, versions: Versions) -> None:
        self._published.publish(versions)
        # The next refresh then examines this model even if its files have not changed.
        self._listed.forget(versions.name)
