"""Imports the modules of `stateserve serve`, with its settings of libraries."""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import app.api
import app.cli.run
import app.server  # noqa: F401
