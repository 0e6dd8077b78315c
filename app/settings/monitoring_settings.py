"""The settings of logs and traces. The docstring of each class is the heading of its options."""

from typing import Literal

from pydantic import BaseModel, Field, SecretStr


class Logs(BaseModel):
    """Log and traces"""

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="lowest level of the log records that are written"
    )
    log_format: Literal["auto", "text", "json"] = Field(
        default="auto",
        description="form of the log's lines: text for people, json for programs; auto is text on "
        "a terminal and json elsewhere",
    )
    tracing: bool = Field(
        default=False, description="send OpenTelemetry traces, configured by the OTEL_* variables"
    )


class PredictionLog(BaseModel):
    """Prediction log"""

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
