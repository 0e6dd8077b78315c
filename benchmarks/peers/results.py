"""The results of all rounds: a table with medians and spread, a CSV, and a plot."""

import csv
import io
import os
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.peers.contender import Contender
from benchmarks.peers.contenders import ECHO
from benchmarks.peers.measurement import Measurement
from benchmarks.peers.plot import draw_ratios
from stateserve.checkpoint import write_atomically

MIB = 2**20
COLUMNS = ["server", "round", "connections", "requests_per_second", "ratio", "p50_ms", "p99_ms"]
COLUMNS += ["pss_mib", "start_seconds", "install_mib", "fault"]
LOADS = {32: "32 connections", 1: "1 connection", 200: "200 connections, as MLServer's k6 script"}


@dataclass
class Results:
    """Measurements and failures so far; a contender that failed once is not tried again."""

    contenders: list[Contender]
    rounds: int
    seconds: int
    model: str = "iris"
    measurements: list[Measurement] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    install_bytes: dict[str, int | None] = field(default_factory=dict)
    load_average: float = field(default_factory=lambda: os.getloadavg()[0])

    def fail(self, name: str, reason: str) -> None:
        self.failures[name] = reason

    def of(self, name: str, connections: int) -> list[Measurement]:
        return [m for m in self.measurements if (m.name, m.connections) == (name, connections)]

    def ratio(self, measurement: Measurement) -> float | None:
        """Throughput relative to the echo in the same round, so under the same conditions."""
        for echo in self.of(ECHO.name, measurement.connections):
            if echo.round == measurement.round:
                return measurement.load.throughput / echo.load.throughput
        return None

    def ratios(self, name: str, connections: int) -> list[float]:
        found = (self.ratio(measurement) for measurement in self.of(name, connections))
        return [ratio for ratio in found if ratio is not None]

    def write(self, folder: Path) -> None:
        """Write a .csv, a .md and a .png atomically: peers for iris, else peers-MODEL."""
        folder.mkdir(parents=True, exist_ok=True)
        ratios = {c.name: self.ratios(c.name, 32) for c in self.contenders}
        stem = "peers" if self.model == "iris" else f"peers-{self.model}"
        files = {f"{stem}.csv": self.csv(), f"{stem}.md": self.markdown()}
        contents = {folder / name: text.encode() for name, text in files.items()}
        plot = draw_ratios({name: found for name, found in ratios.items() if found})
        write_atomically(contents | {folder / f"{stem}.png": plot})

    def csv(self) -> str:
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(COLUMNS)
        for m in self.measurements:
            load, ratio = m.load, self.ratio(m)
            figures = [load.throughput, ratio, load.p50_ms, load.p99_ms, m.pss_bytes / MIB]
            cells = ["" if figure is None else f"{figure:.4g}" for figure in figures]
            size = self.install_bytes.get(m.name)
            cells += [f"{m.start_seconds:.2f}", f"{size / MIB:.0f}" if size else ""]
            rows.writerow([m.name, m.round, m.connections, *cells, load.fault])
        for name, reason in self.failures.items():
            rows.writerow([name, *[""] * (len(COLUMNS) - 2), reason])
        return text.getvalue()

    def markdown(self) -> str:
        head = (
            f"{self.rounds} rounds, {self.seconds} s of wrk for each load; each server fresh in "
            "each round, on one core, wrk on the other.\nFigures are medians of the rounds, in "
            "parentheses the least and the most. The ratio is to the echo of the same round.\n"
            "Memory is PSS of all the server's processes after the loads, start is to the first "
            f"good answer. The machine's load average before the run was {self.load_average:.1f}.\n"
        )
        loads = {each for contender in self.contenders for each in contender.connections}
        tables = [self._table(each, title) for each, title in LOADS.items() if each in loads]
        return "\n".join([f"# This service and its peers, serving {self.model}\n", head, *tables])

    def _table(self, connections: int, title: str) -> str:
        head = "server | requests/s | ratio | p50 ms | p99 ms | memory MiB | start s | install MiB"
        lines = [f"## {title}\n", f"| {head} | settings |", "| --- |" + " ---: |" * 7 + " --- |"]
        for contender in self.contenders:
            if connections in contender.connections:
                lines.append(f"| {' | '.join(self._cells(contender, connections))} |")
        return "\n".join(lines) + "\n"

    def _cells(self, contender: Contender, connections: int) -> list[str]:
        name, found = contender.name, self.of(contender.name, connections)
        faults = [f"**round {m.round}: {m.load.fault}**" for m in found if m.load.fault]
        if name in self.failures:
            faults.append(f"**failed: {' '.join(self.failures[name].split())[:400]}**")
        notes = "; ".join([contender.settings, *faults]).replace("|", "\\|")
        size = self.install_bytes.get(name)
        install = f"{size / MIB:.0f}" if size else "-"
        if not found:
            return [name, *["-"] * 6, install, notes]
        loads = [measurement.load for measurement in found]
        return [
            name,
            _spread([load.throughput for load in loads], 0),
            _spread(self.ratios(name, connections), 3),
            _spread([load.p50_ms for load in loads], 2),
            _spread([load.p99_ms for load in loads], 2),
            f"{median(m.pss_bytes for m in found) / MIB:.0f}",
            _spread([m.start_seconds for m in found], 1),
            install,
            notes,
        ]


def _spread(values: list[float], digits: int) -> str:
    if not values:
        return "-"
    middle, low, high = (f"{v:,.{digits}f}" for v in (median(values), min(values), max(values)))
    return f"{middle} ({low} to {high})"
