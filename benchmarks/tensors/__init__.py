"""Ratios of models with any module: to bare forward passes, and to FastAPI's usual endpoint."""
