"""The words of a page image by OCR (rapidocr, whose models come inside its package), cached by the image's pixels."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lateint_ref.datasets import data_folder
from lateint_ref.page_images import open_image, pixels_digest
from lateint_ref.reading_order import reading_order

if TYPE_CHECKING:
    from PIL.Image import Image


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
    from importlib.metadata import version

    from lateint_ref._cache import cache_folder

    kept = cache_folder() / "ocr" / f"{digest}-rapidocr-{version('rapidocr')}.json"
    try:
        return words_of(json.loads(kept.read_text(encoding="utf-8")))
    except (OSError, ValueError):  # not there, or cut short by a crash: read the page (again)
        pass
    words = _read_words(image)
    kept.parent.mkdir(parents=True, exist_ok=True)
    partial = kept.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(words_record(words)), encoding="utf-8")
    partial.replace(kept)
    return words


def words_record(words: Iterable[Word]) -> list[list[Any]]:
    """Words as `ocr.jsonl` holds them: `[text, x0, y0, x1, y1, confidence]`."""
    return [[word.text, *word.box, word.confidence] for word in words]


def words_of(record: list[list[Any]]) -> list[Word]:
    """The words of such a record."""
    return [Word(text, (x0, y0, x1, y1), confidence) for text, x0, y0, x1, y1, confidence in record]


@cache
def _engine() -> Any:
    try:
        from rapidocr import RapidOCR
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "reading the words of a page image needs rapidocr: pip install 'lateint_ref[pages]'."
        ) from error
    level = logging.getLogger().level
    # Pages are upright: the classifier that turns lines by 180 degrees only harms short ones (it reads Oct as p0).
    engine = RapidOCR(params={"Global.log_level": "critical", "Global.use_cls": False})
    logging.getLogger().setLevel(level)
    return engine


def _read_words(image: Image) -> list[Word]:
    """Run the engine: lines with boxes, put into reading order, each cut into words."""
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
    path = data_folder() / "pages" / "ocr.jsonl"
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist. Build the pages: python -m workbook data (some minutes).")
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
