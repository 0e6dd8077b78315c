"""Ray Serve. Followed and settings: as in server.py."""

import sys

import ray
from ray import serve
from ray.serve.schema import LoggingConfig
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.peers import lenet


@serve.deployment(
    num_replicas=1,
    max_ongoing_requests=100,
    logging_config=LoggingConfig(enable_access_log=False, log_level="WARNING"),
)
class Classifier:
    def __init__(self):
        self.classifier = lenet.Classifier()

    @serve.batch(max_batch_size=32, batch_wait_timeout_s=0.001)
    async def predict(self, bodies):
        return self.classifier(bodies)

    async def __call__(self, request: Request):
        scores = await self.predict(await request.body())
        return Response(scores, media_type="application/octet-stream")


if __name__ == "__main__":
    ray.init(num_cpus=1, include_dashboard=False, configure_logging=False)
    serve.start(
        http_options={"host": "127.0.0.1", "port": int(sys.argv[1])},
        logging_config=LoggingConfig(enable_access_log=False, log_level="WARNING"),
    )
    serve.run(Classifier.bind(), route_prefix="/predict", blocking=True)
