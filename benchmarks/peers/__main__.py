"""`python -m benchmarks.peers [iris|lenet]`: install all, measure all, write table and plot."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from benchmarks.load import LOAD_CORE, LoadFailed
from benchmarks.peers import contenders, lenet_contenders
from benchmarks.peers.contender import Contender
from benchmarks.peers.environment import InstallFailed, install, install_bytes, prepare
from benchmarks.peers.measurement import Measurement, measure
from benchmarks.peers.results import Results
from benchmarks.server import ServerFailed

console = Console(highlight=False, soft_wrap=True)
RESULTS = Path(__file__).parents[1] / "results"


CONTENDERS = {"iris": contenders.CONTENDERS, "lenet": lenet_contenders.CONTENDERS}


def run(
    model: Annotated[Literal["iris", "lenet"], typer.Argument()] = "iris",
    only: Annotated[
        list[str] | None, typer.Option(help="A server's name; may be repeated.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    seconds: Annotated[int, typer.Option(min=1, max=60, help="Of each load.")] = 4,
    output: Annotated[Path, typer.Option(help="Folder for the .csv, .md and .png.")] = RESULTS,
) -> None:
    """Compare this service with its peers on one core, in units of a bare ASGI echo."""
    known = CONTENDERS[model]
    names = [contender.name for contender in known]
    if unknown := sorted(set(only or ()) - set(names)):
        raise typer.BadParameter(f"no {', '.join(unknown)}; there are {', '.join(names)}")
    chosen = [c for c in known if not only or c.name in only or c.name == contenders.ECHO.name]
    results = Results(chosen, rounds, seconds, model=model)
    for contender in chosen:
        _install(contender, results)
    # From here on: probes and wrk share a core, and the server has the other to itself.
    os.sched_setaffinity(0, {LOAD_CORE})
    for number in range(1, rounds + 1):
        for contender in chosen:
            if contender.name not in results.failures:
                _measure(contender, number, results)
    results.write(output)
    console.print(results.markdown())


def _install(contender: Contender, results: Results) -> None:
    console.print(f"install {contender.name}")
    try:
        install(contender)
        results.install_bytes[contender.name] = install_bytes(contender)
        prepare(contender)
    except InstallFailed as error:
        results.fail(contender.name, f"cannot be installed here: {error}")


def _measure(contender: Contender, number: int, results: Results) -> None:
    try:
        measurements = measure(contender, number, results.seconds)
    except (ServerFailed, LoadFailed) as error:
        results.fail(contender.name, f"round {number}: {error}")
        console.print(f"round {number} {contender.name}: {error}")
        return
    results.measurements += measurements
    for measurement in measurements:
        console.print(_line(measurement))


def _line(measurement: Measurement) -> str:
    load = measurement.load
    return (
        f"round {measurement.round} {measurement.name}, {measurement.connections} connections: "
        f"{load.throughput:.0f} requests/s, p50 {load.p50_ms:.2f} ms, p99 {load.p99_ms:.2f} ms"
        + (f"; {load.fault}" if load.fault else "")
    )


if __name__ == "__main__":
    typer.run(run)
