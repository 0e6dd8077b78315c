"""The servers of the comparison with iris. Each peer's files name the page of its documentation."""

import json
import sys

from benchmarks import echo
from benchmarks.peers.contender import HERE, ROOT, SPECIES, Contender
from benchmarks.request import FLOWER

CLASSES = ("setosa", "versicolor", "virginica")
ROW = list(FLOWER.values())
_TENSOR = {"name": "input-0", "shape": [1, 4], "datatype": "FP32", "data": ROW}
V2 = json.dumps({"inputs": [_TENSOR]}).encode()


def _v2_class(answer: bytes) -> str:
    return str(json.loads(answer)["outputs"][0]["data"][0])


def _mlflow_class(answer: bytes) -> str:
    row = json.loads(answer)["predictions"][0]
    return CLASSES[row.index(max(row))]


ECHO = Contender(
    name="echo",
    folder=ROOT,
    pip=(),
    start=f"{sys.executable} -m uvicorn benchmarks.echo:app {' '.join(echo.SETTINGS)} "
    "--port {ports[0]}",
    path="/",
    # It has no classes: the correct answer is the request.
    class_of=lambda answer: SPECIES if json.loads(answer) == FLOWER else repr(answer),
    settings="the unit: a bare ASGI application on uvicorn, no model",
    connections=(32, 1, 200),
)
OURS = Contender(
    name="this service",
    folder=ROOT,
    pip=("-e", ".", "-c", "constraints.txt"),
    start="{bin}/stateserve serve --port {ports[0]}",
    path="/predict",
    settings="`stateserve serve` as it comes: range warnings, metrics, limits all on",
    connections=(32, 1, 200),
)
_MLSERVER = {
    "MLSERVER_HOST": "127.0.0.1",
    "MLSERVER_HTTP_PORT": "{ports[0]}",
    "MLSERVER_GRPC_PORT": "{ports[1]}",
    "MLSERVER_METRICS_PORT": "{ports[2]}",
}
RAY = {"RAY_SERVE_THROUGHPUT_OPTIMIZED": "1", "RAY_SERVE_ENABLE_HA_PROXY": "1"}
TORCHSERVE = {
    "TS_INFERENCE_ADDRESS": "http://127.0.0.1:{ports[0]}",
    "TS_MANAGEMENT_ADDRESS": "http://127.0.0.1:{ports[1]}",
    "TS_METRICS_ADDRESS": "http://127.0.0.1:{ports[2]}",
    "TS_GRPC_INFERENCE_PORT": "{ports[3]}",
    "TS_GRPC_MANAGEMENT_PORT": "{ports[4]}",
    "LOG_LOCATION": "{built}",
    "METRICS_LOCATION": "{built}",
}
PEERS = (
    Contender(
        name="FastAPI",
        folder=HERE / "fastapi",
        start="{bin}/uvicorn server:app --port {ports[0]} --no-access-log",
        path="/predict",
        settings="`def` endpoint, pydantic in and out, a forward per request, no access log",
    ),
    Contender(
        name="LitServe",
        folder=HERE / "litserve",
        start="{bin}/python server.py {ports[0]}",
        path="/predict",
        settings="1 worker, batches of 32 within 1 ms, fast_queue, log level warning",
    ),
    Contender(
        name="BentoML",
        folder=HERE / "bentoml",
        start="{bin}/bentoml serve service:Iris --host 127.0.0.1 --port {ports[0]}",
        path="/predict",
        body=json.dumps({"flowers": [FLOWER]}).encode(),
        class_of=lambda answer: str(json.loads(answer)[0]["class"]),
        settings="1 worker, adaptive batching up to 32, no access log",
    ),
    Contender(
        name="Ray Serve",
        folder=HERE / "ray_serve",
        start="{bin}/python server.py {ports[0]}",
        path="/predict",
        environment=RAY,
        settings="1 replica, batches of 32 within 1 ms, high throughput mode with HAProxy, "
        "no access log",
    ),
    Contender(
        name="MLServer",
        folder=HERE / "mlserver",
        start="{bin}/mlserver start .",
        path="/v2/models/iris/infer",
        body=V2,
        class_of=_v2_class,
        environment=_MLSERVER,
        settings="custom runtime, v2 REST, batches of 32 within 1 ms, no worker pool, "
        "no access log",
        connections=(32, 1, 200),
    ),
    Contender(
        name="MLServer as in its k6 script",
        folder=HERE / "mlserver",
        start="{bin}/mlserver start .",
        path="/v2/models/iris-k6/infer",
        body=V2,
        class_of=_v2_class,
        environment=_MLSERVER,
        settings="its own iris benchmark's batches of 40 within 0.4 s, 200 requests in flight",
        connections=(200,),
    ),
    Contender(
        name="TorchServe",
        folder=HERE / "torchserve",
        prepare="{bin}/torch-model-archiver --model-name iris --version 1 --force "
        "--model-file {root}/stateserve/model/architectures/multiclass.py "
        "--serialized-file {root}/models/iris-model.pth "
        "--handler handler.py --config-file model-config.yaml --export-path {built}",
        start="{bin}/torchserve --start --foreground --ncs --model-store {built} "
        "--models iris=iris.mar --ts-config config.properties --log-config log4j2.xml",
        path="/predictions/iris",
        environment=TORCHSERVE,
        settings="eager handler, 1 worker, batches of 32 within 1 ms, no access log",
    ),
    Contender(
        name="MLflow",
        folder=HERE / "mlflow",
        prepare="{bin}/python save.py {built}",
        start="{bin}/mlflow models serve -m {built} --env-manager local "
        "-h 127.0.0.1 -p {ports[0]} -w 1",
        path="/invocations",
        body=json.dumps({"inputs": [ROW]}).encode(),
        class_of=_mlflow_class,
        settings="PyTorch flavour (pt2), 1 worker; it has no batching, and logs each request",
    ),
)
CONTENDERS = (ECHO, OURS, *PEERS)
