"""The models: each version that would be served loads, or the reason why it does not."""

from collections.abc import Iterator

from app.cli.doctor.finding import Finding
from app.settings import Settings, VersionPolicy
from stateserve.errors import StateserveError


def check_models(settings: Settings) -> Iterator[Finding]:
    """Loads each model as `serve` does, with its golden outputs."""
    from app.registry import NO_MODEL, Repository, load_options
    from stateserve.model import load_model

    try:
        options = load_options(settings)
        repository = Repository.of(settings)
        listing = repository.scan()
    except (StateserveError, OSError) as error:
        yield Finding("fail", "models", str(error))
        return
    if not listing.models:
        yield Finding("fail", "models", f"{repository.folder}: {NO_MODEL}")
    policy = VersionPolicy.parse(settings.version_policy)
    for name, versions in listing.models.items():
        for version in policy.order(versions)[: policy.limit]:
            candidate, subject = versions[version], f"model {name} {version}"
            if candidate.fault:
                yield Finding("fail", subject, candidate.fault)
                continue
            try:
                model = load_model(candidate.path, name, version, options)
            except (StateserveError, OSError) as error:
                yield Finding("fail", subject, str(error))
                continue
            yield Finding("ok", subject, f"{candidate.path} loads; {model.backend_name}")
            yield from (Finding("warn", subject, warning) for warning in model.warnings)
    yield from (Finding("warn", "not served", line) for line in listing.not_served)
