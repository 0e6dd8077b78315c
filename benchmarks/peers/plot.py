"""Plot the ratios as bars, with whiskers from the least to the most of the rounds."""

import io
from statistics import median

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

HIGHLIGHT = {"this service": "#dd8452", "echo": "#b0b0b0"}


def draw_ratios(ratios: dict[str, list[float]]) -> bytes:
    """A PNG of each server's median ratio to the echo, with the spread of its rounds."""
    names = sorted(ratios, key=lambda name: median(ratios[name]))
    middles = [median(ratios[name]) for name in names]
    below = [middle - min(ratios[name]) for name, middle in zip(names, middles, strict=True)]
    above = [max(ratios[name]) - middle for name, middle in zip(names, middles, strict=True)]
    figure = Figure(figsize=(8, 0.5 * len(names) + 1.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    colors = [HIGHLIGHT.get(name, "#4c72b0") for name in names]
    bars = axes.barh(names, middles, xerr=[below, above], capsize=3, color=colors)
    axes.bar_label(bars, labels=[f"{middle:.3f}" for middle in middles], padding=8)
    axes.margins(x=0.1)
    axes.set_xlabel("requests/s relative to a bare ASGI echo, 32 connections, one core")
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=120, metadata={"Software": None})
    return png.getvalue()
