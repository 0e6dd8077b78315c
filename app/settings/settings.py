"""Every setting, declared once, for the variables and the options of `stateserve serve`."""

import difflib
import os
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, CliImplicitFlag, SettingsConfigDict
from pydantic_settings import SettingsError as CommandLineError

from app.errors import SettingsError
from app.settings.host_names import Origins, Patterns
from app.settings.rollout_target import Kind, Target
from app.settings.version_policy import VersionPolicy

# Not "APP_" or "MODEL_": platforms set such variables themselves, and an unknown variable with
# this prefix is an error.
PREFIX = "STATESERVE_"
# Not a setting of the service: the API key that commands send to a service.
KEY_VARIABLE = "STATESERVE_KEY"


def _require_policy(text: str) -> str:
    VersionPolicy.parse(text)
    return text


def _require_target(kind: Kind, text: str) -> str:
    Target.parse(kind, text)
    return text


class Settings(BaseSettings):
    """Read from `STATESERVE_*` variables; options of `stateserve serve` override them."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    model: Path = Field(
        default=Path("models/iris-model.pth"),
        description="checkpoint to serve; its model card is the file .json of the same name",
    )
    models: Path | None = Field(
        default=None,
        description="folder of models, NAME.pth or NAME/VERSION/; all are served, and of several "
        "the setting model names the default one",
    )
    code: str | None = Field(
        default=None,
        min_length=1,
        description="code of a model without a card, FILE.py:CLASS, which is run, or FILE.pt2 of "
        "torch.export",
    )
    kwargs: str | None = Field(
        default=None, description='arguments of the class, as JSON: {"n_classes": 10}'
    )
    example: Path | None = Field(
        default=None,
        description="example of the inputs of a model without a card, .npy, .npz or .safetensors",
    )
    classes: str | None = Field(
        default=None,
        min_length=1,
        description="classes of a model without a card: a file with a name on each line, or names "
        "separated by commas",
    )
    image: str | None = Field(
        default=None,
        description="how a picture becomes an input of a model without a card, as JSON: "
        '{"mode": "L", "resize": [28, 28]}',
    )
    tokens: str | None = Field(
        default=None,
        description='input of token ids of a model without a card, as JSON: {"vocabulary": 1000}',
    )
    features: str | None = Field(
        default=None,
        min_length=1,
        description='columns of the input of a model without a card: "length (cm),width (cm)"',
    )
    units: str | None = Field(
        default=None,
        min_length=1,
        description="unit of the output of a model without a card, or NAME=UNIT,...",
    )
    dynamic: str | None = Field(
        default=None,
        min_length=1,
        description="axes of any length of a model without a card, besides the batch: INPUT:AXIS,"
        "...",
    )
    strip_prefix: str | None = Field(
        default=None,
        min_length=1,
        description="prefix to take off the names of the state, such as module.",
    )
    allow_code: CliImplicitFlag[bool] = Field(
        default=False,
        description="run the Python files that model cards name; without it, such models are "
        "refused",
    )
    backend: Literal["auto", "eager", "onnxruntime"] = Field(
        default="auto",
        description="program that runs the model: eager PyTorch, or ONNX Runtime for a model that "
        "was packed with --onnx; auto takes ONNX Runtime where both are there",
    )
    device: str = Field(
        default="cpu", min_length=1, description="device of the model: cpu, cuda, cuda:N or mps"
    )
    threads: int = Field(
        default=1, ge=1, le=1024, description="threads of one forward pass, in each worker process"
    )
    version_policy: Annotated[str, AfterValidator(_require_policy)] = Field(
        default="latest", description="versions to serve: latest, latest:N, all, or such as 1,3"
    )
    hot_reload: bool = Field(
        default=True, description="load files that change while the service runs"
    )
    admin_token: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="bearer token of POST /models/NAME/load, /unload and /default; without it "
        "and without API keys, these endpoints do not exist",
    )
    api_keys: Path | None = Field(
        default=None,
        description="TOML file of API keys (stateserve key new); without it, no request needs one",
    )
    cors_origins: Origins = Field(
        default=(),
        description="origins whose pages may send requests, separated by commas; * for any",
    )
    trusted_hosts: Patterns = Field(
        default=(),
        description="host names to answer to, separated by commas, such as *.example.com; "
        "without it, any",
    )
    canary: Annotated[str, AfterValidator(partial(_require_target, "canary"))] | None = Field(
        default=None,
        description="NAME:VERSION=SHARE: a version that answers a share of the default's requests",
    )
    shadow: Annotated[str, AfterValidator(partial(_require_target, "shadow"))] | None = Field(
        default=None,
        description="NAME:VERSION or NAME:VERSION=SHARE: a version that predicts on the default's "
        "requests, too, and is compared with it",
    )
    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="address or name to listen on; 0.0.0.0 for any of IPv4, :: for any of IPv4 "
        "and IPv6",
    )
    port: int = Field(default=8000, ge=0, le=65535, description="port to listen on; 0 picks one")
    uds: Path | None = Field(
        default=None,
        description="path of a unix domain socket to listen on, instead of host and port",
    )
    grpc_port: int | None = Field(
        default=None, ge=0, le=65535, description="port to answer gRPC on; 0 picks one"
    )
    workers: int = Field(default=1, ge=1, description="processes that share the port")
    worker_timeout_seconds: float = Field(
        default=30.0,
        ge=0,
        allow_inf_nan=False,
        description="time after which a worker that hangs is killed and replaced; 0 for never",
    )
    max_instances: int = Field(
        default=1_000_000, ge=1, description="most rows in one prediction request"
    )
    max_body_bytes: int = Field(
        default=32 * 2**20, ge=1024, description="most bytes in one request body"
    )
    max_queued_requests: int = Field(
        default=4096, ge=1, description="most small requests waiting for a forward pass"
    )
    max_large_requests: int = Field(
        default=8, ge=1, description="most large requests processed at a time"
    )
    max_header_bytes: int = Field(
        default=32 * 2**10, ge=1024, description="most bytes in the headers of one request"
    )
    header_timeout_seconds: float = Field(
        default=10.0, gt=0, allow_inf_nan=False, description="longest wait for a request's headers"
    )
    body_timeout_seconds: float = Field(
        default=60.0,
        gt=0,
        allow_inf_nan=False,
        description="longest wait for a request's body, and for a client to read its answer",
    )
    request_timeout_seconds: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="longest wait for a prediction without X-Request-Timeout; 0 for no limit",
    )
    keep_alive_seconds: int = Field(
        default=75, ge=1, description="time before an idle connection is closed"
    )
    state_values_limit: int = Field(
        default=1000, ge=0, description="largest tensor whose values /state shows by default"
    )
    prediction_log: SecretStr | None = Field(
        default=None,
        description="database to log predictions to, sqlite:////FOLDER/FILE.db or "
        "postgresql://USER:PASSWORD@HOST/NAME; without it, none are logged",
    )
    prediction_log_flush_seconds: float = Field(
        default=1.0,
        gt=0,
        le=3600,
        allow_inf_nan=False,
        description="longest time before a prediction is logged; a crash loses those not logged",
    )
    prediction_log_retention_days: float = Field(
        default=30.0,
        gt=0,
        allow_inf_nan=False,
        description="age at which logged predictions are deleted",
    )
    prediction_log_max_rows: int = Field(
        default=100_000,
        ge=1,
        description="most predictions waiting to be logged; further ones are dropped and counted",
    )
    prediction_log_timeout_seconds: float = Field(
        default=10.0,
        gt=0,
        le=3600,
        allow_inf_nan=False,
        description="longest wait for one answer of the prediction log's database",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="lowest level of the log records that are written"
    )
    tracing: bool = Field(
        default=False, description="send OpenTelemetry traces, configured by the OTEL_* variables"
    )
    drain_delay_seconds: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="time after SIGTERM in which requests are still accepted, while not ready",
    )
    drain_timeout_seconds: int = Field(
        default=30, ge=1, description="longest wait for requests in flight after SIGTERM"
    )

    @model_validator(mode="before")
    @classmethod
    def _take_state_of_program(cls, given: dict[str, Any]) -> dict[str, Any]:
        """A program of torch.export has a state of its own: without `model` it is the model."""
        code = str(given.get("code"))
        alone = not given.keys() & {"model", "models"}
        return given | {"model": code} if alone and code.endswith(".pt2") else given

    @property
    def targets(self) -> list[Target]:
        """Canary and shadow, if they are set."""
        texts: dict[Kind, str | None] = {"canary": self.canary, "shadow": self.shadow}
        return [Target.parse(kind, text) for kind, text in texts.items() if text]

    @classmethod
    def read(cls, arguments: list[str] | None = None) -> Self:
        """Read the environment and, if given, command line arguments.

        Raises SettingsError, which names the unknown or malformed setting.
        """
        _require_known_variables()
        options: dict[str, Any] = {}
        if arguments is not None:
            options = {"_cli_parse_args": arguments, "_cli_kebab_case": True}
            options |= {"_cli_prog_name": "stateserve serve", "_cli_exit_on_error": False}
        try:
            return cls(**options)
        except CommandLineError as error:
            raise SettingsError(f"{error}; stateserve serve --help lists the options") from None
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = ".".join(map(str, first["loc"]))
            # Do not repeat an invalid token: it may be a real one, only too short.
            found = "" if name == "admin_token" else f", not {first['input']!r}"
            raise SettingsError(f"setting {variable(name)}: {first['msg']}{found}") from None


def variable(field: str) -> str:
    """The environment variable of a field."""
    return f"{PREFIX}{field}".upper()


def _require_known_variables() -> None:
    known = [KEY_VARIABLE, *map(variable, Settings.model_fields)]
    for name in sorted(os.environ):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            nearest = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0)[0]
            raise SettingsError(f"unknown setting {name}; did you mean {nearest}?")
