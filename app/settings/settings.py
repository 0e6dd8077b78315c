"""All settings, from the variables and the options of `stateserve serve`."""

import difflib
import os
from collections.abc import Mapping
from typing import Any, Self

from pydantic import (
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticKnownError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.errors import SettingsError
from app.settings.accepted import types, why_refused
from app.settings.models_settings import DEMO, BareModel, Execution, ServedModels
from app.settings.monitoring_settings import Logs, PredictionLog
from app.settings.rollout_target import Kind, Target
from app.settings.service_settings import Access, Address, Limits, Times
from stateserve.plain_number import DECIMAL, WHOLE

# Not "APP_" or "MODEL_": platforms set such variables themselves, and an unknown variable with
# this prefix is an error.
PREFIX = "STATESERVE_"
# Not a setting of the service: the API key that commands send to a service.
KEY_VARIABLE = "STATESERVE_KEY"
GROUPS = (ServedModels, Execution, BareModel, Address, Access, Logs, PredictionLog, Limits, Times)


class Settings(
    Times,
    Limits,
    PredictionLog,
    Logs,
    Access,
    Address,
    BareModel,
    Execution,
    ServedModels,
    BaseSettings,
):
    """Read from `STATESERVE_*` variables; options of `stateserve serve` override them."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _choose_model(cls, given: dict[str, object]) -> dict[str, object]:
        """The demonstration's model, or that of a program: torch.export writes its state, too."""
        code = str(given.get("code"))
        named = given.keys() & {"model", "models"}
        if str(given.get("demo")).lower() in ("1", "true", "yes", "on"):
            if named:
                raise ValueError(f"--demo and --{min(named)} exclude each other")
            return given | {"model": DEMO}
        return given | {"model": code} if not named and code.endswith(".pt2") else given

    @field_validator("*", mode="before")
    @classmethod
    def _require_plain_number(cls, given: object, info: ValidationInfo) -> object:
        kinds = types(cls.model_fields[str(info.field_name)].annotation)
        form = WHOLE if int in kinds else DECIMAL if float in kinds else None
        if form and isinstance(given, str) and not form.fullmatch(given):
            # The text of the error is that of `why_refused`.
            raise PydanticKnownError("int_parsing")
        return given

    @property
    def targets(self) -> list[Target]:
        """Canary and shadow, if they are set."""
        texts: dict[Kind, str | None] = {"canary": self.canary, "shadow": self.shadow}
        return [Target.parse(kind, text) for kind, text in texts.items() if text]

    @classmethod
    def read(cls, options: Mapping[str, object] | None = None) -> Self:
        """Read the environment; `options`, by the name of the field, override it.

        Raises SettingsError, which names the unknown or malformed setting.
        """
        _require_known_variables()
        given: dict[str, Any] = dict(options or {})
        try:
            return cls(**given)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = str(first["loc"][0]) if first["loc"] else ""
            why = why_refused(first, cls.model_fields.get(place))
            if not place:
                raise SettingsError(why) from None
            name = option(place) if place in given else variable(place)
            # Do not repeat a token: it may be a real one, only too short.
            secret = SecretStr in types(cls.model_fields[place].annotation)
            found = "" if secret else f" {first['input']!r}"
            raise SettingsError(f"{name}{found}: {why}") from None


def variable(field: str) -> str:
    """The environment variable of a field."""
    return f"{PREFIX}{field}".upper()


def option(field: str) -> str:
    """The option of a field."""
    return "--" + field.replace("_", "-")


def both_names(field: str) -> str:
    """The option of a field with its variable, for an error whose cause may be either."""
    return f"{option(field)} ({variable(field)})"


def _require_known_variables() -> None:
    known = [KEY_VARIABLE, *map(variable, Settings.model_fields)]
    for name in sorted(os.environ):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            # Without the prefix, which would make any two names similar.
            words = [each.removeprefix(PREFIX) for each in known]
            near = difflib.get_close_matches(name.upper().removeprefix(PREFIX), words, n=1)
            hint = f"did you mean {PREFIX}{near[0]}?" if near else "stateserve settings lists all"
            raise SettingsError(f"unknown setting {name}; {hint}")
