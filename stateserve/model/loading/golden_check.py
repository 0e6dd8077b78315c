"""Checks that a loaded model reproduces its golden outputs."""

from dataclasses import replace
from functools import partial

from stateserve.errors import CardMismatch, StateserveError
from stateserve.model.backends.eager import Eager
from stateserve.model.backends.memory_format import keeps_channels_last
from stateserve.model.tensor_model import TensorModel


def checked(model: TensorModel) -> TensorModel:
    """The model; its golden outputs were reproduced by a backend that is not kept.

    If its ONNX graph does not reproduce them, and the operator did not choose it, the model is
    returned without it. Raises CardMismatch, UnsafeCheckpoint or MissingExtra.
    """
    choice = model.choice
    if choice.name == "onnxruntime" and model.graph is None:
        raise CardMismatch("the model has no ONNX graph; `stateserve pack --onnx` writes one")
    if model.graph and choice.takes_graph():
        try:
            model.require_golden_outputs(model.open_backend())
            return model
        except StateserveError as error:
            if choice.name == "onnxruntime":
                raise
            model = replace(model, graph_fault=str(error))
    if choice.may_change_format() and keeps_channels_last(
        model.module, partial(_check_on_processor, model)
    ):
        return replace(model, channels_last=True)
    _check_on_processor(model)
    return model


def _check_on_processor(model: TensorModel) -> None:
    # A device would not survive a fork. The first use checks the device.
    model.require_golden_outputs(Eager(model.module, model.signature))
