"""The middleware of every request: request id, access log, host check, and answer headers."""

from app.api.middleware.hosts import TrustedHosts
from app.api.middleware.request_id import RequestIds
from app.api.middleware.request_log import PREDICTION_ID, UNRECORDED

__all__ = ["PREDICTION_ID", "UNRECORDED", "RequestIds", "TrustedHosts"]
