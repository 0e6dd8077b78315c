"""The options of bench, and its output."""

import asyncio
import os
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from app.cli.output import AsJson, print_json, print_line, print_table, short, table, warn

if TYPE_CHECKING:
    from app.cli.bench.body import Body
    from app.cli.bench.report import Figures

Result = TypeVar("Result")


def bench(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="A service, http://127.0.0.1:8000, or a model of it, .../models/NAME.",
        ),
    ],
    duration: Annotated[float, typer.Option(min=0.01, max=86400, help="Seconds of the load.")] = 10,
    connections: Annotated[int, typer.Option(min=1, max=10_000, help="Open at a time.")] = 32,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            max=100_000,
            help="Requests a second, whether or not others are answered; unless given, each "
            "connection sends the next request after the answer.",
        ),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, max=1_000_000, help="Instances in each request.")] = 1,
    format: Annotated[
        Literal["json", "npy"] | None,
        typer.Option(help="Form of the body; JSON where the model has an example in it."),
    ] = None,
    body: Annotated[
        Path | None, typer.Option(help="Send this file: .json, .npy, .npz, .png and so on.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(help="API key. Other users can see options: prefer STATESERVE_KEY."),
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.01, help="Longest wait for an answer, s.")] = 10,
    warm_up: Annotated[
        float, typer.Option(min=0, help="Seconds of load before, which are not measured.")
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Measure a running service: requests a second, and percentiles of the latency.

    The body is the example of the model. Status 1 if no request succeeds.

    Example: stateserve bench http://127.0.0.1:8000 --connections 8 --duration 5
    """
    from app.cli.bench.body import body_of_file, body_of_model
    from app.cli.bench.load import Load
    from app.cli.bench.report import doubts, figures
    from app.cli.bench.target import BenchFailed, Target
    from app.settings import KEY_VARIABLE

    target = Target.of(url, key or os.environ.get(KEY_VARIABLE), whole=body is not None)
    model = {} if body else target.describe_model()
    sent = body_of_file(body) if body else body_of_model(model, rows, format)
    target.try_once(sent.content, sent.media_type)
    message = target.message(sent.content, sent.media_type)
    load = partial(Load, target, message, connections=connections, rate=rate, timeout=timeout)
    if warm_up:
        _run(load(seconds=warm_up).run())
    measured = _run(load(seconds=duration).run())
    found = figures(measured, sent.rows)
    for doubt in doubts(measured, paced=rate is not None):
        warn(doubt)
    if as_json:
        described = {name: model.get(name) for name in ("name", "version", "backend")}
        sizes = {"body_bytes": len(sent.content), "rows": sent.rows}
        print_json({"url": target.url, "model": described, **sizes, **load.keywords, **found})
    else:
        _show(target.url, model, sent, found, connections, rate)
    if not found["requests"]:
        raise BenchFailed(f"{target.url}: no request succeeded")


def _run(load: Coroutine[object, object, Result]) -> Result:
    from uvicorn.loops.auto import auto_loop_factory

    # uvloop if it is installed: it needs half the processor time of asyncio's own loop.
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        return runner.run(load)


def _show(
    url: str,
    model: dict[str, object],
    body: "Body",
    found: "Figures",
    connections: int,
    rate: float | None,
) -> None:
    name = f", {model['name']} {model['version']} on {model['backend']}" if model else ""
    rows = "" if body.rows is None else f"; {body.rows} row{'s' if body.rows > 1 else ''}"
    print_line(f"POST {url}{name}")
    how = f"{rate:g} requests a second" if rate else "each sends after its answer"
    print_line(f"{len(body.content)} bytes of {body.media_type}{rows}")
    print_line(f"{connections} connections, {how}, {found['seconds']:g} s")
    figures = {
        "requests/s": found["requests_per_second"],
        **({} if body.rows is None else {"rows/s": found["rows_per_second"]}),
        **{f"{key} ms": value for key, value in found["latency_ms"].items()},
    }
    first, *others = figures
    listed = table(first, *others)
    listed.add_row(*(short(value) for value in figures.values()))
    print_table(listed)
    answered = f"{found['requests']} answered"
    failed = ", ".join(f"{count} x {what}" for what, count in found["errors"].items())
    print_line(f"{answered}; failed: {failed}" if failed else f"{answered}, none failed")
