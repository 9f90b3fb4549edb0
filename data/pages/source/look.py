"""What the reports look like: page size, fonts, colours, running heads. One `Look` a report, so that styles differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

A4 = (595.28, 841.89)
LETTER = (612.0, 792.0)

# (regular, bold, italic) by family. The PDF base fonts are drawn by PDFium's own copies, DejaVu and STIX come with
# matplotlib: no page depends on the fonts of the machine that draws it.
FAMILIES = {
    "helvetica": ("Helvetica", "Helvetica-Bold", "Helvetica-Oblique"),
    "times": ("Times-Roman", "Times-Bold", "Times-Italic"),
    "courier": ("Courier", "Courier-Bold", "Courier-Oblique"),
    "dejavu": ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique"),
    "dejavu-serif": ("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic"),
    "stix": ("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic"),
}
_BASE = ("helvetica", "times", "courier")


@dataclass(frozen=True)
class Look:
    """The style of one report; lengths in points.

    Attributes:
        body, heads: families of body text and headings, keys of `FAMILIES`.
        ink, tint: the main colour and its pale companion, as hex.
        colours: of the series of a chart, dark and light in turn so that they differ in greyscale too.
        furniture: how the running head is set: `rule`, `band`, `plain` or `side`.
        tables: `rules`, `grid` or `stripes`.
        folio: the page number, with `{page}` and `{pages}`.
        legend: where a chart's legend stands: `top` or `right`.
    """

    page_size: tuple[float, float] = A4
    body: str = "helvetica"
    heads: str = "helvetica"
    size: float = 10.0
    leading: float = 13.6
    margin: float = 58.0
    gutter: float = 20.0
    ink: str = "#1f3a5f"
    tint: str = "#e6ecf3"
    colours: tuple[str, ...] = ("#1f3a5f", "#d98c3f", "#5b8fb9", "#8a8f98", "#7a2e2e")
    furniture: str = "rule"
    tables: str = "rules"
    folio: str = "{page}"
    legend: str = "top"
    justify: bool = True
    scan: dict[str, float] = field(default_factory=dict)

    def font(self, kind: str = "regular", heads: bool = False) -> str:
        """The name of a font of this look: kind is `regular`, `bold` or `italic`."""
        family = self.heads if heads else self.body
        register(family)
        return FAMILIES[family][("regular", "bold", "italic").index(kind)]

    @property
    def text_width(self) -> float:
        """Width between the margins."""
        return self.page_size[0] - 2 * self.margin


@cache
def register(family: str) -> None:
    """Make a family's TrueType files known to reportlab (the base fonts need nothing)."""
    if family in _BASE:
        return
    import matplotlib
    from reportlab.lib.fonts import addMapping
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    regular, bold, italic = FAMILIES[family]
    for name in (regular, bold, italic):
        pdfmetrics.registerFont(TTFont(name, str(folder / f"{name}.ttf")))
    for is_bold, is_italic, name in ((0, 0, regular), (1, 0, bold), (0, 1, italic), (1, 1, bold)):
        addMapping(regular, is_bold, is_italic, name)


def draw_furniture(canvas: Any, look: Look, head: str, section: str, page: int, pages: int) -> None:
    """Draw running head and page number.

    Args:
        canvas: reportlab's canvas.
        look: the report's style.
        head: the report's running head.
        section: what this page belongs to, set at the other side of the head.
        page: from 1.
        pages: how many the report has.
    """
    width, height = look.page_size
    left, right = look.margin, width - look.margin
    folio = look.folio.format(page=page, pages=pages)
    canvas.saveState()
    canvas.setFont(look.font("regular", heads=True), 8.5)
    if look.furniture == "band":
        canvas.setFillColor(look.ink)
        canvas.rect(0, height - 36, width, 36, stroke=0, fill=1)
        canvas.setFillColor("#ffffff")
        canvas.drawString(left, height - 23, head)
        canvas.drawRightString(right, height - 23, section)
        canvas.setFillColor(look.ink)
        canvas.drawRightString(right, 28, folio)
    elif look.furniture == "side":
        canvas.setFillColor(look.ink)
        canvas.rect(0, 0, 14, height, stroke=0, fill=1)
        canvas.setFillColor("#555555")
        canvas.drawString(left, height - 32, section)
        canvas.drawString(left, 28, folio)
        canvas.drawRightString(right, 28, head)
    elif look.furniture == "plain":
        canvas.setFillColor("#444444")
        canvas.drawCentredString(width / 2, height - 34, head if page % 2 else section)
        canvas.drawCentredString(width / 2, 28, folio)
    else:
        canvas.setFillColor("#333333")
        canvas.drawString(left, height - 34, head)
        canvas.drawRightString(right, height - 34, section)
        canvas.setStrokeColor(look.ink)
        canvas.setLineWidth(0.8)
        canvas.line(left, height - 40, right, height - 40)
        canvas.drawCentredString(width / 2, 28, folio)
    canvas.restoreState()


def draw_title_page(canvas: Any, look: Look, title: str, subtitle: str, organisation: str, lines: list[str]) -> None:
    """Draw a cover: title, subtitle, organisation and a few lines of imprint, each on a line of its own."""
    width, height = look.page_size
    left = look.margin
    canvas.saveState()
    if look.furniture in ("band", "side"):
        canvas.setFillColor(look.ink)
        canvas.rect(0, height * 0.52, width, height * 0.48, stroke=0, fill=1)
        canvas.setFillColor(look.colours[1])
        canvas.rect(0, height * 0.505, width, height * 0.015, stroke=0, fill=1)
        first = "#ffffff"
    else:
        canvas.setStrokeColor(look.ink)
        canvas.setLineWidth(3)
        canvas.line(left, height - 120, width - left, height - 120)
        canvas.setFillColor(look.tint)
        canvas.rect(left, 150, look.text_width, height * 0.26, stroke=0, fill=1)
        first = look.ink
    canvas.setFillColor(first)
    canvas.setFont(look.font("regular", heads=True), 14)
    canvas.drawString(left, height - 100, organisation)
    y = height - 190.0
    canvas.setFont(look.font("bold", heads=True), 30)
    for line in title.split("\n"):
        canvas.drawString(left, y, line)
        y -= 38
    canvas.setFont(look.font("regular", heads=True), 15)
    for line in subtitle.split("\n"):
        canvas.drawString(left, y - 6, line)
        y -= 22
    canvas.setFillColor("#222222")
    canvas.setFont(look.font("regular"), 10.5)
    y = 150 + height * 0.26 - 34
    for line in lines:
        canvas.drawString(left + 18, y, line)
        y -= 17
    canvas.restoreState()
