"""Opens features that need optional packages, if they are set; reports a missing package."""

from typing import TYPE_CHECKING

from app.monitor.metrics import Metrics
from app.monitor.prediction_log.writer import PredictionLog
from app.settings import Settings
from stateserve.errors import MissingExtra

if TYPE_CHECKING:
    from app.monitor.tracing import Tracing


def open_tracing(settings: Settings) -> "Tracing | None":
    """Raises SettingsError or MissingExtra."""
    if not settings.tracing:
        return None
    try:
        # Imported here, because only tracing needs the SDK.
        from app.monitor.tracing import Tracing
    except ImportError:
        raise MissingExtra("tracing needs OpenTelemetry: pip install '.[otel]'") from None
    return Tracing()


def open_prediction_log(settings: Settings, metrics: Metrics) -> PredictionLog | None:
    """Raises SettingsError or MissingExtra."""
    if settings.prediction_log is None:
        return None
    try:
        # Imported here, because only the prediction log needs SQLAlchemy.
        from app.monitor.prediction_log.database import LogDatabase
        from app.monitor.prediction_log.engine import make_engine
    except ImportError:
        raise MissingExtra("the prediction log needs SQLAlchemy: pip install '.[log]'") from None
    address, seconds = settings.prediction_log, settings.prediction_log_timeout_seconds
    return PredictionLog(
        LogDatabase(make_engine(address.get_secret_value(), seconds)),
        metrics,
        flush_seconds=settings.prediction_log_flush_seconds,
        retention_days=settings.prediction_log_retention_days,
        max_rows=settings.prediction_log_max_rows,
        timeout_seconds=seconds,
    )
