"""FastAPI, as most people write it: a `def` endpoint, pydantic in and out, a forward per request.

Followed: FastAPI's documentation, "Request Body", "Response Model" and "Concurrency", which
says to use `def` for code that blocks, and "Run a Server Manually".
Settings: one worker, uvicorn[standard] (uvloop, httptools), no access log.
"""

from fastapi import FastAPI
from pydantic import BaseModel, Field

from benchmarks.peers.iris import Iris

app = FastAPI()
iris = Iris()


class Flower(BaseModel):
    sepal_length: float
    sepal_width: float
    petal_length: float
    petal_width: float


class Prediction(BaseModel):
    name: str = Field(alias="class")
    probabilities: dict[str, float]


@app.post("/predict")
def predict(flower: Flower) -> Prediction:
    row = [flower.sepal_length, flower.sepal_width, flower.petal_length, flower.petal_width]
    return Prediction(**iris([row])[0])
