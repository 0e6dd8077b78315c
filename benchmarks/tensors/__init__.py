"""Ratios of models with any module: against bare forward passes, and FastAPI's usual endpoint."""

from benchmarks.tensors.ratios import measure

__all__ = ["measure"]
