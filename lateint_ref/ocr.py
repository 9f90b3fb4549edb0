"""The bundled report pages, and the words on any page: OCR, in the order in which lines are read.

OCR (`read_words`) needs the extra `pages`: rapidocr, whose models come inside its package. The bundled pages were read
once, and their words come with them.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lateint_ref.checks import cache_folder, partial_name
from lateint_ref.datasets import Dataset, data_folder, load_beir
from lateint_ref.page_io import open_image, pixels_digest

if TYPE_CHECKING:
    from PIL.Image import Image

# Prose is set in lines at least so wide, as a share of the page; a page of two columns has at least so many of them on
# one side of the gutter and at least one on the other, which may hold a chart. Tables and axes have short lines, so
# they are read row by row. Headings are taller than so many times the median line and say nothing about columns.
_WIDE, _LINES, _TALL = 0.26, 5, 1.35
_SLACK = 3  # pixels by which a line may reach into the gutter

# One page at a time: an engine keeps what it is reading.
_turn = threading.Lock()


class Word(NamedTuple):
    """A word on a page image: its box is `(x0, y0, x1, y1)` in pixels, y downwards; the engine's confidence 0 to 1."""

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

    The split `"dev"` is for choices, `"test"` for reporting. Errors as `load_beir`.
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


def ocr_records() -> dict[str, dict[str, Any]]:
    """The committed OCR of the bundled pages: page id to its line of `data/pages/ocr.jsonl`."""
    path = pages_folder() / "ocr.jsonl"
    return _read_ocr(path, path.stat().st_mtime_ns)


@cache
def _read_ocr(path: Path, changed: int) -> dict[str, dict[str, Any]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {record["_id"]: record for record in map(json.loads, lines)}


def read_words(source: str | os.PathLike[str] | bytes | Image, use_cache: bool = True) -> list[Word]:
    """Read a page's words by OCR (rapidocr), in reading order.

    A page of the bundled collection is looked up in its committed OCR. Any other is read once, some seconds, and kept
    in the cache folder under the digest of its pixels and the engine's version.

    Args:
        source: as `open_image` takes it; so are the errors.
        use_cache: False reads the page anew and keeps nothing.

    Returns:
        Words with boxes in pixels of the opened image; empty for a page without words.

    Raises:
        ModuleNotFoundError: rapidocr is not installed.
    """
    image = open_image(source)
    if not use_cache:
        return _read_words(image)
    digest = pixels_digest(image)
    with contextlib.suppress(FileNotFoundError):  # no data folder
        for record in ocr_records().values():
            if record["sha256"] == digest:
                return words_of(record["words"])
    kept = cache_folder() / "ocr" / f"{digest}-rapidocr-{_engine_version()}.json"
    with contextlib.suppress(OSError, ValueError):  # not there, or cut short by a crash: read the page (again)
        return words_of(json.loads(kept.read_text(encoding="utf-8")))
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


def reading_order(boxes: Sequence[tuple[float, float, float, float]], width: float) -> list[int]:
    """Indices of text lines, `(x0, y0, x1, y1)` in pixels of a page so wide, as a reader takes them.

    A gutter is a place in the middle of the page that few lines cross and that has a column of prose at either side.
    The lines that cross it (titles, tables, captions) cut the page into bands; in every band the left column is read
    before the right one.
    """
    x0, y0, x1, y1 = np.asarray(boxes, np.float64).reshape(-1, 4).T
    middle, every = (y0 + y1) / 2, np.ones(len(x0), bool)
    if not len(x0):
        return []
    prose = (x1 - x0 > _WIDE * width) & (y1 - y0 <= _TALL * np.median(y1 - y0))
    gutters = []
    for x in range(int(0.35 * width), int(0.65 * width), 4):
        sides = (prose & (x1 <= x + _SLACK)).sum(), (prose & (x0 >= x - _SLACK)).sum()
        if max(sides) >= _LINES and min(sides) >= 1:
            gutters.append((((x0 < x - _SLACK) & (x1 > x + _SLACK)).sum(), x))
    if not gutters:
        return _rows(every, x0, y0, y1)
    gutter = min(gutters)[1]
    crossing = (x0 < gutter - _SLACK) & (x1 > gutter + _SLACK)
    # Rows above and below the columns, such as large numbers side by side, keep together.
    above, below = middle < y0[prose & ~crossing].min(), middle > y1[prose & ~crossing].max()
    inside = ~above & ~below
    bands = np.searchsorted(np.sort(middle[crossing & inside]), middle)
    order = _rows(above, x0, y0, y1)
    for band in range(int(bands.max()) + 1):
        here = inside & (bands == band)
        left = here & ~crossing & ((x0 + x1) / 2 < gutter)
        right = here & ~crossing & ~left
        # What stands left and right of a band without a column on one side is a row, as in a running head.
        for column in (left, right) if min(left.sum(), right.sum()) > 1 else (left | right,):
            order += _rows(column, x0, y0, y1)
        order += np.flatnonzero(here & crossing).tolist()
    return order + _rows(below, x0, y0, y1)


def _rows(chosen: Any, x0: Any, y0: Any, y1: Any) -> list[int]:
    """Indices of chosen lines row by row: those whose middles are within half a line's height are one row."""
    middle, height = (y0 + y1) / 2, np.median((y1 - y0)[chosen]) if chosen.any() else 0
    rows: list[list[int]] = []
    for i in sorted(np.flatnonzero(chosen).tolist(), key=lambda k: (middle[k], x0[k])):
        if rows and middle[i] - middle[rows[-1][0]] <= 0.5 * height:
            rows[-1].append(i)
        else:
            rows.append([i])
    return [i for row in rows for i in sorted(row, key=lambda k: x0[k])]
