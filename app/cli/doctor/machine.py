"""Processor, devices, the limit of open files, and whether the addresses are free."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

from app.addresses import bind, remove_stale, require_free_port
from app.cli.doctor.finding import Finding
from app.errors import SettingsError
from app.settings import Settings
from stateserve.errors import StateserveError

# Fewer connections at a time than this are too few for a public service.
FEW_FILES = 4096


def check_machine(settings: Settings) -> Iterator[Finding]:
    yield from _check_processor(settings)
    yield _check_device(settings)
    # The service raises its own limit to the hard one.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    many = hard == resource.RLIM_INFINITY or hard >= FEW_FILES
    text = "unlimited" if hard == resource.RLIM_INFINITY else str(hard)
    hint = "" if many else f"; each connection takes one: ulimit -Hn {FEW_FILES}"
    yield Finding("ok" if many else "warn", "open files", f"at most {text}{hint}")
    if settings.uds is not None:
        yield _check_socket(settings, settings.uds)
    else:
        yield _check_port("port", settings.host, settings.port)
    if settings.grpc_port is not None:
        yield _check_port("grpc_port", settings.host, settings.grpc_port)


def _check_processor(settings: Settings) -> Iterator[Finding]:
    import torch

    features = torch.backends.cpu.get_cpu_capability()
    slow = features in ("DEFAULT", "NO AVX")
    yield Finding("warn" if slow else "ok", "processor", f"{features}{' only' if slow else ''}")
    cores, busy = usable_cores(), settings.workers * settings.threads
    detail = f"{cores:g} cores; {settings.workers} worker(s) of {settings.threads} thread(s)"
    if busy > cores:
        detail += ": more than cores, they take time from each other"
    yield Finding("warn" if busy > cores else "ok", "threads", detail)


def usable_cores() -> float:
    """The cores that this process may use; a container may have a share of them."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = float(len(affinity(0)) if affinity else os.cpu_count() or 1)
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:  # noqa: PTH123
            quota, period = file.read().split()
            return min(cores, int(quota) / int(period))
    except (OSError, ValueError):
        return cores


def _check_device(settings: Settings) -> Finding:
    import torch

    from stateserve.model import require_device

    there = ["cpu"]
    there += [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    there += ["mps"] if torch.backends.mps.is_available() else []
    try:
        require_device(settings.device)
    except StateserveError as error:
        return Finding("fail", "device", f"{error}; available: {', '.join(there)}")
    return Finding("ok", "device", f"{settings.device}; available: {', '.join(there)}")


def _check_port(setting: str, host: str, port: int) -> Finding:
    try:
        require_free_port(setting, host, port)
    except SettingsError as error:
        return Finding("fail", setting.replace("_", " "), str(error))
    return Finding("ok", setting.replace("_", " "), f"{host} port {port} is free")


def _check_socket(settings: Settings, path: Path) -> Finding:
    try:
        for each in bind(settings, backlog=1):
            each.close()
        remove_stale(path)
    except SettingsError as error:
        return Finding("fail", "uds", str(error))
    return Finding("ok", "uds", f"{path} is free")
