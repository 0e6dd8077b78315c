"""The article's recipe: from numbers to state_dict, model card and plots."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from stateserve.checkpoint import write_atomically
from stateserve.console import PlainConsole
from stateserve.model import (
    Calibration,
    Metrics,
    Reliability,
    SeedMetrics,
    card_path,
    save_checkpoint,
)
from training.calibrate import BOOTSTRAP, FOLDS, calibrate
from training.card import make_card
from training.data import Dataset
from training.destination import Replaced, require_writable
from training.evaluate import evaluate, evaluate_seeds
from training.fit import Settings, fit, split_rows
from training.plots import draw_plots

console = PlainConsole()


def train_recipe(
    dataset: Dataset, settings: Settings, checkpoint: Path, seeds: int, dry_run: bool
) -> None:
    """Train Multiclass and write its state_dict, model card and plots.

    Raises DataError or OSError.
    """
    output, stem = checkpoint.parent, checkpoint.stem
    require_writable(output, checkpoint, card_path(checkpoint))
    require_writable(output / "plots")
    replaced = Replaced.at(checkpoint)
    if replaced and (warning := replaced.warning(dataset.source, None)):
        console.print(warning)
    _announce(dataset, settings, checkpoint, dry_run)
    if dry_run:
        return
    # One thread: for so small a network more are slower, and sums would change their order.
    torch.set_num_threads(1)
    with _progress("epoch", settings.epochs) as advance:
        fitted = fit(dataset, settings, lambda _, loss: advance(f"loss {loss:.4f}"))
    repeats = None
    if seeds:
        with _progress("seed", seeds) as advance:
            repeats = evaluate_seeds(dataset, settings, seeds, lambda _: advance(""))
    metrics = evaluate(fitted, dataset, repeats)
    _report(metrics)
    with _progress("fold", FOLDS) as advance:
        calibration = calibrate(fitted, dataset, settings, lambda _: advance(""))
    _report_calibration(calibration)
    card = make_card(dataset, settings, fitted, metrics, calibration)
    card = card.model_copy(update={"name": stem})
    plots = draw_plots(fitted, dataset)
    save_checkpoint(fitted.module.state_dict(), card, checkpoint)
    write_atomically({output / "plots" / f"{stem}-{k}.png": png for k, png in plots.items()})
    if replaced:
        console.print(replaced.line)
    console.print(f"wrote {checkpoint}, {card_path(checkpoint)} and {len(plots)} plots")


def _announce(dataset: Dataset, settings: Settings, checkpoint: Path, dry_run: bool) -> None:
    split = split_rows(dataset, settings)
    console.print(
        f"{dataset.source}: {len(split.train_rows)} training and {len(split.test_rows)} test rows, "
        f"{len(dataset.feature_names)} features, {len(dataset.classes)} classes"
    )
    if dry_run:
        console.print(f"dry run: would train {settings.epochs} epochs and write {checkpoint}")


def _report(metrics: Metrics) -> None:
    rows = sum(scores.support for scores in metrics.per_class.values())
    console.print(
        f"test accuracy {metrics.test_accuracy:.4f} on {rows} rows, loss {metrics.test_loss:.4f}"
    )
    for name, scores in metrics.per_class.items():
        precision = "undefined" if scores.precision is None else f"{scores.precision:.3f}"
        console.print(f"  {name}: precision {precision}, recall {scores.recall:.3f}")
    _report_seeds(metrics.seeds)


def _report_seeds(seeds: SeedMetrics | None) -> None:
    if seeds:
        mean, spread = seeds.mean_test_accuracy, seeds.std_test_accuracy
        console.print(f"test accuracy over {seeds.count} seeds: {mean:.4f} ± {spread:.4f}")


def _report_calibration(calibration: Calibration | None) -> None:
    if calibration is None:
        console.print("no temperature: a class has too few training rows to hold any out")
        return
    before, after = map(_error_and_interval, (calibration.before, calibration.after))
    console.print(
        f"temperature {calibration.temperature:.4f}, expected calibration error "
        f"on {calibration.measured_rows} {calibration.measured_on}: {before} before, {after} after"
    )


def _error_and_interval(found: Reliability) -> str:
    low, high = found.expected_calibration_error_interval or (0, 1)
    interval = f"{100 * BOOTSTRAP.level:g} % interval {low:.4f} to {high:.4f}"
    return f"{found.expected_calibration_error:.4f} ({interval})"


@contextmanager
def _progress(unit: str, total: int) -> Iterator[Callable[[str], None]]:
    """A progress bar on a terminal; in a pipe, a line for each tenth of the work."""
    columns = (TextColumn(unit), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(unit, total=total)
        done = 0

        def advance(note: str) -> None:
            nonlocal done
            done += 1
            bar.advance(task)
            if bar.disable and done * 10 // total > (done - 1) * 10 // total:
                console.print(f"{unit} {done}/{total} {note}".rstrip())

        yield advance
