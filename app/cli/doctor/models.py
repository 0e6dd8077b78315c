"""The models: each version that would be served loads, or the reason why it does not."""

import logging
from collections.abc import Iterator

from app.cli.doctor.finding import Finding
from app.predict import AnyEndpoint
from app.registry import Candidate, Registry, warnings_of
from app.settings import Settings
from stateserve.errors import StateserveError


def check_models(settings: Settings) -> Iterator[Finding]:
    """Loads each model as `serve` does, with its golden outputs, and then chooses the default
    one, the canary and the shadow."""
    from app.api import empty_registry
    from app.monitor import Metrics

    # What the registry logs is in the findings.
    logging.getLogger("app.registry").addHandler(logging.NullHandler())
    try:
        registry = empty_registry(settings, Metrics())
        yield from _load(registry)
    except (StateserveError, OSError) as error:
        yield Finding("fail", "models", str(error))
        return
    yield from (Finding("warn", "not served", line) for line in registry.not_served)
    yield from _check_choices(settings, registry)


def _load(registry: Registry) -> Iterator[Finding]:
    loading = registry.load_in_turn()
    if registry.repository.nested:
        for candidate, outcome in loading:
            yield from _findings(candidate, outcome)
        return
    for versions in registry.repository.scan().models.values():
        for candidate in versions.values():
            try:
                _, outcome = next(loading)
            except (StateserveError, OSError) as error:
                outcome = error
            yield from _findings(candidate, outcome)


def _findings(candidate: Candidate, outcome: AnyEndpoint | Exception) -> Iterator[Finding]:
    subject = f"model {candidate.name} {candidate.version}"
    if isinstance(outcome, Exception):
        yield Finding("fail", subject, " ".join(str(outcome).split()) or type(outcome).__name__)
        return
    model = outcome.model
    yield Finding("ok", subject, f"{candidate.path} loads; {model.backend_name}")
    yield from (Finding("warn", subject, warning) for warning in warnings_of(model, candidate))


def _check_choices(settings: Settings, registry: Registry) -> Iterator[Finding]:
    from app.api import choose_default
    from app.registry import why_not

    try:
        choose_default(settings, registry)
    except StateserveError as error:
        yield Finding("fail", "models", str(error))
    for target in settings.targets:
        reason = why_not(target, registry)
        what = f"{target.name} {target.version} takes {target.share:g} of the requests"
        yield Finding("fail" if reason else "ok", target.kind, reason or what)
