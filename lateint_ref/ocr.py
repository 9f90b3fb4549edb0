"""The bundled report pages, and the words on any page: OCR, in the order in which lines are read.

OCR (`read_words`) needs the extra `pages`: rapidocr, whose models come inside its package. The bundled pages were read
once, and their words come with them.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from lateint_ref.checks import cache_folder, partial_name
from lateint_ref.datasets import Dataset, data_folder, load_beir
from lateint_ref.page_io import open_image, pixels_digest

if TYPE_CHECKING:
    from PIL.Image import Image


Box = tuple[float, float, float, float]

# Prose is set in lines at least so wide, as a share of the page; a page of two columns has at least so many of them on
# one side of the gutter and at least one on the other, which may hold a chart. Tables and axes have short lines, so
# they are read row by row. Headings are taller than so many times the median line and say nothing about columns.
_WIDE, _LINES, _TALL = 0.26, 5, 1.35

# One page at a time: an engine keeps what it is reading.
_turn = threading.Lock()


@dataclass(frozen=True)
class Word:
    """A word on a page image.

    Attributes:
        text: as read.
        box: `(x0, y0, x1, y1)` in pixels, y downwards.
        confidence: the OCR engine's, 0 to 1.
    """

    text: str
    box: tuple[int, int, int, int]
    confidence: float


def pages_folder() -> Path:
    """Where the bundled pages lie, or a `FileNotFoundError` that says how to build them."""
    folder = data_folder() / "pages"
    if not (folder / "corpus.jsonl").is_file():
        raise FileNotFoundError(f"{folder} holds no pages. Build them: python -m workbook data (some minutes).")
    return folder


def load_pages_dataset(split: str = "dev") -> Dataset:
    """The bundled report pages with one split's questions; a passage's text is what OCR reads on its page.

    Args:
        split: `"dev"` for choices, `"test"` for reporting.

    Raises:
        FileNotFoundError: no such data folder or split.
        ValueError: a broken file.
    """
    return load_beir(pages_folder(), split)


def page_image(page_id: str) -> Image:
    """The image of a bundled page, RGB, or a `KeyError` for an unknown id."""
    _ocr_record(page_id)
    return open_image(pages_folder() / "images" / f"{page_id}.png")


def page_words(page_id: str) -> list[Word]:
    """The words of a bundled page, from the committed OCR: nothing is read anew."""
    return words_of(_ocr_record(page_id)["words"])


def _ocr_record(page_id: str) -> dict[str, Any]:
    records = ocr_records()
    if page_id not in records:
        raise KeyError(f"no bundled page has the id {page_id!r} (the first is {next(iter(records))!r}).")
    return records[page_id]


def read_words(source: str | os.PathLike[str] | bytes | Image, use_cache: bool = True) -> list[Word]:
    """Read a page's words by OCR (rapidocr), in reading order.

    A page of the bundled collection is looked up in its committed OCR. Any other is read once, some seconds, and kept
    in the cache folder under the digest of its pixels and the engine's version.

    Args:
        source: as `open_image` takes it.
        use_cache: False reads the page anew and keeps nothing.

    Returns:
        Words with boxes in pixels of the opened image; empty for a page without words.

    Raises:
        ModuleNotFoundError: rapidocr is not installed.
        FileNotFoundError, TypeError, ValueError: from `open_image`.
    """
    image = open_image(source)
    if not use_cache:
        return _read_words(image)
    digest = pixels_digest(image)
    known = _bundled_words().get(digest)
    if known is not None:
        return words_of(known)
    kept = cache_folder() / "ocr" / f"{digest}-rapidocr-{_engine_version()}.json"
    try:
        return words_of(json.loads(kept.read_text(encoding="utf-8")))
    except (OSError, ValueError):  # not there, or cut short by a crash: read the page (again)
        pass
    words = _read_words(image)
    kept.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_name(kept)
    partial.write_text(json.dumps(words_record(words)), encoding="utf-8")
    partial.replace(kept)
    return words


def words_record(words: Iterable[Word]) -> list[list[Any]]:
    """Words as `ocr.jsonl` holds them: `[text, x0, y0, x1, y1, confidence]`."""
    return [[word.text, *word.box, word.confidence] for word in words]


def words_of(record: list[list[Any]]) -> list[Word]:
    """The words of such a record."""
    return [Word(text, (x0, y0, x1, y1), confidence) for text, x0, y0, x1, y1, confidence in record]


def _engine_version() -> str:
    try:
        return version("rapidocr")
    except PackageNotFoundError as error:
        raise ModuleNotFoundError(
            "reading the words of a page image needs rapidocr: pip install 'lateint_ref[pages]'."
        ) from error


@cache
def _engine() -> Any:
    _engine_version()
    from rapidocr import RapidOCR

    level = logging.getLogger().level
    # Pages are upright: the classifier that turns lines by 180 degrees only harms short ones (it reads Oct as p0).
    engine = RapidOCR(params={"Global.log_level": "critical", "Global.use_cls": False})
    logging.getLogger().setLevel(level)
    return engine


def _read_words(image: Image) -> list[Word]:
    """Run the engine: lines with boxes, put into reading order, each cut into words."""
    with _turn:
        found = _engine()(np.ascontiguousarray(np.asarray(image)[:, :, ::-1]), return_word_box=True)  # it takes BGR
    if found.boxes is None or found.word_results is None:
        return []
    lines = [(*line.min(axis=0).tolist(), *line.max(axis=0).tolist()) for line in np.asarray(found.boxes)]
    words = []
    for i in reading_order(lines, image.width):
        for text, confidence, corners in found.word_results[i]:
            if not str(text).strip() or corners is None:
                continue
            points = np.asarray(corners, dtype=np.float64)
            x0, y0 = (max(0, round(v)) for v in points.min(axis=0))
            x1, y1 = min(image.width, round(points[:, 0].max())), min(image.height, round(points[:, 1].max()))
            words.append(Word(str(text).strip(), (x0, y0, x1, y1), round(float(confidence), 2)))
    return words


def ocr_records() -> dict[str, dict[str, Any]]:
    """The committed OCR of the bundled pages: page id to its line of `data/pages/ocr.jsonl`.

    Raises:
        FileNotFoundError: no data folder, or no pages in it.
    """
    path = pages_folder() / "ocr.jsonl"
    return _read_ocr(path, path.stat().st_mtime_ns)


@cache
def _read_ocr(path: Path, changed: int) -> dict[str, dict[str, Any]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {record["_id"]: record for record in map(json.loads, lines)}


def _bundled_words() -> dict[str, list[list[Any]]]:
    """Words of the bundled pages by the digest of their pixels; none where there is no data folder."""
    try:
        records = ocr_records()
    except FileNotFoundError:
        return {}
    return {record["sha256"]: record["words"] for record in records.values()}


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
