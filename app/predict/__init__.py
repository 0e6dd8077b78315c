"""Turns a body into an answer: decode, wait for a batch, run the forward pass, encode.

Every protocol calls the same endpoint. Raises errors of app.errors. Knows no registry.
"""

from app.predict.batching import Waiter
from app.predict.body import MOST_DIGITS, Body, read_body, read_json, require_plain
from app.predict.deadline import HEADER, IN_SCOPE, PARAMETER, Deadline
from app.predict.endpoint import MAX_LOOP_BYTES, PredictFace, media_types
from app.predict.headers import HEAD, Headers, RawHeader
from app.predict.large_requests import LargeRequests
from app.predict.media_types import JSON, NPY, SAFETENSORS, choose_media_type
from app.predict.observer import Answered, AnsweredRequest, Observer, PassRecord, QueuedRequest
from app.predict.options import NOTHING_MORE, Asked
from app.predict.pipeline import CHUNK_ROWS, MAX_BATCHED_ROWS, Inference
from app.predict.prediction import ForwardPass, Prediction
from app.predict.tally import Tally, current_tally

__all__ = [
    "CHUNK_ROWS",
    "HEAD",
    "HEADER",
    "IN_SCOPE",
    "JSON",
    "MAX_BATCHED_ROWS",
    "MAX_LOOP_BYTES",
    "MOST_DIGITS",
    "NOTHING_MORE",
    "NPY",
    "PARAMETER",
    "SAFETENSORS",
    "Answered",
    "AnsweredRequest",
    "Asked",
    "Body",
    "Deadline",
    "ForwardPass",
    "Headers",
    "Inference",
    "LargeRequests",
    "Observer",
    "PassRecord",
    "PredictFace",
    "Prediction",
    "QueuedRequest",
    "RawHeader",
    "Tally",
    "Waiter",
    "choose_media_type",
    "current_tally",
    "media_types",
    "read_body",
    "read_json",
    "require_plain",
]
