"""The servers of the comparison with LeNet, by binary bodies where the server takes them."""

import base64
import io
import json
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from benchmarks.peers import contenders, lenet
from benchmarks.peers.contender import HERE, Contender

NPY = "application/x-npy"
RAW = "application/octet-stream"
PICTURE = lenet.PICTURE.numpy()
_file = io.BytesIO()
np.save(_file, PICTURE)
NPY_PICTURE = _file.getvalue()


def _best(scores: bytes) -> str:
    return str(int(np.frombuffer(scores, np.float32).argmax()))


def _npy_class(answer: bytes) -> str:
    return str(int(np.load(io.BytesIO(answer)).argmax()))


def _base64_class(answer: bytes) -> str:
    return _best(base64.b64decode(json.loads(answer)["scores"]))


with torch.inference_mode():
    DIGIT = str(int(lenet.make()(lenet.PICTURE).argmax()))
_PICTURE = base64.b64encode(PICTURE.tobytes()).decode()
ECHO = replace(
    contenders.ECHO,
    body=NPY_PICTURE,
    content_type=NPY,
    class_of=lambda answer: DIGIT if answer == NPY_PICTURE else "another body",
    right=DIGIT,
    connections=(32, 1),
)
OURS = Contender(
    name="this service",
    folder=contenders.OURS.folder,
    # Packing exports the ONNX graph.
    pip=("-e", ".[onnx]", "-c", "constraints.txt"),
    prepare="{bin}/python -m benchmarks.peers.lenet {built}",
    start="{bin}/stateserve serve --port {ports[0]} --models {built} --model lenet --allow-code",
    path="/predict",
    body=NPY_PICTURE,
    content_type=NPY,
    class_of=_npy_class,
    right=DIGIT,
    settings="`stateserve serve` as it comes, npy in and out, eager PyTorch",
)
OURS_ONNX = replace(
    OURS,
    name="this service, ONNX Runtime",
    start=OURS.start.replace("--model lenet", "--model lenet_onnx"),
    settings="the same with a packed ONNX graph",
)
# By raw float32 in and out.
_raw = partial(Contender, body=PICTURE.tobytes(), content_type=RAW, class_of=_best, right=DIGIT)
PEERS = (
    _raw(
        name="FastAPI",
        folder=HERE / "fastapi",
        start="{bin}/uvicorn lenet:app --port {ports[0]} --no-access-log",
        path="/predict",
        settings="raw float32 in and out, a forward per request in a thread, no access log",
    ),
    Contender(
        name="LitServe",
        folder=HERE / "litserve",
        start="{bin}/python lenet.py {ports[0]}",
        path="/predict",
        body=json.dumps({"picture": _PICTURE}).encode(),
        class_of=_base64_class,
        right=DIGIT,
        settings="base64 in JSON, since it reads JSON or forms; 1 worker, batches of 32 within "
        "1 ms, fast_queue, log level warning",
    ),
    _raw(
        name="Ray Serve",
        folder=HERE / "ray_serve",
        start="{bin}/python lenet.py {ports[0]}",
        path="/predict",
        environment=contenders.RAY,
        settings="raw float32 in and out; 1 replica, batches of 32 within 1 ms, high throughput "
        "mode with HAProxy, no access log",
    ),
    _raw(
        name="TorchServe",
        folder=HERE / "torchserve",
        prepare="{bin}/torch-model-archiver --model-name lenet --version 1 --force "
        "--handler lenet.py --config-file model-config.yaml --export-path {built}",
        start="{bin}/torchserve --start --foreground --ncs --model-store {built} "
        "--models lenet=lenet.mar --ts-config config.properties --log-config log4j2.xml",
        path="/predictions/lenet",
        environment=contenders.TORCHSERVE,
        settings="raw float32 in and out, eager handler, 1 worker, batches of 32 within 1 ms, "
        "no access log",
    ),
)
CONTENDERS = (ECHO, OURS, OURS_ONNX, *PEERS)
