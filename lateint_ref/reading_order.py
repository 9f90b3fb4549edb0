"""The order in which the lines that OCR finds on a page are read: columns first, then from top to bottom."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

Box = tuple[float, float, float, float]

# Prose is set in lines at least so wide, as a share of the page; a page of two columns has at least so many of them on
# one side of the gutter and at least one on the other, which may hold a chart. Tables and axes have short lines, so
# they are read row by row. Headings are taller than so many times the median line and say nothing about columns.
_WIDE, _LINES, _TALL = 0.26, 5, 1.35


def reading_order(boxes: Sequence[Box], width: float) -> list[int]:
    """Order boxes of text lines as a reader takes them.

    A gutter is a place in the middle of the page that few lines cross and that has a column of prose at either side.
    The lines that cross it (titles, tables, captions) cut the page into bands; in every band the left column is read
    before the right one.

    Args:
        boxes: `(x0, y0, x1, y1)` of each line in pixels, y downwards.
        width: of the page in pixels.

    Returns:
        The indices of `boxes` in reading order, each once.
    """
    everything = list(range(len(boxes)))
    gutter = _gutter(boxes, width)
    if gutter is None:
        return _rows(boxes, everything)
    prose = [b for b in _prose(boxes, width) if b[2] <= gutter + 3 or b[0] >= gutter - 3]
    above, below = min(b[1] for b in prose), max(b[3] for b in prose)
    # rows above and below the columns, such as large numbers side by side, keep together
    first = [i for i in everything if (boxes[i][1] + boxes[i][3]) / 2 < above]
    last = [i for i in everything if (boxes[i][1] + boxes[i][3]) / 2 > below]
    inside = sorted(set(everything) - set(first) - set(last))
    return _rows(boxes, first) + _columns(boxes, inside, gutter) + _rows(boxes, last)


def _columns(boxes: Sequence[Box], chosen: Sequence[int], gutter: float) -> list[int]:
    """Indices band by band, in each the left column before the right one."""
    crossing = [i for i in chosen if boxes[i][0] < gutter - 3 and boxes[i][2] > gutter + 3]
    cuts = sorted((boxes[i][1] + boxes[i][3]) / 2 for i in crossing)
    bands: list[tuple[list[int], list[int], list[int]]] = [([], [], []) for _ in range(len(cuts) + 1)]
    for i in chosen:
        middle = (boxes[i][1] + boxes[i][3]) / 2
        if i in crossing:
            bands[sum(cut < middle for cut in cuts)][2].append(i)
        else:
            band = bands[sum(cut < middle for cut in cuts)]
            band[0 if (boxes[i][0] + boxes[i][2]) / 2 < gutter else 1].append(i)
    order: list[int] = []
    for left, right, across in bands:
        # what stands left and right of a band without a column on one side is a row, as in a running head
        columns = (left, right) if len(left) > 1 and len(right) > 1 else (left + right,)
        for column in columns:
            order += _rows(boxes, column)
        order += across
    return order


def _prose(boxes: Sequence[Box], width: float) -> list[Box]:
    """Lines wide enough for prose and not as tall as headings."""
    tall = _TALL * median(b[3] - b[1] for b in boxes) if boxes else 0.0
    return [b for b in boxes if b[2] - b[0] > _WIDE * width and b[3] - b[1] <= tall]


def _gutter(boxes: Sequence[Box], width: float) -> float | None:
    """The x that fewest lines cross, with prose at either side; None on a page of one column."""
    best: tuple[int, float] | None = None
    prose = _prose(boxes, width)
    for x in range(int(0.35 * width), int(0.65 * width), 4):
        sides = sum(b[2] <= x + 3 for b in prose), sum(b[0] >= x - 3 for b in prose)
        if max(sides) < _LINES or min(sides) < 1:
            continue
        crossing = sum(b[0] < x - 3 and b[2] > x + 3 for b in boxes)
        if best is None or crossing < best[0]:
            best = (crossing, float(x))
    return None if best is None else best[1]


def _rows(boxes: Sequence[Box], chosen: Sequence[int]) -> list[int]:
    """Indices row by row: lines whose middles are within half a line's height of each other are one row."""
    if not chosen:
        return []
    height = median(boxes[i][3] - boxes[i][1] for i in chosen)
    rows: list[tuple[float, list[int]]] = []
    for i in sorted(chosen, key=lambda k: (boxes[k][1] + boxes[k][3], boxes[k][0])):
        middle = (boxes[i][1] + boxes[i][3]) / 2
        if rows and middle - rows[-1][0] <= 0.5 * height:
            rows[-1][1].append(i)
        else:
            rows.append((middle, [i]))
    return [i for _, row in rows for i in sorted(row, key=lambda k: boxes[k][0])]
