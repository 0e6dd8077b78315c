"""MLflow: save the model, for `mlflow models serve` to serve.

Followed: MLflow's documentation, "MLflow Model Serving" and "Deploy MLflow Model as a Local
Inference Server"; the format (pt2) is the default of mlflow.pytorch.save_model.
Settings: the PyTorch flavour, one uvicorn worker, --env-manager local (no environment is built
at the start). There is no batching and no switch for a log of requests.
The answer is the module's own: log-probabilities, in the order of the card's classes.
"""

import sys
from pathlib import Path

import mlflow
import numpy as np

from benchmarks.peers.iris import Iris

module = Iris().module
rows = np.array([[5.1, 3.5, 1.4, 0.2]], dtype=np.float32)
signature = mlflow.models.infer_signature(rows, rows[:, :3])
library = Path(__file__).parents[3] / "stateserve"
mlflow.pytorch.save_model(
    module, sys.argv[1], signature=signature, input_example=rows, code_paths=[str(library)]
)
