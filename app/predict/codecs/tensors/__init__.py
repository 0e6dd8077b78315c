"""The formats of a model with any module: bodies to named arrays, and outputs to bodies."""

from app.predict.codecs.tensors.value_rule import ValueRule

__all__ = ["ValueRule"]
