"""FastAPI with a body that it does not parse: a forward per request, in a thread.

Followed: FastAPI's documentation, "Using the Request Directly" and "Custom Response".
Settings: as in server.py.
"""

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from benchmarks.peers.lenet import Classifier

app = FastAPI()
classifier = Classifier()


@app.post("/predict")
async def predict(request: Request) -> Response:
    (scores,) = await run_in_threadpool(classifier, [await request.body()])
    return Response(scores, media_type="application/octet-stream")
