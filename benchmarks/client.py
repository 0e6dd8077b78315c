"""AsyncClient: many predictions gathered at once, relative to as many from 32 sequential loops."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import typer

from benchmarks.ratio import Ratio, print_table, timed
from benchmarks.request import FLOWER, flower_request
from benchmarks.server import free_port, running_server
from benchmarks.single import service_command
from stateserve.client import AsyncClient

LOOPS = 32
GOAL = "at least 0.7"


def measure(rounds: int, predictions: int = 10_000) -> list[Ratio]:
    ratios, best = [], 0.0
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(service_command(port), flower_request(port).send, log=Path(folder) / "log"),
    ):
        for _ in range(rounds):
            gathered = timed(lambda: asyncio.run(_gathered(url, predictions)))
            looped = timed(lambda: asyncio.run(_looped(url, predictions)))
            ratios.append(looped / gathered)
            best = max(best, predictions / gathered)
    name = f"AsyncClient, {predictions} gathered to {LOOPS} loops (best {best:.0f}/s)"
    return [Ratio(name, ratios, GOAL)]


async def _gathered(url: str, predictions: int) -> None:
    async with AsyncClient(url, trust_env=False) as client:
        await asyncio.gather(*(client.predict(FLOWER) for _ in range(predictions)))


async def _looped(url: str, predictions: int) -> None:
    async def ask(numbers: Iterator[int]) -> None:
        for _ in numbers:
            await client.predict(FLOWER)

    async with AsyncClient(url, trust_env=False) as client:
        numbers = iter(range(predictions))
        await asyncio.gather(*(ask(numbers) for _ in range(LOOPS)))


def main(rounds: int = 3, predictions: int = 10_000) -> None:
    """Measure this ratio alone."""
    print_table(measure(rounds, predictions))


if __name__ == "__main__":
    typer.run(main)
