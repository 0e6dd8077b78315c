"""The settings that differ from their defaults, and those that are risky together."""

from collections.abc import Iterator

from app.api.auth import Keys
from app.cli.doctor.finding import Finding
from app.errors import SettingsError
from app.settings import Settings, variable
from stateserve.errors import StateserveError

# Each has a finding of its own.
TRIED = ("prediction_log", "uds")
LOCAL = ("127.0.0.1", "::1", "localhost")


def check_settings(settings: Settings) -> Iterator[Finding]:
    # A secret's text is asterisks.
    changed = {
        name: getattr(settings, name)
        for name, field in Settings.model_fields.items()
        if name not in TRIED and getattr(settings, name) != field.default
    }
    for name, value in changed.items():
        yield Finding("ok", variable(name), str(value))
    try:
        Keys.of(settings)
    except SettingsError as error:
        yield Finding("fail", variable("api_keys"), str(error))
    if settings.prediction_log is not None:
        yield _check_log(settings.prediction_log.get_secret_value(), settings)
    for setting, risk in _risks(settings):
        yield Finding("warn", variable(setting), risk)


def _check_log(address: str, settings: Settings) -> Finding:
    name = "prediction log"
    try:
        from app.monitor.prediction_log import require_database

        require_database(address, settings.prediction_log_timeout_seconds)
    except ImportError:
        return Finding("fail", name, "needs SQLAlchemy: pip install '.[log]'")
    except StateserveError as error:
        return Finding("fail", name, str(error))
    return Finding("ok", name, "its database can be written")


def _risks(settings: Settings) -> Iterator[tuple[str, str]]:
    public = settings.uds is None and settings.host not in LOCAL
    if public and settings.api_keys is None:
        yield "api_keys", "all who reach the address may ask and read the state: stateserve key new"
    if public and not settings.trusted_hosts:
        yield "trusted_hosts", "any Host header is answered; name the service's own"
    if settings.allow_code:
        yield "allow_code", "Python files that the models' cards name are run: trust their folder"
    if "*" in settings.cors_origins:
        yield "cors_origins", "pages of any origin may send requests"
    if settings.log_level == "debug":
        yield "log_level", "debug logs each probe"
