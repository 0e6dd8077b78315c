"""Networks with binary bodies from 32 connections: the service relative to a bare forward, to
FastAPI's usual endpoint and to itself with ONNX Runtime, all on the same core in turn."""

import io
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch

from benchmarks import echo
from benchmarks.load import run_load
from benchmarks.ratio import Ratio, print_table
from benchmarks.request import Request
from benchmarks.server import SERVER_CORE, free_ports, running_server
from benchmarks.single import service_command
from benchmarks.tensors import networks
from benchmarks.turns import Turns, take_turns
from stateserve import save_model

CONNECTIONS = 32
RAW_GOALS = {"LeNet": "at least 0.85", "ResNet18": "at least 0.90"}
USUAL_GOALS = {"LeNet": "at least 3.5", "ResNet18": ""}
ONNX_GOALS = {"LeNet": "at least 2", "ResNet18": ""}


def measure(rounds: int, seconds: int) -> list[Ratio]:
    return [ratio for name in networks.NETWORKS for ratio in _measure(name, rounds, seconds)]


def _measure(name: str, rounds: int, seconds: int) -> list[Ratio]:
    found: list[tuple[dict[str, Turns], float]] = []
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        requests = _start(stack, Path(folder), name)
        for _ in range(rounds):
            before = _raw(name)
            turns = take_turns(requests, connections=CONNECTIONS, seconds=seconds)
            found.append((turns, (before + _raw(name)) / 2))
    return _ratios(name, found)


def _start(stack: ExitStack, folder: Path, name: str) -> dict[str, Request]:
    """Start each server, until the end of `stack`; the requests to them, by name."""
    kind, shape = networks.NETWORKS[name]
    ports = free_ports(4)
    torch.manual_seed(0)
    code = f"{shutil.copy(networks.__file__, folder)}:{name}"
    module, example = kind().eval(), torch.rand(3, *shape)
    eager, graph = (folder / backend for backend in ("eager", "onnx"))
    state = save_model(module, example, eager / name / "1", code=code)
    save_model(module, example, graph / name / "1", code=code, onnx=True)
    options = ("--model", name, "--allow-code", "--models")
    usual = [sys.executable, "-m", "uvicorn", "benchmarks.tensors.usual_endpoint:app"]
    commands = {
        "service": service_command(ports[0], *options, str(eager)),
        "usual": [*usual, *echo.SETTINGS, "--port", str(ports[1])],
        "onnx": service_command(ports[2], *options, str(graph), "--backend", "onnxruntime"),
        "echo": echo.command(ports[3]),
    }
    environment = {"NETWORK": name, "STATE": str(state)}
    requests = {}
    for (server, command), port in zip(commands.items(), ports, strict=True):
        request, log = _request(port, shape), folder / f"{server}.log"
        stack.enter_context(running_server(command, request.send, log=log, environment=environment))
        run_load(request, connections=CONNECTIONS, seconds=1)
        requests[server] = request
    return requests


def _ratios(name: str, found: list[tuple[dict[str, Turns], float]]) -> list[Ratio]:
    to_raw, to_usual, of_onnx, of_echo = [], [], [], []
    for turns, raw in found:
        service, bare = turns["service"].throughput, turns["echo"].throughput
        to_raw.append(service / raw)
        # A server whose requests cost as much as the echo's, and nothing else but the forward.
        of_echo.append(bare / (bare + raw))
        to_usual.append(service / turns["usual"].throughput)
        of_onnx.append(turns["onnx"].throughput / service)
    title = f"{name}, {CONNECTIONS} connections"
    best = max(turns["service"].throughput for turns, _ in found)
    return [
        Ratio(f"{title}: to the best bare forward (best {best:.0f}/s)", to_raw, RAW_GOALS[name]),
        Ratio(f"{title}: bare echo and bare forward in turn, to the forward", of_echo, ""),
        Ratio(f"{title}: to FastAPI's usual endpoint", to_usual, USUAL_GOALS[name]),
        Ratio(f"{title}: with ONNX Runtime, to eager", of_onnx, ONNX_GOALS[name]),
    ]


def _request(port: int, shape: tuple[int, ...]) -> Request:
    body = io.BytesIO()
    np.save(body, np.random.default_rng(0).random((1, *shape), np.float32))
    headers = {"Content-Type": "application/x-npy"}
    return Request(f"http://127.0.0.1:{port}/predict", body.getvalue(), headers)


def _raw(name: str) -> float:
    """Rows a second of the network alone, on the servers' core."""
    command = [sys.executable, "-m", "benchmarks.tensors.raw_forward", name]
    pinned = ["taskset", "--cpu-list", str(SERVER_CORE), *command]
    done = subprocess.run(pinned, check=True, capture_output=True, text=True, env=os.environ)
    return float(done.stdout)


def main(rounds: int = 3, seconds: int = 3) -> None:
    """Measure these ratios alone."""
    print_table(measure(rounds, seconds))
