"""Drawings of how things work, without data."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def three_designs() -> Figure:
    """Bi-encoder, late interaction and cross-encoder side by side: what is computed when, and where the texts meet."""
    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle

    figure, axes = plt.subplots(1, 3, figsize=(7.8, 4.3))
    before, after, meeting = "0.8", "white", "#ffd27f"
    designs = (
        ("bi-encoder", "one vector each", "one dot product", 1),
        ("late interaction", "one vector a token", "MaxSim", 4),
        ("cross-encoder", "", "", 0),
    )
    for ax, (title, vectors, meet, count) in zip(axes, designs, strict=True):
        ax.set(xlim=(0, 10), ylim=(0, 10.4), title=title)
        ax.axis("off")
        _box(ax, 0.3, 0.2, 4.2, 1.2, "query", after)
        _box(ax, 5.5, 0.2, 4.2, 1.2, "passage", before)
        _arrow(ax, 2.4, 1.4, 2.4, 2.4)
        _arrow(ax, 7.6, 1.4, 7.6, 2.4)
        if not count:
            _box(
                ax,
                0.3,
                2.4,
                9.4,
                4.6,
                "one encoder\nreads both together:\nevery token of one looks\nat every token of the other",
                meeting,
            )
            _arrow(ax, 5, 7.0, 5, 8.6)
        else:
            _box(ax, 0.3, 2.4, 4.2, 1.5, "encoder", after)
            _box(ax, 5.5, 2.4, 4.2, 1.5, "encoder", before)
            for left, colour in ((0.3, after), (5.5, before)):
                width = 0.75
                start = left + 2.1 - (count * width + (count - 1) * 0.25) / 2
                for number in range(count):
                    _box(ax, start + number * (width + 0.25), 4.9, width, 0.75, "", colour)
                _arrow(ax, left + 2.1, 3.9, left + 2.1, 4.8)
                _arrow(ax, left + 2.1, 5.7, left + 2.1 + (1.0 if left < 5 else -1.0), 6.5)
            ax.text(5, 4.35, vectors, ha="center", va="center", fontsize=8.5)
            _box(ax, 1.6, 6.5, 6.8, 1.2, meet, meeting)
            _arrow(ax, 5, 7.7, 5, 8.6)
        _box(ax, 3.2, 8.6, 3.6, 1.1, "score", after)
    handles = [
        Rectangle((0, 0), 1, 1, facecolor=colour, edgecolor="black", hatch=hatch)
        for colour, hatch in ((before, ""), (after, ""), (meeting, "//"))
    ]
    labels = ["before any query: once a passage", "when the query comes", "where query and passage meet"]
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8.5)
    return figure


def _box(ax: Axes, x: float, y: float, width: float, height: float, text: str, colour: str) -> None:
    from matplotlib.patches import Rectangle

    hatch = "//" if colour.startswith("#") else ""
    ax.add_patch(
        Rectangle(
            (x, y), width, height, facecolor=colour, edgecolor="0.45" if hatch else "black", hatch=hatch, linewidth=1
        )
    )
    ax.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor="black", linewidth=1))
    box = {"facecolor": colour, "edgecolor": "none", "pad": 1.5} if hatch else None
    ax.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=8.5, bbox=box)


def _arrow(ax: Axes, x0: float, y0: float, x1: float, y1: float) -> None:
    ax.annotate("", (x1, y1), (x0, y0), arrowprops={"arrowstyle": "->", "linewidth": 1})
