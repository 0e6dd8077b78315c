"""A network behind FastAPI, as most people write it: a forward for each request, in a thread.

The variable NETWORK names a class of benchmarks.tensors.networks, STATE a file of its state.
Followed: FastAPI's documentation, "Using the Request Directly" and "Custom Response".
"""

import io
import os

import numpy as np
import torch
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from benchmarks.tensors import networks

torch.set_num_threads(1)
app = FastAPI()
module = getattr(networks, os.environ["NETWORK"])()
module.load_state_dict(torch.load(os.environ["STATE"], weights_only=True))
module.eval()


def forward(body: bytes) -> bytes:
    with torch.inference_mode():
        found = module(torch.from_numpy(np.load(io.BytesIO(body)))).numpy()
    answer = io.BytesIO()
    np.save(answer, found)
    return answer.getvalue()


@app.post("/predict")
async def predict(request: Request) -> Response:
    answer = await run_in_threadpool(forward, await request.body())
    return Response(answer, media_type="application/x-npy")
