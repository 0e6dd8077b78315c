"""Turns a body into an answer: decode, wait for a batch, run the forward pass, encode.

Every protocol calls the same endpoint. Raises errors of app.errors. Knows no registry.
"""

from app.predict.batching import Waiter
from app.predict.deadline import HEADER, IN_SCOPE, PARAMETER, Deadline
from app.predict.endpoint import AnyEndpoint, Endpoint
from app.predict.headers import HEAD, MOST_DIGITS, REQUEST_ID, Body, Headers, RawHeader
from app.predict.instances import Instances
from app.predict.json_pointer import escape
from app.predict.large_requests import HeldMemory, LargeRequests
from app.predict.media_types import (
    ARROW,
    CSV,
    JSON,
    MULTIPART,
    NPY,
    NPZ,
    PNG,
    SAFETENSORS,
    UNDECLARED,
    UNDECLARED_TYPES,
    MediaType,
    choose_media_type,
)
from app.predict.model_endpoint import MAX_LOOP_BYTES, Call, ModelEndpoint
from app.predict.observer import Answered, AnsweredRequest, Observer, PassRecord, QueuedRequest
from app.predict.options import DEFAULT_OPTIONS, Options
from app.predict.pending_answer import PendingAnswer, current_answer
from app.predict.pipeline import Predicted, Rows
from app.predict.prediction import ForwardPass, Prediction
from app.predict.returned_memory import return_free_memory
from app.predict.rows import LARGEST
from app.predict.tabular_endpoint import TabularEndpoint
from app.predict.tabular_pipeline import CHUNK_ROWS, MAX_BATCHED_ROWS, TabularPipeline
from app.predict.tensor_endpoint import TensorEndpoint
from app.predict.tensors.pipeline import TensorPipeline
from app.predict.tensors.prediction import TensorPass, TensorPrediction

__all__ = [
    "ARROW",
    "CHUNK_ROWS",
    "CSV",
    "DEFAULT_OPTIONS",
    "HEAD",
    "HEADER",
    "IN_SCOPE",
    "JSON",
    "LARGEST",
    "MAX_BATCHED_ROWS",
    "MAX_LOOP_BYTES",
    "MOST_DIGITS",
    "MULTIPART",
    "NPY",
    "NPZ",
    "PARAMETER",
    "PNG",
    "REQUEST_ID",
    "SAFETENSORS",
    "UNDECLARED",
    "UNDECLARED_TYPES",
    "Answered",
    "AnsweredRequest",
    "AnyEndpoint",
    "Body",
    "Call",
    "Deadline",
    "Endpoint",
    "ForwardPass",
    "Headers",
    "HeldMemory",
    "Instances",
    "LargeRequests",
    "MediaType",
    "ModelEndpoint",
    "Observer",
    "Options",
    "PassRecord",
    "PendingAnswer",
    "Predicted",
    "Prediction",
    "QueuedRequest",
    "RawHeader",
    "Rows",
    "TabularEndpoint",
    "TabularPipeline",
    "TensorEndpoint",
    "TensorPass",
    "TensorPipeline",
    "TensorPrediction",
    "Waiter",
    "choose_media_type",
    "current_answer",
    "escape",
    "return_free_memory",
]
