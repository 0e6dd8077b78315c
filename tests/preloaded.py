"""What `stateserve serve` imports before it listens, with what it sets before it does."""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import app.api
import app.cli.run
import app.server  # noqa: F401
