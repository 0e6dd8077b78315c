"""MLServer.

Followed: MLServer's documentation, "Custom Inference Runtimes", "Adaptive Batching" and
"Parallel Inference" (no pool of workers where there is one core to share).
Settings: settings.json (no access log, no debug, no pool) for all; iris/ batches up to 32 rows
with a wait of at most 1 ms; iris_k6/ has the batch settings of MLServer's own iris benchmark
(benchmarking/testserver/models/iris/model-settings.json: 40 rows, 0.4 s), whose k6 script keeps
200 requests in flight. Its pool of four workers is left out: on one core it cost more than half
of the throughput.
"""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.peers.iris import Iris


class IrisRuntime(MLModel):
    async def load(self) -> bool:
        self.iris = Iris()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        rows = NumpyCodec.decode_input(payload.inputs[0])
        answers = self.iris(rows.tolist())
        probabilities = np.array([list(answer["probabilities"].values()) for answer in answers])
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                StringCodec.encode_output("class", [answer["class"] for answer in answers]),
                NumpyCodec.encode_output("probabilities", probabilities),
            ],
        )
