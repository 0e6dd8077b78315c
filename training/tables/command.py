"""A training run of a table, from the file to the model, with what it says on the way."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from math import nan
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table as Grid

from stateserve.checkpoint import CODECS
from stateserve.console import PlainConsole
from stateserve.text import printable
from training.destination import Replaced, require_writable
from training.errors import DataError
from training.tables.columns import Choices
from training.tables.evaluate import UNEVEN, cautions, evaluate, rarer_class, recalls
from training.tables.fit import Fit, Fitted
from training.tables.interval import LEVEL
from training.tables.loop import OnStep
from training.tables.network import UserNetwork
from training.tables.plan import Options, describe, steps
from training.tables.report import write_report
from training.tables.save import save
from training.tables.table import Table, read_table
from training.tables.target import Task

console = PlainConsole()
# A run without a terminal prints a line after each of so many parts.
PARTS = 10
MOST_CLASSES_SHOWN = 20
# In a folder of a model with code.
STATE = "model.pth"


def train_table(
    path: Path,
    target: str,
    output: Path,
    choices: Choices,
    task: Task | None,
    options: Options,
    dry_run: bool,
    with_report: bool = True,
) -> None:
    """Read, train, report and write. Raises DataError or CheckpointError."""
    state = output if output.suffix in CODECS else output / STATE
    require_writable(state.parent, state, state.with_suffix(".html"))
    table = read_table(path, target, choices, task)
    announce(table)
    replaced = Replaced.at(state)
    names = [each.name for each in table.features]
    if replaced and (warning := replaced.warning(table.source, table.target.name, names)):
        console.print(warning)
    network = None
    if options.code is not None:
        network = UserNetwork.open(options.code, options.kwargs, table)
        console.print(f"network: {network.text}, for float32 [rows, {network.width}]")
    if dry_run:
        console.print(f"dry run: nothing is trained; it would write {output}")
        return
    fitted, metrics = _fit(table, options, network)
    said = cautions(fitted, table, metrics, balance=options.balance)
    for line in said:
        console.print(printable(line))
    written = save(fitted, table, options, metrics, output, network, said)
    if replaced:
        console.print(replaced.line)
    code = " --allow-code" * (network is not None)
    serve = f"stateserve serve --model {shlex.quote(str(written))}{code}"
    console.print(f"wrote {written}; serve it: {serve}")
    if with_report:
        # The report is beside the model, wherever both are moved.
        beside = f"--model {shlex.quote(written.name)}{code}"
        _report(fitted, table, options, written.with_suffix(".html"), beside, said)


def _fit(
    table: Table, options: Options, network: UserNetwork | None
) -> tuple[Fitted, dict[str, float]]:
    """Train with a progress bar, and print the figures."""
    train_rows = round(len(table.rows) * (1 - options.test_size))
    with network.running() if network else nullcontext():
        with _progress(steps(train_rows, options)) as on_step:
            fitted = Fit(table, options, on_step, network).run()
        metrics = evaluate(fitted, table)
        print_figures(fitted, table, metrics)
    return fitted, metrics


def _report(
    fitted: Fitted, table: Table, options: Options, path: Path, serve: str, said: list[str]
) -> None:
    try:
        comparison = write_report(fitted, table, options, path, serve, said)
    except KeyboardInterrupt:
        console.print("interrupted: the model is written, and no report")
        return
    except OSError as error:
        why = error.strerror or error
        raise DataError(f"{path}: the model is written, and no report: {why}") from None
    console.print(comparison.verdict)
    console.print(f"wrote {path}: the report")


def announce(table: Table) -> None:
    """Print what was decided about the columns."""
    target = table.target
    grid = Grid("column", "decision", box=None, pad_edge=False)
    for each in table.decided:
        grid.add_row(printable(each.name), printable(each.decision))
    console.print(grid)
    for note in table.notes:
        console.print(f"note: {printable(note)}")
    what = f"{len(target.classes)} classes" if target.classes else "a number"
    console.print(
        f"{table.source}: {len(table.rows)} rows, {len(table.features)} columns; "
        f"target {printable(target.name)}: {what}"
    )


def print_figures(fitted: Fitted, table: Table, metrics: dict[str, float]) -> None:
    """Print the network and its figures on the test rows."""
    if fitted.interrupted:
        console.print("interrupted: the best network so far is kept")
    if len(fitted.trials) > 1:
        losses = ", ".join(f"{trial.name} {trial.loss:z.4f}" for trial in fitted.trials)
        console.print(f"loss on {fitted.held_out} held-out rows: {losses}")
    console.print(f"network: {describe(fitted.plan)}")
    if table.target.classes:
        _print_figures_of_classes(fitted, table, metrics)
    else:
        console.print(
            f"on {len(fitted.parts.test)} test rows: R2 {metrics.get('test_r2', nan):z.4f}, "
            f"root mean squared error {metrics['test_rmse']:.4g} "
            f"({metrics['test_rmse_of_the_mean']:.4g} for the mean); the {LEVEL:.0%} interval "
            f"from {fitted.held_out} held-out rows has "
            f"{metrics['test_share_in_the_interval']:.1%} of them"
        )


def _print_figures_of_classes(fitted: Fitted, table: Table, metrics: dict[str, float]) -> None:
    console.print(
        f"on {len(fitted.parts.test)} test rows: accuracy {metrics['test_accuracy']:.4f} "
        f"({metrics['test_share_of_the_most_frequent_class']:.4f} for the most frequent class), "
        f"loss {metrics['test_loss']:.4f}"
    )
    if "test_roc_auc" in metrics:
        truth = table.target.values[fitted.parts.test]
        rare = rarer_class(truth)
        console.print(
            f"  ROC AUC {metrics['test_roc_auc']:.4f}; average precision of "
            f"{printable(table.target.classes[rare])} {metrics['test_average_precision']:.4f} "
            f"({(truth == rare).mean():.4f} by chance)"
        )
    elif metrics["test_share_of_the_most_frequent_class"] > UNEVEN:
        console.print(f"  balanced accuracy {metrics['test_balanced_accuracy']:.4f}")
    for name, recall, support in recalls(fitted, table)[:MOST_CLASSES_SHOWN]:
        shown = f"{recall:.3f}" if support else "unknown"
        console.print(f"  {printable(name)}: recall {shown} of {support}")


@contextmanager
def _progress(total: int) -> Iterator[OnStep]:
    """A bar with the remaining time on a terminal; in a pipe, a line for each tenth."""
    columns = (
        *(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%")),
        *(TimeElapsedColumn(), TextColumn("remaining"), TimeRemainingColumn()),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("training", total=total)
        done = 0

        def advance(steps: int, note: str) -> None:
            nonlocal done
            before, done = done, done + steps
            if not bar.disable:
                bar.update(task, advance=steps, description=note or "training")
            elif done * PARTS // total > before * PARTS // total:
                console.print(f"trained {min(100, 100 * done // total)} %")

        yield advance
