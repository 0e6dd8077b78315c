"""Ray Serve. Followed and settings: as in server.py."""

from ray import serve
from server import BATCHES, DEPLOYMENT, run
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.peers import lenet


@serve.deployment(**DEPLOYMENT)
class Classifier:
    def __init__(self):
        self.classifier = lenet.Classifier()

    @serve.batch(**BATCHES)
    async def predict(self, bodies):
        return self.classifier(bodies)

    async def __call__(self, request: Request):
        scores = await self.predict(await request.body())
        return Response(scores, media_type="application/octet-stream")


if __name__ == "__main__":
    run(Classifier.bind())
