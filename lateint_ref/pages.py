"""The bundled collection of report pages: questions, images, words. And what reads pages of any other origin.

`open_image`, `open_images`, `render_pdf` and `read_words` need the extra `pages` (Pillow, pypdfium2, rapidocr); the
collection's questions, texts and words do not.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lateint_ref.datasets import Dataset, data_folder, load_beir
from lateint_ref.ocr import Word, ocr_records, read_words, words_of
from lateint_ref.page_images import OpenedImages, open_image, open_images, pixels_digest, render_pdf

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "OpenedImages",
    "Word",
    "load_pages_dataset",
    "open_image",
    "open_images",
    "page_image",
    "page_words",
    "pages_folder",
    "pixels_digest",
    "read_words",
    "render_pdf",
]


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
    """The words of a bundled page, from the committed OCR: nothing is read anew.

    Raises:
        KeyError: no such page.
    """
    return words_of(_ocr_record(page_id)["words"])


def _ocr_record(page_id: str) -> dict[str, Any]:
    records = ocr_records()
    if page_id not in records:
        raise KeyError(f"no bundled page has the id {page_id!r} (the first is {next(iter(records))!r}).")
    return records[page_id]
