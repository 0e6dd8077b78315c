"""The settings of the HTTP and gRPC service. Each docstring is the heading of the options."""

from pathlib import Path

from pydantic import BaseModel, Field, SecretStr

from app.settings.host_names import Origins, Patterns


class Address(BaseModel):
    """Address"""

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


class Access(BaseModel):
    """Access"""

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


class Limits(BaseModel):
    """Limits of requests"""

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
        default=8, ge=1, description="most large requests in work at a time"
    )
    max_header_bytes: int = Field(
        default=32 * 2**10,
        ge=1024,
        description="most bytes in one request's headers, chunk extensions and trailers",
    )
    state_values_limit: int = Field(
        default=1000, ge=0, description="largest tensor whose values /state shows by default"
    )


class Times(BaseModel):
    """Times"""

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
    drain_delay_seconds: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="time after SIGTERM in which requests are still accepted, while not ready",
    )
    drain_timeout_seconds: int = Field(
        default=30, ge=1, description="longest wait for requests in flight after SIGTERM"
    )
