"""Three plots of a training run, as PNG bytes."""

import io
from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.feature_selection import f_classif

from training.data import Dataset
from training.evaluate import confusion, predicted_classes
from training.fit import Fitted

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#000000")
GRID = 200


def draw_plots(fitted: Fitted, dataset: Dataset) -> dict[str, bytes]:
    """PNG by plot name: loss, confusion and regions."""
    return {
        "loss": _png(_draw_loss, fitted, dataset),
        "confusion": _png(_draw_confusion, fitted, dataset),
        "regions": _png(_draw_regions, fitted, dataset),
    }


def _png(draw, fitted: Fitted, dataset: Dataset) -> bytes:  # type: ignore[no-untyped-def]
    # Figure instead of pyplot: no global state, and no display is needed.
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure.subplots(), fitted, dataset)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def _draw_loss(axes: Axes, fitted: Fitted, dataset: Dataset) -> None:
    epochs = np.arange(1, len(fitted.train_losses) + 1)
    axes.plot(epochs, fitted.train_losses, label="training rows", color=COLOURS[0])
    axes.plot(epochs, fitted.test_losses, label="test rows", color=COLOURS[1])
    axes.set(xlabel="epoch", ylabel="mean negative log-likelihood", title=f"Loss: {dataset.source}")
    axes.legend()


def _draw_confusion(axes: Axes, fitted: Fitted, dataset: Dataset) -> None:
    counts = confusion(fitted, len(dataset.classes))
    axes.imshow(counts, cmap="Blues")
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if count > counts.max() / 2 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=colour)
    ticks = range(len(dataset.classes))
    axes.set_xticks(ticks, dataset.classes, rotation=30, ha="right")
    axes.set_yticks(ticks, dataset.classes)
    axes.set(xlabel="predicted class", ylabel="true class", title="Test rows by class")


def most_telling_pair(dataset: Dataset) -> tuple[int, int]:
    """The two features with the highest ANOVA F value; on iris petal length and width."""
    if len(dataset.feature_names) == 1:
        return 0, 0
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = np.nan_to_num(f_classif(dataset.features, dataset.labels)[0])
    across, up = sorted(np.argsort(scores)[-2:].tolist())
    return across, up


def _draw_regions(axes: Axes, fitted: Fitted, dataset: Dataset) -> None:
    across, up = most_telling_pair(dataset)
    rows = dataset.features
    xs, ys = (np.linspace(*_padded(rows[:, column]), GRID) for column in (across, up))
    grid = np.tile(fitted.split.train_rows.numpy().mean(axis=0), (GRID * GRID, 1))
    grid[:, up] = np.repeat(ys, GRID)
    grid[:, across] = np.tile(xs, GRID)
    found = predicted_classes(fitted.module, torch.from_numpy(grid)).reshape(GRID, GRID)
    levels = np.arange(len(dataset.classes) + 1) - 0.5
    palette = [COLOURS[index % len(COLOURS)] for index in range(len(dataset.classes))]
    axes.contourf(xs, ys, found, levels=levels, colors=palette, alpha=0.25)
    for index, name in enumerate(dataset.classes):
        members = rows[dataset.labels == index]
        axes.scatter(members[:, across], members[:, up], s=14, color=palette[index], label=name)
    axes.set(
        xlabel=_axis_label(dataset.feature_names, dataset.units, across),
        ylabel=_axis_label(dataset.feature_names, dataset.units, up),
        title="Decision regions (other features at their mean)",
    )
    axes.legend()


def _padded(values: np.ndarray) -> tuple[float, float]:
    margin = float(np.ptp(values)) * 0.08 or 1.0
    return float(values.min()) - margin, float(values.max()) + margin


def _axis_label(names: Sequence[str], units: Sequence[str | None], column: int) -> str:
    name = names[column].replace("_", " ")
    return f"{name} ({units[column]})" if units[column] else name
