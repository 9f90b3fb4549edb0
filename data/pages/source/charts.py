"""Line and bar charts, drawn as vectors on the page: axes with units, ticks, grid, legend, caption below."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from source.blocks import style
from source.look import Look

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_DASHES: tuple[tuple[float, ...], ...] = ((), (5, 2.5), (1.5, 2), (7, 2, 1.5, 2), (3, 1.5))
_SMALL = 8.2


@dataclass(frozen=True)
class Chart:
    """A captioned chart.

    Attributes:
        kind: `line`, `bars` (grouped), `stacked` or `across` (horizontal bars, one series).
        caption: with its number, as in "Figure 3. ...".
        labels: of the categories.
        series: name to values, each as many as the labels.
        unit: title of the value axis.
        height: of the whole drawing in points.
        zero: whether the value axis starts at 0 (bars always do).
        values: print each bar's value.
    """

    kind: str
    caption: str
    labels: Sequence[str]
    series: Mapping[str, Sequence[float]]
    unit: str
    height: float = 190
    zero: bool = True
    values: bool = False

    def __post_init__(self) -> None:
        for name, values in self.series.items():
            if len(values) != len(self.labels):
                raise ValueError(f"chart {self.caption!r}: {name!r} must have {len(self.labels)} values.")

    def flowables(self, look: Look, width: float) -> list[Any]:
        """The drawing and its caption."""
        from reportlab.platypus import Flowable, Paragraph

        chart = self

        class Drawing(Flowable):  # type: ignore[misc]
            def wrap(self, *_: Any) -> tuple[float, float]:
                return width, chart.height

            def draw(self) -> None:
                _Plot(self.canv, chart, look, width).draw()

        return [Drawing(), Paragraph(self.caption, style(look, "caption"))]


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers that cover `low` to `high`, about so many."""
    raw = max(high - low, 1e-9) / about
    power = 10 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [round(i * step, 9) for i in range(first, last + 1)]


def tick_label(value: float, marks: Sequence[float]) -> str:
    """A tick's label, all with as many decimals as the finest needs."""
    decimals = max(len(f"{mark:.6f}".rstrip("0").split(".")[1]) for mark in marks)
    return f"{value:,.{decimals}f}".replace("-", "−")


class _Plot:
    def __init__(self, canvas: Any, chart: Chart, look: Look, width: float) -> None:
        self.canvas, self.chart, self.look = canvas, chart, look
        self.font = look.font()
        legend_right = look.legend == "right" and len(chart.series) > 1
        self.left = 46.0 if chart.kind != "across" else self._widest_label() + 10
        self.right = width - (self._widest_name() + 32 if legend_right else 8)
        self.bottom = 22.0 if chart.kind != "across" else 34.0
        self.top = chart.height - (24 if len(chart.series) > 1 and not legend_right else 10)
        flat = [v for values in chart.series.values() for v in values]
        if chart.kind == "stacked":
            flat = [sum(values[i] for values in chart.series.values()) for i in range(len(chart.labels))]
        low = min([0.0, *flat]) if chart.zero or chart.kind != "line" else min(flat)
        self.marks = ticks(low, max(flat) * (1.07 if chart.values and chart.kind == "bars" else 1))
        self.legend_right = legend_right

    def _widest_label(self) -> float:
        return max(float(self.canvas.stringWidth(label, self.font, _SMALL)) for label in self.chart.labels)

    def _widest_name(self) -> float:
        return max(float(self.canvas.stringWidth(name, self.font, _SMALL)) for name in self.chart.series)

    def _place(self, value: float) -> float:
        low, high = self.marks[0], self.marks[-1]
        start, end = (self.left, self.right) if self.chart.kind == "across" else (self.bottom, self.top)
        return start + (value - low) / (high - low) * (end - start)

    def draw(self) -> None:
        """Axes, then marks, then the legend."""
        c = self.canvas
        c.saveState()
        c.setFont(self.font, _SMALL)
        c.setLineWidth(0.4)
        if self.chart.kind == "across":
            self._axes_across()
            self._bars_across()
        else:
            self._axes()
            if self.chart.kind == "line":
                self._lines()
            else:
                self._bars()
        if len(self.chart.series) > 1:
            self._legend()
        c.restoreState()

    def _axes(self) -> None:
        c = self.canvas
        for mark in self.marks:
            y = self._place(mark)
            c.setStrokeColor("#cccccc" if mark else "#333333")
            c.line(self.left, y, self.right, y)
            c.setFillColor("#222222")
            c.drawRightString(self.left - 4, y - 2.8, tick_label(mark, self.marks))
        c.setStrokeColor("#333333")
        c.line(self.left, self.bottom, self.left, self.top)
        step = (self.right - self.left) / len(self.chart.labels)
        for i, label in enumerate(self.chart.labels):
            c.drawCentredString(self.left + (i + 0.5) * step, self.bottom - 12, label)
        c.saveState()
        c.translate(9, (self.bottom + self.top) / 2)
        c.rotate(90)
        c.drawCentredString(0, 0, self.chart.unit)
        c.restoreState()

    def _lines(self) -> None:
        c = self.canvas
        step = (self.right - self.left) / len(self.chart.labels)
        for k, values in enumerate(self.chart.series.values()):
            points = [(self.left + (i + 0.5) * step, self._place(v)) for i, v in enumerate(values)]
            c.setStrokeColor(self.look.colours[k])
            c.setFillColor(self.look.colours[k])
            c.setLineWidth(1.7)
            c.setDash(*([list(_DASHES[k])] if _DASHES[k] else []))
            path = c.beginPath()
            path.moveTo(*points[0])
            for point in points[1:]:
                path.lineTo(*point)
            c.drawPath(path, stroke=1, fill=0)
            c.setDash()
            for x, y in points:
                self._marker(x, y, k)

    def _marker(self, x: float, y: float, k: int) -> None:
        if k % 2:
            self.canvas.rect(x - 2, y - 2, 4, 4, stroke=0, fill=1)
        else:
            self.canvas.circle(x, y, 2.2, stroke=0, fill=1)

    def _bars(self) -> None:
        c = self.canvas
        step = (self.right - self.left) / len(self.chart.labels)
        groups = list(self.chart.series.values())
        stacked = self.chart.kind == "stacked"
        thick = step * 0.7 if stacked else step * 0.78 / len(groups)
        for i in range(len(self.chart.labels)):
            base = 0.0
            for k, values in enumerate(groups):
                offset = -thick / 2 if stacked else (k - len(groups) / 2) * thick
                x = self.left + (i + 0.5) * step + offset
                low, high = self._place(base), self._place(base + values[i])
                c.setFillColor(self.look.colours[k])
                c.rect(x, min(low, high), thick, abs(high - low), stroke=0, fill=1)
                if self.chart.values and not stacked:
                    c.setFillColor("#222222")
                    c.drawCentredString(x + thick / 2, max(low, high) + 2, f"{values[i]:g}")
                if stacked:
                    base += values[i]

    def _axes_across(self) -> None:
        c = self.canvas
        for mark in self.marks:
            x = self._place(mark)
            c.setStrokeColor("#cccccc" if mark else "#333333")
            c.line(x, self.bottom, x, self.top)
            c.setFillColor("#222222")
            c.drawCentredString(x, self.bottom - 11, tick_label(mark, self.marks))
        c.drawCentredString((self.left + self.right) / 2, self.bottom - 24, self.chart.unit)

    def _bars_across(self) -> None:
        c = self.canvas
        (values,) = self.chart.series.values()
        step = (self.top - self.bottom) / len(values)
        for i, (label, value) in enumerate(zip(self.chart.labels, values, strict=True)):
            y = self.top - (i + 0.5) * step
            c.setFillColor("#222222")
            c.drawRightString(self.left - 5, y - 2.8, label)
            c.setFillColor(self.look.colours[0])
            low, high = self._place(0), self._place(value)
            c.rect(min(low, high), y - step * 0.32, abs(high - low), step * 0.64, stroke=0, fill=1)
            if self.chart.values:
                c.setFillColor("#ffffff")
                c.drawRightString(high - 3, y - 2.8, f"{value:g}")

    def _legend(self) -> None:
        c = self.canvas
        x, y = (self.right + 8, self.top - 10) if self.legend_right else (self.left, self.chart.height - 11)
        for k, name in enumerate(self.chart.series):
            c.setFillColor(self.look.colours[k])
            c.setStrokeColor(self.look.colours[k])
            if self.chart.kind == "line":
                c.setLineWidth(1.7)
                c.setDash(*([list(_DASHES[k])] if _DASHES[k] else []))
                c.line(x, y + 3, x + 15, y + 3)
                c.setDash()
                self._marker(x + 7.5, y + 3, k)
            else:
                c.rect(x + 3, y - 0.5, 9, 7, stroke=0, fill=1)
            c.setFillColor("#222222")
            c.drawString(x + 19, y, name)
            if self.legend_right:
                y -= 15
            else:
                x += 19 + c.stringWidth(name, self.font, _SMALL) + 16
