"""Ray Serve.

Followed: Ray's documentation, "Dynamic Request Batching", "Performance Tuning" and "Enable High
Throughput on Ray Serve with KubeRay" (its two environment variables need no Kubernetes).
Settings: one replica, batches of up to 32 rows with a wait of at most 1 ms, 100 requests at once
in the replica, no access log, and high throughput mode: RAY_SERVE_THROUGHPUT_OPTIMIZED=1 and
RAY_SERVE_ENABLE_HA_PROXY=1, which served more than 10 times as much as the Python proxy.
"""

import sys

import ray
from ray import serve
from ray.serve.schema import LoggingConfig
from starlette.requests import Request

from benchmarks.peers.iris import FEATURES, Iris

DEPLOYMENT = {
    "num_replicas": 1,
    "max_ongoing_requests": 100,
    "logging_config": LoggingConfig(enable_access_log=False, log_level="WARNING"),
}
BATCHES = {"max_batch_size": 32, "batch_wait_timeout_s": 0.001}


@serve.deployment(**DEPLOYMENT)
class Classifier:
    def __init__(self):
        self.iris = Iris()

    @serve.batch(**BATCHES)
    async def predict(self, rows):
        return self.iris(rows)

    async def __call__(self, request: Request):
        flower = await request.json()
        return await self.predict([flower[feature] for feature in FEATURES])


def run(application):
    """Serve `application` on the port that the command line names."""
    ray.init(num_cpus=1, include_dashboard=False, configure_logging=False)
    serve.start(
        http_options={"host": "127.0.0.1", "port": int(sys.argv[1])},
        logging_config=DEPLOYMENT["logging_config"],
    )
    serve.run(application, route_prefix="/predict", blocking=True)


if __name__ == "__main__":
    run(Classifier.bind())
