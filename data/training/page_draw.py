"""Training pages for the page encoder, drawn on the fly: what stands where is known, so no page needs a label by hand.

    python data/training/page_draw.py --pack build/training/page-pack --sheet sheet.png        # look at some
    python data/training/page_draw.py --pack build/training/page-pack --pace                   # pages a second and core

A page is a grid of patches of 32 x 40 pixels; a crop is a small page. It is filled with headings, paragraphs, lists,
tables, charts and figures about a passage of text, in one of the pack's fonts, and then stretched, turned, blurred and
made pale as scanners and PDF readers do. With the pixels come the tokens of all text in reading order, each with its
box, the letter in every cell of 8 x 8 pixels, and questions that the page answers.
"""

import argparse
import gzip
import json
import math
import random
import re
import time
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from tokenizers import Tokenizer

PATCH_W, PATCH_H, CELL = 32, 40, 8
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
LETTER = {letter: number for number, letter in enumerate(LETTERS)}
OTHER, BLANK = len(LETTERS), len(LETTERS) + 1
WINDOW = 125  # tokens of a text that are read together; three special ones are added
KINDS = {
    "line": "line chart",
    "bar": "bar chart",
    "pie": "pie chart",
    "scatter": "scatter plot",
    "table": "table",
    "diagram": "diagram",
    "photo": "photograph",
}
UNITS = ["%", "million", "tonnes", "hours", "km", "kg", "per year", "thousand", "MW", "days", "points", "litres"]
MONTHS = ["January", "March", "April", "June", "July", "August", "October", "December"]
# Words that a headline leaves in small letters.
SMALL_WORDS = (
    "a about after all also an and are as at be been but by can could did do does for from had has have "
    "he her him his how i if in into is it its may more most no not of on one or other she so some such "
    "than that the their them then there these they this to two up was we were what when where which "
    "while who why will with would you your "
)
SMALL = set(SMALL_WORDS.split())


@dataclass
class Drawn:
    """A drawn page.

    Attributes:
        pixels: uint8 `(height, width)`.
        windows: token ids of the page's text, in reading order, at most 125 at a time.
        tokens: int32 `(n, 3)`: window, position in it and id of every token whose place is known.
        boxes: float32 `(n, 4)`: x0, y0, x1, y1 of each, in pixels.
        cells: uint8 `(height / 8, width / 8)`: the letter, `OTHER` or `BLANK`.
        questions: kind and text of each question that the page answers.
        topic: what it is about, and how that is drawn.
    """

    pixels: np.ndarray
    windows: list[list[int]]
    tokens: np.ndarray
    boxes: np.ndarray
    cells: np.ndarray
    questions: list[tuple[str, str]]
    topic: tuple[str, str]


class Face:
    """A font at a size, and how far each letter moves the pen."""

    def __init__(self, path: str, size: int) -> None:
        self.font = ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
        self.size = size
        self.cap = -self.font.getbbox("Hk", anchor="ls")[1]
        self.x_height = -self.font.getbbox("x", anchor="ls")[1]
        self.deep = self.font.getbbox("gp", anchor="ls")[3]
        self.steps: dict[str, float] = {}
        self.space = max(self.font.getlength(" "), 0.2 * size)

    def edges(self, word: str) -> list[float]:
        """Where each letter of a word begins, and where the last one ends."""
        steps, at, found = self.steps, 0.0, [0.0]
        for letter in word:
            step = steps.get(letter)
            if step is None:
                step = steps[letter] = self.font.getlength(letter)
            at += step
            found.append(at)
        return found


@lru_cache(maxsize=600)
def face(path: str, size: int) -> Face:
    """A font at a size, kept."""
    return Face(path, size)


@dataclass
class Run:
    """A text in reading order: its words, and where each was drawn (None: not at all)."""

    words: list[str] = field(default_factory=list)
    places: list[tuple | None] = field(default_factory=list)
    kind: str = "text"


class Sheet:
    """Paper to draw on, that remembers what was drawn where."""

    def __init__(self, width: int, height: int, paper: int) -> None:
        self.image = Image.new("L", (width, height), paper)
        self.pen = ImageDraw.Draw(self.image)
        self.runs: list[Run] = []
        self.paper = paper

    def run(self, kind: str = "text") -> Run:
        """A new text."""
        self.runs.append(Run(kind=kind))
        return self.runs[-1]

    def line(
        self, run: Run, words: list[str], x: float, base: float, face: Face, ink: int, space: float | None = None
    ) -> float:
        """Draw words from `x` on the baseline `base`; where the pen ends."""
        space = face.space if space is None else space
        for word in words:
            edges = face.edges(word)
            self.pen.text((x, base), word, font=face.font, fill=ink, anchor="ls")
            run.words.append(word)
            run.places.append((x, base, edges, face))
            x += edges[-1] + space
        return x - space

    def virtual(self, text: str, shown: int, box: tuple[float, float, float, float]) -> None:
        """What is to be seen in a box, said in words: the first `shown` of them lie on all of it."""
        run = self.run("virtual")
        run.words = text.split()
        run.places = [box if place < shown else None for place in range(len(run.words))]


def plain(text: str) -> str:
    """Text in letters that every font has."""
    text = text.translate({0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0x2013: "-", 0x2014: "-", 0x2026: "..."})
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def width_of(words: list[str], face: Face) -> float:
    """Width of a line of words."""
    return sum(face.edges(word)[-1] for word in words) + face.space * max(0, len(words) - 1)


@dataclass
class Style:
    """How a page looks: fonts, sizes, ink."""

    body: Face
    bold: Face
    small: Face
    head: Face
    ink: int
    lead: float

    @classmethod
    def drawn(cls, rng: random.Random, fonts: list[str], large: float) -> "Style":
        """A random one; `large` stretches the sizes."""
        size = rng.choice([10, 11, 12, 12, 13, 13, 14, 14, 15, 15, 16, 16, 17, 18, 20, 22, 26])
        size = max(9, round(size * large))
        path = rng.choice(fonts)
        head = path if rng.random() < 0.5 else rng.choice(fonts)
        bold = _sibling(path, fonts, rng)
        ink = rng.choice([0, 0, 0, 0, 20, 40, 60, 80])
        return cls(
            face(path, size),
            face(bold, size),
            face(path, max(9, round(size * rng.uniform(0.78, 0.95)))),
            face(head, min(56, round(size * rng.uniform(1.15, 2.2)))),
            ink,
            rng.uniform(1.15, 1.55),
        )


def _sibling(path: str, fonts: list[str], rng: random.Random) -> str:
    family = re.split(r"[-_]|Regular|Book", Path(path).stem)[0][:9]
    same = [font for font in fonts if Path(font).stem.startswith(family) and "Bold" in font]
    return rng.choice(same) if same and rng.random() < 0.7 else path


class Subject:
    """What a page is about: a passage, and names out of it for heads, legends and axes."""

    def __init__(self, passage: str, questions: list[str], rng: random.Random) -> None:
        self.words = plain(passage).split()
        self.questions = questions
        names = list(
            dict.fromkeys(
                w
                for w in (re.sub(r"\W", "", word) for word in self.words)
                if w.isalpha() and len(w) > 3 and w.lower() not in SMALL
            )
        )
        rng.shuffle(names)
        names += ["Output", "Income", "Visitors", "Rainfall", "Demand", "Stock", "Revenue", "Staff"]
        self.topic = " ".join(names[: rng.randint(1, 3)])
        names = names[3:]
        count = rng.randint(2, 7)
        self.rows = [
            _cap(" ".join(names[2 * k : 2 * k + rng.randint(1, 2)]), rng) or f"Group {k + 1}" for k in range(count)
        ]
        if rng.random() < 0.5:
            first = rng.randint(1985, 2028)
            self.columns = [str(first + k) for k in range(rng.randint(2, 6))]
        elif rng.random() < 0.4:
            start = rng.randrange(4)
            self.columns = MONTHS[start : start + rng.randint(2, 4)]
        else:
            rest = names[2 * count :] + ["Total", "Mean", "Share"]
            self.columns = [_cap(name, rng) for name in rest[: rng.randint(2, 4)]]
        self.unit = rng.choice(UNITS)


def _cap(text: str, rng: random.Random) -> str:
    return text[:1].upper() + text[1:] if rng.random() < 0.7 else text


def number(rng: random.Random) -> str:
    """A number as tables print it."""
    shape = rng.randrange(6)
    if shape == 0:
        return f"{rng.uniform(0, 100):.1f}%"
    if shape == 1:
        return f"{rng.randint(1000, 999999):,}"
    if shape == 2:
        return f"{rng.uniform(0, 20):.2f}"
    if shape == 3:
        return f"{rng.uniform(1, 900):.1f}"
    return str(rng.randint(0, 999))


class Page:
    """Fills a sheet with blocks, from top to bottom."""

    def __init__(self, width: int, height: int, rng: random.Random, fonts: list[str], large: float) -> None:
        self.rng, self.fonts = rng, fonts
        dark = rng.random() < 0.03
        self.style = Style.drawn(rng, fonts, large)
        if dark:
            self.style.ink = rng.randint(190, 255)
        self.sheet = Sheet(width, height, rng.randint(0, 60) if dark else rng.choice([255, 255, 255, 252, 246, 238]))
        self.questions: list[tuple[str, str]] = []
        self.kind = "text"

    # Every block draws from `top` within x0 .. x1, not below `floor`, and returns where it ended.

    def wrapped(
        self,
        run: Run,
        words: list[str],
        box: tuple[float, float, float],
        floor: float,
        face: Face,
        ink: int,
        lines: int = 999,
        how: str = "left",
        indent: float = 0.0,
        lead: float | None = None,
    ) -> tuple[float, int]:
        """Words broken into lines; where it ended, and how many words were drawn."""
        x0, top, x1 = box
        step = round(face.size * (self.style.lead if lead is None else lead))
        base, done, room = top + face.cap + 1, 0, x1 - x0
        while done < len(words) and base + face.deep <= floor and lines:
            end, wide, shift = done, 0.0, indent if done == 0 else 0.0
            while end < len(words):
                more = face.edges(words[end])[-1] + (face.space if end > done else 0)
                if wide + more > room - shift and end > done:
                    break
                wide, end = wide + more, end + 1
            if wide > room - shift:  # a single word that is too long for the line
                words = words[:done] + words[done + 1 :]
                continue
            line, space, left = words[done:end], face.space, x0 + shift
            if (
                how == "even"
                and end < len(words)
                and len(line) > 3
                and room - shift - wide < 1.2 * face.space * len(line)
            ):
                space += (room - shift - wide) / (len(line) - 1)
            elif how == "middle":
                left = x0 + (room - wide) / 2
            self.sheet.line(run, line, left, base, face, ink, space)
            done, base, lines = end, base + step, lines - 1
        return base - step + face.deep + 2 if done else top, done

    def heading(self, words: list[str], box: tuple[float, float, float], floor: float) -> float:
        """A title, or a band of reversed type."""
        x0, top, x1 = box
        rng, head, sheet = self.rng, self.style.head, self.sheet
        words = words[: rng.randint(2, 7)]
        if rng.random() < 0.25:
            words = [word.upper() for word in words]
        if max((head.edges(word)[-1] for word in words), default=0) > x1 - x0 - 8:
            head = self.style.bold
        if rng.random() < 0.18 and top + head.size * 1.6 < floor:
            while words and width_of(words, head) > x1 - x0 - 12:
                words = words[:-1]
            if not words:
                return top
            bottom = top + round(head.size * 1.6)
            shade = rng.randint(0, 110) if sheet.paper > 128 else rng.randint(180, 255)
            sheet.pen.rectangle((x0, top, x1, bottom), fill=shade)
            sheet.line(sheet.run(), words, x0 + 6, (top + bottom + head.cap) / 2, head, 255 if shade < 128 else 0)
            self.questions.append(("run", " ".join(words)))
            return bottom + head.size * 0.4
        run = sheet.run()
        bottom, done = self.wrapped(
            run, words, box, floor, head, self.style.ink, lines=2, how=rng.choice(["left", "left", "middle"]), lead=1.15
        )
        if done > 1:
            self.questions.append(("run", " ".join(run.words)))
        return bottom + head.size * 0.3 if done else floor

    def paragraph(self, words: list[str], box: tuple[float, float, float], floor: float, how: str) -> tuple[float, int]:
        """Running text, and questions about some neighbouring words of it."""
        run, rng = self.sheet.run(), self.rng
        bottom, done = self.wrapped(
            run,
            words,
            box,
            floor,
            self.style.body,
            self.style.ink,
            how=how,
            indent=rng.choice([0, 0, 0, self.style.body.size * 1.5]),
        )
        if done > 8:
            length = rng.randint(4, 9)
            start = rng.randrange(done - length + 1) if done > length else 0
            self.questions.append(("run", " ".join(run.words[start : start + length])))
        return bottom, done

    def bullets(self, words: list[str], box: tuple[float, float, float], floor: float) -> tuple[float, int]:
        """A list."""
        x0, top, x1 = box
        rng, body, done = self.rng, self.style.body, 0
        numbered, dot = rng.random() < 0.4, rng.choice(["-", "*", "o"])
        for item in range(rng.randint(2, 6)):
            count = rng.randint(2, 14)
            part = words[done : done + count]
            if not part or top + body.size > floor:
                break
            run = self.sheet.run()
            mark = f"{item + 1}." if numbered else dot
            self.sheet.line(run, [mark], x0 + 2, top + body.cap + 1, body, self.style.ink)
            end, drawn = self.wrapped(run, part, (x0 + 1.8 * body.size, top, x1), floor, body, self.style.ink)
            if drawn < len(part):
                return end, done + drawn
            if drawn > 3:
                self.questions.append(("run", " ".join(run.words[1:8])))
            top, done = end + body.size * 0.3, done + drawn
        return top, done

    def caption(self, kind: str, subject: Subject, box: tuple[float, float, float], floor: float) -> float:
        """Words under or over something drawn, or none at all: then only the drawing says what it is."""
        rng = self.rng
        if rng.random() < 0.25:
            return box[1]
        named = KINDS[kind] if rng.random() < 0.25 and kind != "photo" else ""
        label = "Table" if kind == "table" else rng.choice(["Figure", "Fig.", "Chart"])
        start = rng.randrange(max(1, len(subject.words) - 12))
        tail = subject.words[start : start + rng.randint(2, 9)]
        words = [
            label,
            f"{rng.randint(1, 12)}{rng.choice([':', '.', ''])}",
            *named.split(),
            *subject.topic.split(),
            *tail,
        ]
        run = self.sheet.run("caption")
        end, done = self.wrapped(
            run, words, box, floor, self.style.small, self.style.ink, lines=3, how=rng.choice(["left", "middle"])
        )
        if done > 4:
            self.questions.append(("caption", " ".join(run.words[2 : 2 + rng.randint(3, 8)])))
        return end + 3 if done else box[1]

    def table(self, subject: Subject, box: tuple[float, float, float], floor: float) -> float:
        """Rows and columns with heads, and numbers."""
        x0, top, x1 = box
        rng, sheet, ink = self.rng, self.sheet, self.style.ink
        text, head = (self.style.small if rng.random() < 0.5 else self.style.body), self.style.bold
        if head.size > text.size:
            head = text
        step = round(text.size * rng.uniform(1.3, 2.0))
        names = subject.rows
        if max(width_of(name.split(), text) for name in names) > (x1 - x0) / 2:
            names = [name.split()[0] for name in names]
        stub = max(width_of(name.split(), text) for name in names) + 10
        columns = list(subject.columns)
        wide = max(max(width_of(name.split(), head) for name in columns), text.edges("000,000")[-1]) + 12
        columns = columns[: max(0, int((x1 - x0 - stub) / wide))]
        if not columns or floor - top < 3 * step:
            return top
        if rng.random() < 0.5:
            top = self.caption("table", subject, (x0, top, x1), floor - 3 * step)
        rows = names[: int((floor - top) / step) - 1]
        if not rows:
            return top
        if rng.random() < 0.5:
            wide = min((x1 - x0 - stub) / len(columns), 2.5 * wide)
        right, frame, shaded = x0 + stub + wide * len(columns), rng.randrange(4), rng.random() < 0.25
        rule = rng.randint(0, 170) if sheet.paper > 128 else 200
        start = top
        if shaded or rng.random() < 0.2:
            sheet.pen.rectangle(
                (x0, top, right, top + step), fill=rng.randint(190, 235) if sheet.paper > 128 else sheet.paper + 30
            )
        run = sheet.run("table")

        def cell(words: list[str], column: int, base: float, face: Face) -> None:
            edge = x0 + stub + wide * (column + 1) - 6
            sheet.line(run, words, edge - width_of(words, face), base, face, ink)

        base = top + (step + head.cap) / 2
        for column, name in enumerate(columns):
            cell(name.split(), column, base, head)
        for row, name in enumerate(rows):
            top += step
            base = top + (step + text.cap) / 2
            if shaded and row % 2:
                sheet.pen.rectangle((x0, top, right, top + step), fill=240 if sheet.paper > 128 else sheet.paper + 20)
            sheet.line(run, name.split(), x0 + 4, base, text, ink)
            for column in range(len(columns)):
                cell([number(rng)], column, base, text)
            if frame == 1 or (frame == 3 and rng.random() < 0.3):
                sheet.pen.line((x0, top, right, top), fill=rule)
        bottom = top + step
        if frame:
            for y in (start, start + step, bottom):
                sheet.pen.line((x0, y, right, y), fill=rule, width=rng.choice([1, 1, 2]))
        if frame == 1:
            for column in range(len(columns) + 1):
                sheet.pen.line((x0 + stub + wide * column, start, x0 + stub + wide * column, bottom), fill=rule)
        for _ in range(2):
            self.questions.append(("cell", f"{rng.choice(rows)} {rng.choice(columns)}"))
        sheet.virtual(f"table of {subject.topic}", 1, (x0, start, right, bottom))
        self.seen("table", subject)
        return bottom + 4

    def seen(self, kind: str, subject: Subject) -> None:
        """Remember that something is drawn here, and ask for it."""
        self.kind = kind
        joint = self.rng.choice(["of", "of", "showing", "with"])
        about = subject.topic if self.rng.random() < 0.7 else self.rng.choice(subject.rows)
        self.questions.append(("drawing", f"{KINDS[kind]} {joint} {about}"))

    def chart(self, kind: str, subject: Subject, box: tuple[float, float, float], floor: float) -> float:
        """Lines, bars, points or a pie, with axes, ticks, legend, title and caption."""
        x0, top, x1 = box
        rng, sheet, small, ink = self.rng, self.sheet, self.style.small, self.style.ink
        pen = sheet.pen
        need = min(max(90.0, (x1 - x0) * rng.uniform(0.4, 0.75)), 420.0)
        if floor - top < max(90.0, 7 * small.size + 2.5 * self.style.bold.size):
            return floor
        bottom = min(floor, top + need) - 3 * small.size
        if rng.random() < 0.6:  # a title
            title = [*subject.topic.split(), *([f"({subject.unit})"] if rng.random() < 0.5 else [])]
            run = sheet.run("caption")
            top, done = self.wrapped(
                run, title, (x0, top, x1), bottom - 50, self.style.bold, ink, lines=2, how="middle", lead=1.15
            )
            if done:
                self.questions.append(("caption", " ".join(run.words)))
            top += 3
        names = [name for name in subject.rows[: rng.randint(1, 4)] if width_of(name.split(), small) < (x1 - x0) * 0.6]
        shades = rng.sample([0, 60, 100, 140, 175], 5) if sheet.paper > 128 else [255, 220, 190, 160, 130]
        if names and kind != "scatter" and (len(names) > 1 or rng.random() < 0.5):  # a legend, over the plot
            run, x = sheet.run("legend"), x0 + 4
            base = top + small.cap + 2
            shown = []
            for place, name in enumerate(names):
                wide = width_of(name.split(), small) + 26
                if x + wide > x1 and x > x0 + 4:
                    x, base = x0 + 4, base + round(1.3 * small.size)
                if base > bottom - 40 or x + wide > x1:
                    break
                mid = base - small.cap / 2
                if kind == "line":
                    pen.line((x, mid, x + 15, mid), fill=shades[place], width=2)
                else:
                    pen.rectangle((x + 3, mid - 4, x + 12, mid + 4), fill=shades[place], outline=ink)
                sheet.line(run, name.split(), x + 19, base, small, ink)
                shown.append(name)
                x += wide
            top = base + small.deep + 5
            if shown:
                self.questions.append(("caption", f"{rng.choice(shown)} {subject.topic}"))
        names = names or ["all"]
        if bottom - top < 30:
            return bottom
        if kind == "pie":
            radius = min(bottom - top, x1 - x0) / 2 - 2
            middle, y = (x0 + x1) / 2, top + radius + 1
            cuts = sorted(rng.uniform(0, 360) for _ in range(max(3, len(names))))
            cuts.append(cuts[0] + 360)
            for place in range(len(cuts) - 1):
                pen.pieslice(
                    (middle - radius, y - radius, middle + radius, y + radius),
                    cuts[place],
                    cuts[place + 1],
                    fill=shades[place % 5],
                    outline=sheet.paper,
                    width=1,
                )
            plot = (middle - radius, top, middle + radius, y + radius)
        else:
            ticks = rng.randint(3, 6)
            most = rng.choice([1, 5, 10, 40, 100, 250, 1000, 5000])
            labels = [f"{most * k / (ticks - 1):,.{1 if most < 10 else 0}f}" for k in range(ticks)]
            left = x0 + max(small.edges(label)[-1] for label in labels) + 7
            run = sheet.run("axis")
            grid = rng.random() < 0.4
            for place, label in enumerate(labels):
                y = bottom - (bottom - top - 4) * place / (ticks - 1)
                if grid:
                    pen.line((left, y, x1, y), fill=(sheet.paper + ink) // 2 + 60 if sheet.paper > 128 else 90)
                pen.line((left - 3, y, left, y), fill=ink)
                if (bottom - top) / ticks > small.size or place in (0, ticks - 1):
                    sheet.line(run, [label], left - 5 - small.edges(label)[-1], y + small.cap / 2, small, ink)
            groups = subject.columns if len(subject.columns) > 1 else ["A", "B", "C"]
            slot = (x1 - left) / len(groups)
            run = sheet.run("axis")
            end = left
            for place, name in enumerate(groups):
                wide = width_of(name.split(), small)
                x = left + slot * (place + 0.5) - wide / 2
                if x > end and x + wide < x1 + 2:
                    sheet.line(run, name.split(), x, bottom + small.cap + 5, small, ink)
                    end = x + wide + 4
            pen.line((left, bottom, x1, bottom), fill=ink, width=rng.choice([1, 1, 2]))
            if rng.random() < 0.8:
                pen.line((left, top, left, bottom), fill=ink, width=rng.choice([1, 1, 2]))
            high = bottom - top - 4
            if kind == "scatter":
                slope, size = rng.uniform(-0.7, 0.7), rng.uniform(1.5, 4)
                for _ in range(rng.randint(12, 60)):
                    share = rng.random()
                    y = bottom - high * min(1, max(0, 0.5 + slope * (share - 0.5) + rng.gauss(0, 0.12)))
                    x = left + share * (x1 - left - 6) + 3
                    pen.ellipse((x - size, y - size, x + size, y + size), fill=shades[0])
            elif kind == "line":
                count, curve = rng.choice([len(groups), len(groups), 24]), rng.random() < 0.3
                for place in range(len(names)):
                    level, points = rng.uniform(0.1, 0.9), []
                    for k in range(max(2, count)):
                        level = min(1, max(0, level + rng.gauss(0, 0.06 if count == 24 else 0.18)))
                        points.append(
                            (left + slot / 2 + (x1 - left - slot) * k / max(1, count - 1), bottom - high * level)
                        )
                    pen.line(
                        points, fill=shades[place], width=rng.choice([1, 2, 2, 3]), joint="curve" if curve else None
                    )
                    if rng.random() < 0.4 and count != 24:
                        for x, y in points:
                            pen.ellipse((x - 3, y - 3, x + 3, y + 3), fill=shades[place])
            else:
                thick = slot * rng.uniform(0.4, 0.85) / len(names)
                for group in range(len(groups)):
                    for place in range(len(names)):
                        x = left + slot * (group + 0.5) + thick * (place - len(names) / 2)
                        y = bottom - high * rng.uniform(0.03, 1)
                        pen.rectangle(
                            (x, y, x + thick - 1, bottom),
                            fill=shades[place],
                            outline=ink if rng.random() < 0.2 else None,
                        )
            plot = (left, top, x1, bottom)
        sheet.virtual(f"{KINDS[kind]} of {subject.topic}", len(KINDS[kind].split()), plot)
        self.seen(kind, subject)
        bottom += 0 if kind == "pie" else 1.6 * small.size
        return self.caption(kind, subject, (x0, bottom + 4, x1), floor) + 4

    def figure(self, kind: str, subject: Subject, box: tuple[float, float, float], floor: float) -> float:
        """A diagram of labelled boxes, or something like a photograph, with its caption."""
        x0, top, x1 = box
        rng, sheet, small, ink = self.rng, self.sheet, self.style.small, self.style.ink
        high = min(floor - top - 2.5 * small.size, (x1 - x0) * rng.uniform(0.4, 0.9), 460)
        if high < 60:
            return floor
        if kind == "photo":
            coarse = np.random.default_rng(rng.randrange(2**32)).random((rng.randint(3, 12), rng.randint(3, 12))) * 255
            photo = Image.fromarray(coarse.astype(np.uint8)).resize((int(x1 - x0), int(high)), Image.Resampling.BICUBIC)
            pen = ImageDraw.Draw(photo)
            for _ in range(rng.randint(0, 5)):
                x, y, r = rng.uniform(0, x1 - x0), rng.uniform(0, high), rng.uniform(5, high / 2)
                pen.ellipse((x - r, y - r / 2, x + r, y + r / 2), fill=rng.randrange(256))
            sheet.image.paste(photo, (int(x0), int(top)))
        else:
            across = max(1, min(3, int((x1 - x0) / (9 * small.size))))
            down = max(1, min(4, int(high / (3.5 * small.size))))
            down = min(down, -(-len(subject.rows) // across))
            high = min(high, 8.0 * small.size * down)
            slot_w, slot_h, shapes = (x1 - x0) / across, high / down, []
            for place, name in zip(range(across * down), subject.rows, strict=False):
                cx, cy = x0 + slot_w * (place % across + 0.5), top + slot_h * (place // across + 0.5)
                words = name.split()
                half = width_of(words, small) / 2 + 6
                if half > slot_w / 2:
                    continue
                shapes.append((cx, cy, half, words))
            for one, other in pairwise(shapes):
                sheet.pen.line((*one[:2], *other[:2]), fill=ink, width=rng.choice([1, 2]))
            run = sheet.run("diagram")
            for cx, cy, half, words in shapes:
                shape = (cx - half, cy - small.size, cx + half, cy + small.size)
                (sheet.pen.rectangle if rng.random() < 0.7 else sheet.pen.ellipse)(shape, fill=sheet.paper, outline=ink)
                sheet.line(run, words, cx - half + 6, cy + small.cap / 2, small, ink)
        sheet.virtual(f"{KINDS[kind]} of {subject.topic}", 1, (x0, top, x1, top + high))
        self.seen(kind, subject)
        return self.caption(kind, subject, (x0, top + high + 4, x1), floor) + 4

    def fill(self, subject: Subject, others: list[Subject], kind: str | None) -> None:
        """Blocks until the page is full; `kind` says what is drawn first."""
        rng, sheet = self.rng, self.sheet
        width, height = sheet.image.size
        whole = width > 500
        x0, x1 = rng.uniform(0.02, 0.1) * width, width - rng.uniform(0.02, 0.1) * width
        y, floor = rng.uniform(0.01, 0.08) * height, height - rng.uniform(0.01, 0.07) * height
        small = self.style.small
        if whole and rng.random() < 0.6:  # page number and running title
            base = height - 0.012 * height - small.deep
            if base - small.cap > floor:
                page = [str(rng.randint(1, 300))] if rng.random() < 0.6 else ["Page", str(rng.randint(1, 99))]
                left = rng.choice([x0, (x0 + x1) / 2, x1 - width_of(page, small)])
                sheet.line(sheet.run(), page, left, base, small, self.style.ink)
        if rng.random() < (0.8 if whole else 0.3):
            y = self.heading(_title(subject, rng), (x0, y, x1), floor)
        count = rng.choice([1, 1, 1, 2, 2]) if whole else 1
        gap = rng.uniform(0.02, 0.05) * width
        room = (x1 - x0 - gap * (count - 1)) / count
        if count == 2 and self.style.body.size > 20:
            count, room = 1, x1 - x0
        how, pending = rng.choice(["left", "left", "even"]), [subject, *others]
        current, words = subject, list(subject.words)
        drawn: dict[int, int] = {}
        columns = [(x0 + (room + gap) * k, x0 + (room + gap) * k + room) for k in range(count)]
        start = y
        for left, right in columns:
            y = start
            if len(columns) > 1 and right == columns[-1][1] and rng.random() < 0.15:
                sheet.pen.line((left - gap / 2, start, left - gap / 2, floor), fill=150)
            while floor - y > 1.6 * self.style.body.size:
                before, box, chosen = y, (left, y, right), kind
                if chosen is None:
                    shares = {
                        "text": 10,
                        "list": 1,
                        "head": 1.2,
                        "table": 1.2,
                        "line": 0.7,
                        "bar": 0.7,
                        "pie": 0.15,
                        "scatter": 0.15,
                        "diagram": 0.3,
                        "photo": 0.3,
                    }
                    chosen = rng.choices(list(shares), shares.values())[0]
                kind = None
                if chosen in ("text", "list"):
                    if not words:
                        pending.pop(0)
                        if not pending:
                            break
                        current = pending[0]
                        words = list(current.words)
                    most = words[: rng.randint(20, 120)]
                    y, done = (
                        self.paragraph(most, box, floor, how) if chosen == "text" else self.bullets(most, box, floor)
                    )
                    words = words[done:]
                    drawn[id(current)] = drawn.get(id(current), 0) + done
                    y += self.style.body.size * rng.choice([0.1, 0.3, 0.6])
                    if done == 0:
                        break
                elif chosen == "head":
                    y = self.heading(_title(current, rng), box, floor)
                elif chosen == "table":
                    y = self.table(current, box, floor)
                elif chosen in ("diagram", "photo"):
                    y = self.figure(chosen, current, box, floor)
                else:
                    y = self.chart(chosen, current, box, floor)
                y = max(y, before + 2) + rng.uniform(2, 12)
        for one in [subject, *others]:
            for question in one.questions:
                asked = {word for word in re.findall(r"\w+", question.lower()) if word not in SMALL}
                on = set(re.findall(r"\w+", " ".join(one.words[: drawn.get(id(one), 0)]).lower()))
                if drawn.get(id(one), 0) > 12 and len(asked & on) >= max(2, len(asked) / 2):
                    self.questions.append(("real", question))


def _title(subject: Subject, rng: random.Random) -> list[str]:
    start = rng.randrange(max(1, len(subject.words) - 8))
    return (
        [*subject.topic.split(), *subject.words[start : start + 4]]
        if rng.random() < 0.5
        else subject.words[start : start + 6]
    )


def _through(points: np.ndarray, move: np.ndarray) -> np.ndarray:
    return points @ move[:, :2].T + move[:, 2]


class Artist:
    """Draws pages from the texts and fonts of a pack."""

    def __init__(self, pack: Path, held_out: bool = False) -> None:
        with gzip.open(pack / "texts.jsonl.gz", "rt", encoding="utf-8") as lines:
            texts = [json.loads(line) for line in lines]
        # The last ones are never drawn in training.
        cut = len(texts) - max(1, len(texts) // 50)
        self.texts = texts[cut:] if held_out else texts[:cut]
        card = json.loads((pack / "pack.json").read_text(encoding="utf-8"))
        self.fonts = [str(pack / "fonts" / name) for name in card["fonts"]]
        self.tokenizer = Tokenizer.from_file(str(pack / "tokenizer.json"))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()

    def subject(self, rng: random.Random) -> Subject:
        """A random passage."""
        text = rng.choice(self.texts)
        return Subject(text["passage"], text["questions"], rng)

    def draw(
        self, rng: random.Random, rows: int = 8, columns: int = 8, like: Subject | None = None, kind: str | None = None
    ) -> Drawn:
        """A page of so many patches.

        Args:
            rng: decides everything.
            rows: patches from top to bottom.
            columns: patches from left to right.
            like: what it is to be about.
            kind: what is drawn on it first: a key of `KINDS`, or None for what chance brings.
        """
        width, height = columns * PATCH_W, rows * PATCH_H
        # What is read is stretched to the grid: an A4 page by a tenth in width, a slide by half in height.
        form = rng.random()
        sx, sy = (
            (rng.uniform(0.62, 0.8), rng.uniform(1.3, 1.6))
            if form < 0.06
            else (1.0, 1.0)
            if form < 0.25
            else (rng.uniform(0.95, 1.2), rng.uniform(0.92, 1.08))
        )
        whole = columns > 16
        page = Page(round(width / sx), round(height / sy), rng, self.fonts, 1.5 if form < 0.06 else 1.0)
        subject = like or self.subject(rng)
        others = [self.subject(rng) for _ in range(14 if whole else 1)]
        if kind is None and like is None and not whole and rng.random() < 0.35:
            kind = rng.choice(["table", "table", "line", "line", "bar", "bar", "pie", "scatter", "diagram", "photo"])
        page.fill(subject, others, kind)
        move = np.array([[width / page.sheet.image.width, 0, 0], [0, height / page.sheet.image.height, 0]])
        image = page.sheet.image
        if image.size != (width, height):
            image = image.resize((width, height), rng.choice([Image.Resampling.BILINEAR, Image.Resampling.LANCZOS]))
        image, move = self._spoiled(image, move, rng, page.sheet.paper)
        windows, tokens, boxes = self._tokens(page.sheet.runs, move, width, height)
        cells = self._cells(page.sheet.runs, move, width, height)
        return Drawn(np.asarray(image), windows, tokens, boxes, cells, page.questions, (subject.topic, page.kind))

    def _spoiled(
        self, image: Image.Image, move: np.ndarray, rng: random.Random, paper: int
    ) -> tuple[Image.Image, np.ndarray]:
        """What scanners do to pages."""
        width, height = image.size
        if rng.random() < 0.15:  # turned
            angle = rng.uniform(-1.5, 1.5)
            image = image.rotate(angle, Image.Resampling.BILINEAR, fillcolor=paper)
            turn = math.radians(-angle)
            c, s, x, y = math.cos(turn), math.sin(turn), width / 2, height / 2
            turned = np.array([[c, -s, x - c * x + s * y], [s, c, y - s * x - c * y]])
            move = np.concatenate(
                [turned[:, :2] @ move[:, :2], (turned[:, :2] @ move[:, 2] + turned[:, 2])[:, None]], axis=1
            )
        if rng.random() < 0.2:
            image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.9)))
        pale, noisy, dim = rng.random() < 0.15, rng.random() < 0.25, rng.random() < 0.1
        if pale or noisy or dim:
            pixels = np.asarray(image, np.float32)
            if pale:
                low = rng.uniform(20, 110)
                pixels = low + pixels * (255 - low) / 255
            if dim:
                pixels = pixels * np.linspace(rng.uniform(0.7, 1), rng.uniform(0.7, 1), width, dtype=np.float32)
            if noisy:
                noise = np.random.default_rng(rng.randrange(2**32))
                pixels = pixels + noise.standard_normal(pixels.shape, dtype=np.float32) * rng.uniform(2, 14)
            image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        return image, move

    def _tokens(
        self, runs: list[Run], move: np.ndarray, width: int, height: int
    ) -> tuple[list[list[int]], np.ndarray, np.ndarray]:
        windows: list[list[int]] = []
        tokens, corners = [], []
        runs = [run for run in runs if run.words]
        # What is seen is no part of the text that is read: each in a window of its own.
        for virtual in (False, True):
            full = True
            for run in runs:
                if (run.kind == "virtual") != virtual:
                    continue
                read = self.tokenizer.encode(" ".join(run.words), add_special_tokens=False)
                if virtual or full or len(windows[-1]) + min(len(read.ids), 40) > WINDOW:
                    windows.append([])
                    full = False
                word, at = 0, 0
                for token, (a, b) in zip(read.ids, read.offsets, strict=True):
                    while a >= at + len(run.words[word]) + 1:
                        at += len(run.words[word]) + 1
                        word += 1
                    if len(windows[-1]) == WINDOW:
                        windows.append([])
                    place = run.places[word]
                    if place is not None:
                        if virtual:
                            corners.append(place)
                        else:
                            x, base, edges, face = place
                            last = len(edges) - 1
                            corners.append(
                                (
                                    x + edges[min(a - at, last)],
                                    base - face.cap,
                                    x + edges[min(b - at, last)],
                                    base + 0.7 * face.deep,
                                )
                            )
                        tokens.append((len(windows) - 1, len(windows[-1]), token))
                    windows[-1].append(token)
        if not tokens:
            return windows or [[]], np.zeros((0, 3), np.int32), np.zeros((0, 4), np.float32)
        box = np.array(corners, np.float32)
        # The box of the turned corners.
        four = np.stack([_through(box[:, [i, j]], move) for i, j in ((0, 1), (2, 1), (0, 3), (2, 3))])
        boxes = np.concatenate([four.min(axis=0), four.max(axis=0)], axis=1)
        boxes = boxes.clip(0, [width, height, width, height]).astype(np.float32)
        return windows, np.array(tokens, np.int32), boxes

    def _cells(self, runs: list[Run], move: np.ndarray, width: int, height: int) -> np.ndarray:
        middles, halves, highs, kinds = [], [], [], []
        for run in runs:
            if run.kind == "virtual":
                continue
            for word, place in zip(run.words, run.places, strict=True):
                x, base, edges, face = place
                for k, letter in enumerate(word.lower()):
                    middles.append((x + (edges[k] + edges[k + 1]) / 2, base - face.x_height / 2))
                    halves.append((edges[k + 1] - edges[k]) / 2)
                    highs.append(face.x_height / 2)
                    kinds.append(LETTER.get(letter, OTHER))
        cells = np.full((height // CELL, width // CELL), BLANK, np.uint8)
        if not middles:
            return cells
        middle = _through(np.array(middles), move)
        half = np.maximum(np.array(halves) * move[0, 0], CELL / 2)
        high = np.maximum(np.array(highs) * move[1, 1], CELL / 2)
        kind = np.array(kinds, np.uint8)
        near = np.full(cells.shape, 99.0)
        first, top = (
            np.floor((middle[:, 0] - half) / CELL).astype(int),
            np.floor((middle[:, 1] - high) / CELL).astype(int),
        )
        for right in range(8):
            column = first + right
            away = np.abs(column * CELL + CELL / 2 - middle[:, 0])
            for below in range(6):
                row = top + below
                inside = (away <= half) & (np.abs(row * CELL + CELL / 2 - middle[:, 1]) <= high)
                inside &= (column >= 0) & (column < cells.shape[1]) & (row >= 0) & (row < cells.shape[0])
                if not inside.any():
                    continue
                r, c, d, k = row[inside], column[inside], away[inside], kind[inside]
                # The nearest letter last, so that it stays.
                order = np.argsort(-d, kind="stable")
                r, c, d, k = r[order], c[order], d[order], k[order]
                closer = d < near[r, c]
                near[r[closer], c[closer]], cells[r[closer], c[closer]] = d[closer], k[closer]
        return cells


def sheet_of(artist: Artist, rows: int, columns: int, across: int, down: int, seed: int, boxes: bool) -> Image.Image:
    """Several pages beside each other, to look at; with the boxes of their tokens."""
    width, height = columns * PATCH_W, rows * PATCH_H
    sheet = Image.new("RGB", (across * (width + 8), down * (height + 8)), (90, 120, 200))
    for place in range(across * down):
        rng = random.Random(f"{seed}-{place}")
        drawn = artist.draw(rng, rows, columns)
        image = Image.fromarray(drawn.pixels).convert("RGB")
        if boxes:
            pen = ImageDraw.Draw(image)
            for (window, position, token), box in zip(drawn.tokens, drawn.boxes, strict=True):
                del window, position
                pen.rectangle(tuple(box), outline=[(230, 60, 60), (40, 160, 60), (60, 80, 230)][token % 3])
        sheet.paste(image, (place % across * (width + 8), place // across * (height + 8)))
    return sheet


def main() -> None:
    """Look at pages, or measure how fast they are drawn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", type=Path, default=Path("build/training/page-pack"), help="what page_pack.py wrote")
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--sheet", type=Path, help="write a contact sheet to this PNG")
    parser.add_argument("--boxes", action="store_true", help="with the boxes of the tokens")
    parser.add_argument("--pace", action="store_true", help="pages a second of processor time")
    parser.add_argument("--across", type=int, default=5)
    parser.add_argument("--down", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    artist = Artist(wanted.pack)
    if wanted.sheet:
        sheet_of(artist, wanted.rows, wanted.columns, wanted.across, wanted.down, wanted.seed, wanted.boxes).save(
            wanted.sheet
        )
    if wanted.pace:
        count = 10 if wanted.columns > 16 else 100
        for measured in range(2):  # the first round fills the caches
            began = time.process_time()
            for place in range(count):
                artist.draw(random.Random(f"pace-{measured}-{place}"), wanted.rows, wanted.columns)
        print(f"{count / (time.process_time() - began):.0f} a second of processor time")


if __name__ == "__main__":
    main()
