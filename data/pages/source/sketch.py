"""Diagrams, map-like sketches and floor plans: shapes on a canvas 100 units wide, with a caption below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from source.blocks import style
from source.look import Look

Point = tuple[float, float]


@dataclass(frozen=True)
class Room:
    """A rectangle with a label of one or more lines (set apart by a line feed), lower left corner at x, y."""

    x: float
    y: float
    width: float
    height: float
    label: str = ""
    fill: str = "none"
    round: float = 0.0

    def draw(self, pen: _Pen) -> None:
        """Draw it."""
        pen.colours(self.fill)
        fill = int(self.fill != "none")
        pen.canvas.roundRect(*pen.at(self.x, self.y), *pen.at(self.width, self.height), self.round * pen.unit, 1, fill)
        pen.label(self.x + self.width / 2, self.y + self.height / 2, self.label, on_ink=self.fill == "ink")


@dataclass(frozen=True)
class Arrow:
    """A line from one point to another with a head at its end (or none), labelled beside its middle."""

    start: Point
    end: Point
    label: str = ""
    head: bool = True
    dash: bool = False
    shift: Point = (0, 1.6)

    def draw(self, pen: _Pen) -> None:
        """Draw it."""
        (x0, y0), (x1, y1) = pen.at(*self.start), pen.at(*self.end)
        pen.colours("none")
        pen.canvas.setDash(*([[3, 2]] if self.dash else []))
        pen.canvas.line(x0, y0, x1, y1)
        pen.canvas.setDash()
        if self.head:
            angle = math.atan2(y1 - y0, x1 - x0)
            path = pen.canvas.beginPath()
            path.moveTo(x1, y1)
            for turn in (2.75, -2.75):
                path.lineTo(round(x1 + 6 * math.cos(angle + turn), 3), round(y1 + 6 * math.sin(angle + turn), 3))
            path.close()
            pen.colours("line")
            pen.canvas.drawPath(path, stroke=0, fill=1)
        middle = ((self.start[0] + self.end[0]) / 2 + self.shift[0], (self.start[1] + self.end[1]) / 2 + self.shift[1])
        pen.label(*middle, self.label)


@dataclass(frozen=True)
class Path:
    """A polygon or, where it is open, a line through points: coast, river, road, outline."""

    points: Sequence[Point]
    fill: str = "none"
    closed: bool = False
    weight: float = 1.0

    def draw(self, pen: _Pen) -> None:
        """Draw it."""
        path = pen.canvas.beginPath()
        path.moveTo(*pen.at(*self.points[0]))
        for point in self.points[1:]:
            path.lineTo(*pen.at(*point))
        if self.closed:
            path.close()
        pen.colours(self.fill, self.weight)
        pen.canvas.drawPath(path, stroke=1, fill=int(self.fill != "none"))


@dataclass(frozen=True)
class Dot:
    """A station, site or sensor: a filled circle with a label at its right (or where shift says)."""

    x: float
    y: float
    label: str = ""
    size: float = 1.0
    shift: Point = (2, -0.8)
    fill: str = "ink"

    def draw(self, pen: _Pen) -> None:
        """Draw it."""
        pen.colours(self.fill)
        pen.canvas.circle(*pen.at(self.x, self.y), self.size * pen.unit, 1, 1)
        pen.label(self.x + self.shift[0], self.y + self.shift[1], self.label, align="left")


@dataclass(frozen=True)
class Words:
    """Text at a point, in the middle unless align is `left`."""

    x: float
    y: float
    text: str
    align: str = "middle"

    def draw(self, pen: _Pen) -> None:
        """Draw it."""
        pen.label(self.x, self.y, self.text, align=self.align)


Shape = Room | Arrow | Path | Dot | Words


@dataclass(frozen=True)
class Sketch:
    """A captioned figure.

    Attributes:
        caption: with its number.
        shapes: in drawing order, on a ground 100 units wide.
        height: of the ground, in the same units.
        frame: whether a thin line goes round it.
        stretch: vertical units are so many times the horizontal ones.
    """

    caption: str
    shapes: Sequence[Shape]
    height: float = 45
    frame: bool = True
    stretch: float = 1.0

    def flowables(self, look: Look, width: float) -> list[Any]:
        """The drawing and its caption."""
        from reportlab.platypus import Flowable, Paragraph, Spacer

        sketch = self

        class Drawing(Flowable):  # type: ignore[misc]
            def wrap(self, *_: Any) -> tuple[float, float]:
                return width, sketch.height * sketch.stretch * width / 100 + 4

            def draw(self) -> None:
                pen = _Pen(self.canv, look, width / 100, sketch.stretch)
                self.canv.saveState()
                if sketch.frame:
                    self.canv.setLineWidth(0.5)
                    self.canv.setStrokeColor("#999999")
                    self.canv.rect(0, 0, width, sketch.height * sketch.stretch * width / 100)
                for shape in sketch.shapes:
                    shape.draw(pen)
                self.canv.restoreState()

        return [Drawing(), Spacer(1, 3), Paragraph(self.caption, style(look, "caption"))]


class _Pen:
    """A canvas with the look's colours; `unit` is the points of one unit of the sketch."""

    def __init__(self, canvas: Any, look: Look, unit: float, stretch: float) -> None:
        self.canvas, self.look, self.unit, self.stretch = canvas, look, unit, stretch

    def at(self, x: float, y: float) -> Point:
        return round(x * self.unit, 3), round(y * self.unit * self.stretch, 3)

    def colours(self, fill: str, weight: float = 1.0) -> None:
        named = {
            "ink": self.look.ink,
            "tint": self.look.tint,
            "accent": self.look.colours[1],
            "water": "#cfe0ea",
            "line": "#333333",
            "none": "#ffffff",
        }
        self.canvas.setFillColor(named.get(fill, fill))
        self.canvas.setStrokeColor("#333333")
        self.canvas.setLineWidth(weight)

    def label(self, x: float, y: float, text: str, align: str = "middle", on_ink: bool = False) -> None:
        self.canvas.setFont(self.look.font(), 8.4)
        self.canvas.setFillColor("#ffffff" if on_ink else "#111111")
        lines = text.split("\n")
        px, py = self.at(x, y)
        py += 10 * (len(lines) - 1) / 2 - 2.8
        for line in lines:
            if align == "left":
                self.canvas.drawString(px, py, line)
            else:
                self.canvas.drawCentredString(px, py, line)
            py -= 10
