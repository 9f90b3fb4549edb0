"""What stands on a page: headings, paragraphs, lists, boxes, tables. Each becomes reportlab flowables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from source.look import Look


class Block(Protocol):
    """Something that a page holds."""

    def flowables(self, look: Look, width: float) -> list[Any]:
        """Reportlab flowables in this look, for a column of `width` points."""
        ...


def style(look: Look, name: str) -> Any:
    """The paragraph style `h1`, `h2`, `body`, `small`, `caption`, `cell` or `lead` of a look."""
    from reportlab.lib.enums import TA_JUSTIFY, TA_LEFT
    from reportlab.lib.styles import ParagraphStyle

    body, size = look.font(), look.size
    settings: dict[str, dict[str, Any]] = {
        "h1": {"fontName": look.font("bold", True), "fontSize": size + 7, "leading": size + 11, "spaceAfter": 7,
               "textColor": look.ink},
        "h2": {"fontName": look.font("bold", True), "fontSize": size + 1.5, "leading": size + 5, "spaceBefore": 5,
               "spaceAfter": 3, "textColor": look.ink},
        "body": {"fontName": body, "fontSize": size, "leading": look.leading, "spaceAfter": 6,
                 "alignment": TA_JUSTIFY if look.justify else TA_LEFT},
        "lead": {"fontName": look.font("italic"), "fontSize": size + 1.5, "leading": look.leading + 2.5,
                 "spaceAfter": 8},
        "small": {"fontName": body, "fontSize": size - 1.5, "leading": look.leading - 2.2, "spaceAfter": 5},
        "caption": {"fontName": look.font("bold"), "fontSize": size - 0.8, "leading": look.leading - 1.4,
                    "spaceAfter": 4},
        "bullet": {"fontName": body, "fontSize": size, "leading": look.leading, "spaceAfter": 3, "leftIndent": 13},
    }  # fmt: skip
    return ParagraphStyle(name, **settings[name])


@dataclass(frozen=True)
class Text:
    """A paragraph or heading in a named style; `<b>` and `<i>` are understood."""

    text: str
    style: str = "body"

    def flowables(self, look: Look, width: float) -> list[Any]:
        """One paragraph."""
        from reportlab.platypus import Paragraph

        return [Paragraph(" ".join(self.text.split()), style(look, self.style))]


def paragraphs(text: str, kind: str = "body") -> list[Block]:
    """Blocks of a text whose paragraphs are set apart by blank lines; a line that opens with `## ` is a heading."""
    found: list[Block] = []
    for part in text.strip().split("\n\n"):
        part = part.strip()
        if part.startswith("## "):
            found.append(Text(part[3:], "h2"))
        elif part.startswith("# "):
            found.append(Text(part[2:], "h1"))
        elif part.startswith("> "):
            found.append(Text(part[2:], "lead"))
        elif part.startswith("- "):
            found.append(Bullets([item.strip() for item in re.split(r"\n\s*- ", part[2:])]))
        else:
            found.append(Text(part, kind))
    return found


@dataclass(frozen=True)
class Bullets:
    """A list of short items."""

    items: Sequence[str]

    def flowables(self, look: Look, width: float) -> list[Any]:
        """One paragraph an item, with a hanging bullet."""
        from reportlab.platypus import Paragraph

        return [Paragraph(" ".join(i.split()), style(look, "bullet"), bulletText="•") for i in self.items]


@dataclass(frozen=True)
class Box:
    """Paragraphs on a tinted ground: a definition, a warning, a case."""

    text: str

    def flowables(self, look: Look, width: float) -> list[Any]:
        """A table of one cell."""
        from reportlab.platypus import Spacer
        from reportlab.platypus import Table as Grid

        inner = [flowable for block in paragraphs(self.text) for flowable in block.flowables(look, width - 20)]
        grid = Grid([[inner]], colWidths=[width], style=[
            ("BACKGROUND", (0, 0), (-1, -1), look.tint), ("LINEBEFORE", (0, 0), (0, -1), 2.5, look.ink),
            ("LEFTPADDING", (0, 0), (-1, -1), 10), ("RIGHTPADDING", (0, 0), (-1, -1), 10),
            ("TOPPADDING", (0, 0), (-1, -1), 7), ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
        ])  # fmt: skip
        return [grid, Spacer(1, 8)]


@dataclass(frozen=True)
class KeyFigures:
    """A row of large numbers, each with a label below."""

    figures: Sequence[tuple[str, str]]

    def flowables(self, look: Look, width: float) -> list[Any]:
        """A table of two rows."""
        from reportlab.lib.styles import ParagraphStyle
        from reportlab.platypus import Paragraph, Spacer
        from reportlab.platypus import Table as Grid

        large = ParagraphStyle("large", fontName=look.font("bold", True), fontSize=19, leading=23, textColor=look.ink)
        small = style(look, "small")
        rows = [[Paragraph(value, large) for value, _ in self.figures], [Paragraph(t, small) for _, t in self.figures]]
        grid = Grid(rows, colWidths=[width / len(self.figures)] * len(self.figures), style=[
            ("VALIGN", (0, 0), (-1, -1), "TOP"), ("LINEABOVE", (0, 0), (-1, 0), 1.5, look.ink),
            ("LINEBELOW", (0, -1), (-1, -1), 0.5, look.ink), ("LEFTPADDING", (0, 0), (-1, -1), 4),
        ])  # fmt: skip
        return [grid, Spacer(1, 9)]


@dataclass(frozen=True)
class Table:
    """A captioned table; the first column is text, the others are numbers or text as given.

    Attributes:
        title: its caption, above it.
        header: one label a column.
        rows: as printed.
        total: whether the last row is a total (set in bold under a line); sums are checked by `check_total`.
        note: a line in small print below.
        first: width of the first column as a share of the whole.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    total: bool = False
    note: str = ""
    first: float = 0.26
    sums: Sequence[int] = ()

    def __post_init__(self) -> None:
        if any(len(row) != len(self.header) for row in self.rows):
            raise ValueError(f"table {self.title!r}: every row must have {len(self.header)} cells.")
        for column in self.sums:
            self.check_total(column)

    def check_total(self, column: int) -> None:
        """Raise a `ValueError` where the last row's cell is not the sum of those above it."""
        cells = [Decimal(row[column].replace(",", "").replace("−", "-").strip("£$€%")) for row in self.rows]
        if sum(cells[:-1]) != cells[-1]:
            raise ValueError(f"table {self.title!r}, {self.header[column]}: {sum(cells[:-1])} is not {cells[-1]}.")

    def flowables(self, look: Look, width: float) -> list[Any]:
        """Caption, grid, note."""
        from reportlab.lib.styles import ParagraphStyle
        from reportlab.platypus import Paragraph, Spacer
        from reportlab.platypus import Table as Grid

        size = look.size - 0.8
        head = ParagraphStyle(
            "head", fontName=look.font("bold"), fontSize=size, leading=size + 2.5, alignment=2,
            textColor="#ffffff" if look.tables == "stripes" else "#000000",
        )  # fmt: skip
        first_head = ParagraphStyle("first", parent=head, alignment=0)
        rest = (1 - self.first) * width / (len(self.header) - 1)
        cells: list[list[Any]] = [
            [Paragraph(label, first_head if i == 0 else head) for i, label in enumerate(self.header)],
            *[list(row) for row in self.rows],
        ]
        commands: list[tuple[Any, ...]] = [
            ("FONT", (0, 1), (-1, -1), look.font(), size), ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"), ("TOPPADDING", (0, 0), (-1, -1), 4.2),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 4.2), ("LEFTPADDING", (0, 0), (-1, -1), 4),
            ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ]  # fmt: skip
        if look.tables == "grid":
            commands += [("GRID", (0, 0), (-1, -1), 0.4, "#777777"), ("BACKGROUND", (0, 0), (-1, 0), look.tint)]
        elif look.tables == "stripes":
            commands += [("BACKGROUND", (0, 0), (-1, 0), look.ink)]
            commands += [("BACKGROUND", (0, i), (-1, i), look.tint) for i in range(2, len(cells), 2)]
        else:
            commands += [("LINEABOVE", (0, 0), (-1, 0), 1, "#000000"), ("LINEBELOW", (0, 0), (-1, 0), 0.5, "#000000"),
                         ("LINEBELOW", (0, -1), (-1, -1), 1, "#000000")]  # fmt: skip
        if self.total:
            commands += [("FONT", (0, -1), (-1, -1), look.font("bold"), size),
                         ("LINEABOVE", (0, -1), (-1, -1), 0.8, "#000000")]  # fmt: skip
        parts: list[Any] = [Paragraph(self.title, style(look, "caption"))]
        parts.append(Grid(cells, colWidths=[self.first * width, *[rest] * (len(self.header) - 1)], style=commands))
        parts.append(Spacer(1, 4))
        if self.note:
            parts.append(Paragraph(self.note, style(look, "small")))
        return [*parts, Spacer(1, 6)]
