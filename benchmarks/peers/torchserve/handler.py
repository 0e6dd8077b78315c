"""TorchServe.

Followed: TorchServe's documentation, "Custom Service" (a BaseHandler with its own preprocess and
postprocess), "Batch Inference with TorchServe", "Performance Checklist" and "Logging".
Settings: config.properties and model-config.yaml beside this file: one worker, batches of up to
32 rows with a wait of at most 1 ms, no access log, metrics for Prometheus and not in the log.
"""

import json

import torch
from ts.torch_handler.base_handler import BaseHandler

from benchmarks.peers.iris import FEATURES, MODELS


class IrisHandler(BaseHandler):
    def initialize(self, context):
        super().initialize(context)
        self.classes = json.loads((MODELS / "iris-model.json").read_text())["classes"]

    def preprocess(self, data):
        flowers = [row.get("data") or row.get("body") for row in data]
        return torch.tensor([[flower[feature] for feature in FEATURES] for flower in flowers])

    def postprocess(self, data):
        return [
            {
                "class": self.classes[max(range(len(row)), key=row.__getitem__)],
                "probabilities": dict(zip(self.classes, row, strict=True)),
            }
            for row in data.exp().tolist()
        ]
