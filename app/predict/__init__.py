"""Turns a body into an answer: decode, wait for a batch, run the forward pass, encode.

Every protocol calls the same endpoint. Raises errors of app.errors. Knows no registry.
"""

from app.predict.batching import Waiter
from app.predict.deadline import HEADER, IN_SCOPE, PARAMETER, Deadline
from app.predict.endpoint import MAX_LOOP_BYTES, Call, Endpoint, ModelEndpoint, media_types
from app.predict.headers import HEAD, MOST_DIGITS, REQUEST_ID, Body, Headers, RawHeader
from app.predict.large_requests import LargeRequests
from app.predict.media_types import JSON, NPY, SAFETENSORS, MediaType, choose_media_type
from app.predict.observer import Answered, AnsweredRequest, Observer, PassRecord, QueuedRequest
from app.predict.options import DEFAULT_OPTIONS, Options
from app.predict.pipeline import CHUNK_ROWS, MAX_BATCHED_ROWS, Inference
from app.predict.prediction import ForwardPass, Prediction
from app.predict.tally import Tally, current_tally

__all__ = [
    "CHUNK_ROWS",
    "DEFAULT_OPTIONS",
    "HEAD",
    "HEADER",
    "IN_SCOPE",
    "JSON",
    "MAX_BATCHED_ROWS",
    "MAX_LOOP_BYTES",
    "MOST_DIGITS",
    "NPY",
    "PARAMETER",
    "REQUEST_ID",
    "SAFETENSORS",
    "Answered",
    "AnsweredRequest",
    "Body",
    "Call",
    "Deadline",
    "Endpoint",
    "ForwardPass",
    "Headers",
    "Inference",
    "LargeRequests",
    "MediaType",
    "ModelEndpoint",
    "Observer",
    "Options",
    "PassRecord",
    "Prediction",
    "QueuedRequest",
    "RawHeader",
    "Tally",
    "Waiter",
    "choose_media_type",
    "current_tally",
    "media_types",
]
