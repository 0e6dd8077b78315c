"""Versions of Python and packages, and the extras: which are there, and what they give."""

import platform
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

from app import __version__
from app.cli.doctor.finding import Finding
from app.settings import Settings

# The only version that the tests run, as in pyproject.toml.
TESTED_PYTHON = (3, 11)


class Extra(NamedTuple):
    """The modules of an extra of pyproject.toml, and what they give."""

    modules: tuple[str, ...]
    gives: str


EXTRAS = {
    "client": Extra(("httpx", "anyio", "narwhals"), "the client, and commands with --url"),
    "images": Extra(("PIL", "multipart"), "pictures and forms as inputs"),
    "explain": Extra(("captum",), "/explain"),
    "onnx": Extra(("onnx", "onnxruntime", "onnxscript"), "ONNX Runtime, and pack --onnx"),
    "grpc": Extra(("grpc", "grpc_health", "grpc_reflection", "google.protobuf"), "--grpc-port"),
    "arrow": Extra(("pyarrow",), "Arrow streams"),
    "excel": Extra(("openpyxl",), "tables of .xlsx"),
    "log": Extra(("sqlalchemy", "psycopg"), "--prediction-log"),
    "otel": Extra(("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"), "--tracing"),
    "train": Extra(("sklearn", "pandas", "scipy", "matplotlib"), "stateserve train"),
}


def check_installation(settings: Settings | None) -> Iterator[Finding]:
    yield Finding("ok", "stateserve", __version__)
    tested = sys.version_info[:2] == TESTED_PYTHON
    hint = "" if tested else "; tested with {}.{} only".format(*TESTED_PYTHON)
    yield Finding("ok" if tested else "warn", "Python", platform.python_version() + hint)
    for name in ("torch", "numpy", "fastapi", "uvicorn"):
        try:
            found = str(getattr(import_module(name), "__version__", ""))
        except Exception as error:
            yield Finding("fail", name, f"cannot be imported: {' '.join(str(error).split())}")
        else:
            yield Finding("ok", name, found)
    wanted = _wanted(settings) if settings else {}
    for name, extra in EXTRAS.items():
        missing = [module for module in extra.modules if not _is_there(module)]
        if not missing:
            yield Finding("ok", f"extra {name}", f"installed: {extra.gives}")
            continue
        option = wanted.get(name)
        why = f"{option} needs it" if option else f"not installed; it gives {extra.gives}"
        detail = f"{why} (no {', '.join(missing)}): pip install '.[{name}]'"
        yield Finding("fail" if option else "ok", f"extra {name}", detail)


def _wanted(settings: Settings) -> dict[str, str]:
    """The extras that the settings need, with the option that does."""
    needs = {
        "grpc": ("--grpc-port", settings.grpc_port is not None),
        "otel": ("--tracing", settings.tracing),
        "log": ("--prediction-log", settings.prediction_log is not None),
        "onnx": ("--backend onnxruntime", settings.backend == "onnxruntime"),
    }
    return {name: option for name, (option, needed) in needs.items() if needed}


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
