"""A chart as SVG. Its colours are those of the page's style, in light and in dark."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

# The units of the drawing; on a phone, one is somewhat less than a pixel.
WIDTH, HEIGHT = 400, 260
RIGHT, TOP, BOTTOM = 12, 10, 40
# The label beside the axis, and the least room for its numbers.
LABEL, NUMBERS = 22, 36
# The widest digit.
CHARACTER = 7
TICKS = 5
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Axis:
    label: str
    low: float
    high: float

    @classmethod
    def over(cls, label: str, values: Iterable[float]) -> "Axis":
        """An axis for all finite values, which ends at its outermost ticks."""
        known = [value for value in values if np.isfinite(value)] or [0.0]
        ticks = MaxNLocator(TICKS).tick_values(min(known), max(known))
        return cls(label, float(ticks[0]), float(ticks[-1]))

    @property
    def ticks(self) -> list[float]:
        found = MaxNLocator(TICKS).tick_values(self.low, self.high)
        slack = 1e-6 * (self.high - self.low)
        return [float(t) for t in found if self.low - slack <= t <= self.high + slack]

    def share(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)


class Chart:
    """Lines and dots over two axes; `description` says in words what they show."""

    def __init__(self, description: str, across: Axis, up: Axis) -> None:
        self._description, self._across, self._up = description, across, up
        widest = max(len(_tick(each)) for each in up.ticks)
        self._left = LABEL + max(NUMBERS, widest * CHARACTER)
        self._marks: list[Markup] = [*self._ticks()]

    def line(self, points: Points, style: str) -> None:
        """`style` is a class of the page's style, such as "first" or "thin"."""
        text = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(self._place, points))
        self._marks.append(Markup('<polyline class="{}" points="{}"/>').format(style, text))

    def dots(self, points: Points, style: str, radius: float = 2.5) -> None:
        form = Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{:.1f}"/>')
        self._marks += [form.format(style, *self._place(point), radius) for point in points]

    def __html__(self) -> Markup:
        head = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            WIDTH, HEIGHT, self._description
        )
        return head + Markup("").join(self._marks) + Markup("</svg>")

    def _place(self, point: tuple[float, float]) -> tuple[float, float]:
        across = self._left + self._across.share(point[0]) * (WIDTH - self._left - RIGHT)
        return across, TOP + (1 - self._up.share(point[1])) * (HEIGHT - TOP - BOTTOM)

    def _ticks(self) -> Iterable[Markup]:
        line = Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>')
        text = Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>')
        left, bottom, right = self._left, HEIGHT - BOTTOM, WIDTH - RIGHT
        for tick in self._up.ticks:
            _, y = self._place((self._across.low, tick))
            yield line.format("grid", left, y, right, y)
            yield text.format(left - 6, y + 4, "end", _tick(tick))
        for tick in self._across.ticks:
            x, _ = self._place((tick, self._up.low))
            # The text of the last one ends inside the drawing.
            x = min(x, WIDTH - len(_tick(tick)) * CHARACTER / 2)
            yield text.format(x, bottom + 16, "middle", _tick(tick))
        yield line.format("axis", left, bottom, right, bottom)
        yield text.format((left + right) / 2, HEIGHT - 6, "middle", self._across.label)
        turned = Markup('<text transform="translate(12 {:.1f}) rotate(-90)" {}>{}</text>')
        yield turned.format((TOP + bottom) / 2, Markup('text-anchor="middle"'), self._up.label)


def _tick(value: float) -> str:
    return format(value, ",.6g")


def number(value: float) -> str:
    """Four digits, or a whole number with commas between thousands."""
    return format(value, ",.0f") if 1e4 <= abs(value) < 1e15 else format(value, "z.4g")


def three_decimals(value: float) -> str:
    """Without the sign of what is rounded to 0."""
    return format(value, "z.3f")
