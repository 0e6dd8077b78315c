"""What every request passes: its id, its record, its host, and the headers of its answer."""

from app.api.middleware.hosts import TrustedHosts
from app.api.middleware.request_id import RequestIds
from app.api.middleware.request_log import PREDICTION_ID, UNRECORDED

__all__ = [
    "PREDICTION_ID",
    "UNRECORDED",
    "RequestIds",
    "TrustedHosts",
]
