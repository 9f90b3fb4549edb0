"""Reports, pages and questions, and the drawing of a report as a PDF. A page that overflows is an error."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from source.blocks import Block
from source.charts import Chart
from source.look import Look, draw_furniture, draw_title_page
from source.scan import scanned
from source.sketch import Sketch

KINDS = ("title", "text", "table", "chart", "figure", "scan")


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes:
        name: short name, unique in its report; questions point to it.
        kinds: what is on it, of `KINDS`.
        blocks: in reading order.
        columns: 1 or 2.
        top, bottom: blocks across the whole width above and below the columns.
        section: set in the running head.
        cover: title, subtitle and imprint lines of a title page.
    """

    name: str
    kinds: tuple[str, ...]
    blocks: Sequence[Block] = ()
    columns: int = 1
    top: Sequence[Block] = ()
    bottom: Sequence[Block] = ()
    section: str = ""
    cover: tuple[str, str, list[str]] | None = None


@dataclass(frozen=True)
class Ask:
    """A question and the pages that answer it.

    Attributes:
        type: `text`, `table`, `chart`, `figure` or `layout`.
        text: the question.
        full: names of the pages that are what is asked for (grade 2); `report/name` for another report's.
        part: names of those that answer it in part (grade 1).
        answer: the answer, where it is a value that stands on the page.
    """

    type: str
    text: str
    full: Sequence[str]
    part: Sequence[str] = ()
    answer: str = ""


@dataclass(frozen=True)
class Report:
    """A report of an invented organisation: `split` is the one its questions belong to."""

    name: str
    organisation: str
    head: str
    look: Look
    split: str
    pages: Sequence[Page]
    asks: Sequence[Ask] = field(default_factory=list)

    def page_id(self, name: str) -> str:
        """The id of a page in the collection, `<report>-p<number>`."""
        numbers = {page.name: i for i, page in enumerate(self.pages, start=1)}
        if name not in numbers:
            raise KeyError(f"report {self.name} has no page {name!r}. Its pages: {', '.join(numbers)}.")
        return f"{self.name}-p{numbers[name]:02d}"


def draw_report(report: Report) -> tuple[bytes, bytes]:
    """Draw a report.

    Returns:
        `(pdf, clean)`: the PDF as published, in which scanned pages are images, and the same with every page as
        text, from which the generator's own text is read.
    """
    clean = _draw(report, {})
    scans = {
        i: scanned(clean, i, seed=f"{report.name}/{page.name}", **report.look.scan)
        for i, page in enumerate(report.pages)
        if "scan" in page.kinds
    }
    return _draw(report, scans), clean


def _draw(report: Report, scans: dict[int, bytes]) -> bytes:
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas

    buffer = io.BytesIO()
    # invariant: no dates and no random id in the file, so the same report is the same bytes
    canvas = Canvas(buffer, pagesize=report.look.page_size, invariant=1, pageCompression=1)
    canvas.setTitle(report.head)
    canvas.setAuthor(report.organisation)
    for i, page in enumerate(report.pages):
        if i in scans:
            canvas.drawImage(ImageReader(io.BytesIO(scans[i])), 0, 0, *report.look.page_size)
        else:
            draw_page(canvas, report, page, i + 1)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def draw_page(canvas: Any, report: Report, page: Page, number: int) -> None:
    """Draw one page onto a canvas.

    Raises:
        OverflowError: its blocks need more room than the page has.
    """
    look = report.look
    if page.cover:
        draw_title_page(canvas, look, page.cover[0], page.cover[1], report.organisation, page.cover[2])
        return
    draw_furniture(canvas, look, report.head, page.section, number, len(report.pages))
    width, ceiling, floor = look.text_width, look.page_size[1] - 56, 48.0
    ceiling -= _fill(canvas, look, page.top, look.margin, ceiling, width, ceiling - floor, report, page)
    if page.columns == 1:
        blocks = _grown(page.blocks, look, width, ceiling - floor)
        ceiling -= _fill(canvas, look, blocks, look.margin, ceiling, width, ceiling - floor, report, page)
    else:
        ceiling -= _fill_columns(canvas, look, page, ceiling, ceiling - floor, report)
    _fill(canvas, look, page.bottom, look.margin, ceiling, width, ceiling - floor, report, page)


def _flowables(blocks: Sequence[Block], look: Look, width: float) -> list[Any]:
    return [flowable for block in blocks for flowable in block.flowables(look, width)]


def _grown(blocks: Sequence[Block], look: Look, width: float, height: float) -> Sequence[Block]:
    """Make the charts and sketches of a page taller, by half at most, where it would end far above its foot."""
    pictures = [block for block in blocks if isinstance(block, Chart | Sketch)]
    spare = height - 50 - sum(f.wrap(width, 10000)[1] + f.getSpaceAfter() for f in _flowables(blocks, look, width))
    if not pictures or spare <= 0:
        return blocks
    each, grown = spare / len(pictures), []
    for block in blocks:
        if isinstance(block, Chart):
            block = replace(block, height=round(min(block.height * 1.5, block.height + each)))
        elif isinstance(block, Sketch):
            drawn = block.height * width / 100
            block = replace(block, stretch=round(min(1.4, (drawn + each) / drawn), 2))
        grown.append(block)
    return grown


def _frame(x: float, top: float, width: float, height: float) -> Any:
    from reportlab.platypus import Frame

    return Frame(x, top - height, width, height, leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0)


def _fill(
    canvas: Any, look: Look, blocks: Sequence[Block], x: float, top: float, width: float, height: float,
    report: Report, page: Page,
) -> float:  # fmt: skip
    """Set blocks one below the other and return the height they took."""
    if not blocks:
        return 0.0
    frame = _frame(x, top, width, height)
    rest = _flowables(blocks, look, width)
    frame.addFromList(rest, canvas)
    if rest:
        raise OverflowError(f"{report.name}, page {page.name}: {len(rest)} blocks too many, from {rest[0]!r:.300}")
    return float(top - frame._y)


def _fill_columns(canvas: Any, look: Look, page: Page, top: float, height: float, report: Report) -> float:
    """Set the blocks in two columns of about equal height and return the height they took."""
    from reportlab.pdfgen.canvas import Canvas

    width = (look.text_width - look.gutter) / 2
    places = (look.margin, look.margin + width + look.gutter)
    needed = float(sum(f.wrap(width, 10000)[1] for f in _flowables(page.blocks, look, width)) / 2)
    while needed <= height:
        # first on a canvas that is thrown away: drawing cannot be taken back
        if not _columns(Canvas(io.BytesIO(), pagesize=look.page_size), look, page, places, top, width, needed):
            _columns(canvas, look, page, places, top, width, needed)
            return needed
        needed += 7
    raise OverflowError(f"{report.name}, page {page.name}: two columns of {height:.0f} points do not hold its text.")


def _columns(
    canvas: Any, look: Look, page: Page, places: tuple[float, float], top: float, width: float, height: float
) -> int:
    """Fill the columns and return how many flowables did not fit. A heading takes two lines of its text along."""
    rest = _flowables(page.blocks, look, width)
    for x in places:
        frame = _frame(x, top, width, height)
        while rest:
            heading = getattr(getattr(rest[0], "style", None), "name", "") == "h2"
            room = frame._y - (top - height)
            if heading and room < rest[0].wrap(width, height)[1] + 2 * look.leading + 8:
                break
            if frame.add(rest[0], canvas):
                rest.pop(0)
                continue
            parts = frame.split(rest[0], canvas)
            if len(parts) == 2:
                frame.add(parts[0], canvas)
                rest[0] = parts[1]
            break
    return len(rest)
