"""Pages of any origin: open a picture as upright RGB, draw a PDF's pages, read the text that a PDF holds.

Needs the extra `pages` (Pillow, pypdfium2).
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lateint_ref.checks import describe, whole

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_SIDE = 4000  # pixels; a longer side is scaled down to this
MAX_PIXELS = 120_000_000  # a larger image is refused before it is decoded
MIN_SIDE = 16  # pixels; less cannot hold a word

# PDFium must not be entered by two threads at once, in any of its documents.
_pdfium = threading.RLock()
_PASSWORD_NEEDED = 4  # FPDF_ERR_PASSWORD


class OpenedImages(NamedTuple):
    """What `open_images` could and could not open."""

    images: list[Image]  # the pages, RGB
    positions: list[int]  # for each of them its place in the list that was passed
    failed: dict[int, str]  # place of each file that could not be opened, and why


def open_image(source: str | os.PathLike[str] | bytes | Image) -> Image:
    """Open a page image as RGB, upright, whatever its file holds.

    Transparent parts become white paper, CMYK, palette, grey and 16-bit images are converted, a photograph's EXIF
    rotation is applied, and of several frames the first is taken. A side of more than 4,000 pixels is scaled to that.

    Args:
        source: a path, the bytes of a file, or a PIL image (which is left as it is).

    Raises:
        FileNotFoundError: no such file.
        TypeError: neither of the three.
        ValueError: not an image, truncated, less than 16 pixels wide or high (also after scaling), or of more pixels
            than Pillow opens or 120 million.
    """
    from PIL import Image as Images
    from PIL import UnidentifiedImageError

    where = "the image"
    if isinstance(source, (str, os.PathLike)):
        where = f"the image {os.fspath(source)}"
        if not Path(source).exists():
            raise FileNotFoundError(f"{where} does not exist.")
        if Path(source).is_dir():
            raise ValueError(f"{where} is a folder: pass its files one by one.")
        source = Path(source).read_bytes()
    elif not isinstance(source, (bytes, Images.Image)):
        raise TypeError(f"source must be a path, bytes or a PIL image, got {describe(source)}.")
    try:
        if isinstance(source, Images.Image):
            return _as_page(source, where)
        with Images.open(io.BytesIO(source)) as image:
            return _as_page(image, where)
    except UnidentifiedImageError as error:
        raise ValueError(f"{where} is not an image that Pillow can read. Pages are PNG, JPEG, TIFF or WebP.") from error
    except Images.DecompressionBombError as error:
        raise ValueError(f"{where} has more pixels than Pillow opens ({error}). Scale it down first.") from error
    except (OSError, SyntaxError, EOFError) as error:  # Pillow's words for a file that ends too early or is damaged
        raise ValueError(f"{where} is truncated or damaged ({error}). Export or download it again.") from error


def open_images(sources: Iterable[str | os.PathLike[str] | bytes | Image]) -> OpenedImages:
    """Open many page images, each as `open_image`; one bad file does not lose the others."""
    if isinstance(sources, (str, bytes, os.PathLike)):
        raise TypeError(f"sources must be a list of images, got {describe(sources)}. Wrap a single one in a list.")
    images, positions, failed = [], [], {}
    for position, source in enumerate(sources):
        try:
            images.append(open_image(source))
            positions.append(position)
        except (OSError, TypeError, ValueError) as error:
            failed[position] = str(error)
    return OpenedImages(images, positions, failed)


def pixels_digest(image: Image) -> str:
    """SHA-256 of an RGB image's size and pixels: the same for every file that holds the same picture."""
    rgb = image.convert("RGB")
    return hashlib.sha256(f"{rgb.width}x{rgb.height}:".encode() + rgb.tobytes()).hexdigest()


def render_pdf(
    path: str | os.PathLike[str], dpi: int = 110, password: str | None = None, pages: Iterable[int] | None = None
) -> list[Image]:
    """Draw the pages of a PDF, filled-in forms included, through pypdfium2: one RGB image a page.

    An A4 page at 110 dpi has 910 x 1287 pixels and takes 3.5 MB: draw a long file in parts, or one page at a time with
    `drawn_pages`.

    Args:
        path: the file.
        dpi: resolution, 20 to 600; at 110 body text is about 15 pixels high and OCR reads it.
        password: of an encrypted file.
        pages: which pages, counted from 1, as `range(1, 11)`; all by default.

    Raises:
        FileNotFoundError: no such file.
        IndexError: a page that the file does not have.
        ValueError: an empty file, not a PDF, encrypted, without pages, or a page too large at this resolution.
    """
    return list(drawn_pages(path, dpi, password, pages))


def drawn_pages(
    path: str | os.PathLike[str], dpi: int = 110, password: str | None = None, pages: Iterable[int] | None = None
) -> Iterator[Image]:
    """The pages of a PDF as `render_pdf` draws them, each when it is asked for: a long file takes no more memory."""
    if whole(dpi, "dpi", least=20) > 600:
        raise ValueError(f"dpi must be a whole number from 20 to 600, got {dpi}.")
    where = f"the PDF {os.fspath(path)}"
    document = _open_pdf(path, password)
    try:
        with _pdfium:
            sizes = [tuple(round(side * dpi / 72) for side in document.get_page_size(i)) for i in range(len(document))]
        every = range(1, len(sizes) + 1)
        numbers = list(every) if pages is None else [whole(number, "each of pages") for number in pages]
        for number in numbers:
            if number not in every:
                raise IndexError(f"{where} has {len(sizes)} pages, so no page {number}.")
            width, height = sizes[number - 1]
            if width * height > MAX_PIXELS:
                raise ValueError(f"{where}, page {number}: {width} x {height} pixels at {dpi} dpi. Choose a lower dpi.")
        for number in numbers:
            # Everything of PDFium's is closed inside the lock, rather than whenever it is collected.
            with _pdfium, closing(document[number - 1]) as page, closing(page.render(scale=float(dpi) / 72)) as bitmap:
                drawn = bitmap.to_pil().convert("RGB")
            yield drawn
    finally:
        with _pdfium:
            document.close()


def pdf_words(path: str | os.PathLike[str], password: str | None = None) -> list[list[str]]:
    """The words in a PDF's text layer, one list a page, empty for a scan: through pypdfium2, no OCR.

    They come in the order in which the PDF draws them. Typesetters draw one column after the other; a file that was
    put together otherwise needs OCR, whose reading order is found from the boxes. A word that a hyphen parts at the
    end of a line is put together without it: the text layer does not tell such hyphens from those of compounds.
    Arguments and errors are those of `render_pdf`.
    """
    pages = []
    document = _open_pdf(path, password)
    with _pdfium, closing(document):
        for page in document:
            with closing(page), closing(page.get_textpage()) as text:
                # The words' coordinates know nothing of a page's rotation, so the box must be the unrotated one.
                upright = page.get_rotation() in (0, 180)
                pages.append(text.get_text_bounded(*(page.get_bbox() if upright else page.get_cropbox())))
    # PDFium gives the hyphen at the end of a line, and a soft one wherever it stands, as a control character.
    return [re.sub("[\x02\u00ad]\\s*", "", page).split() for page in pages]


def _open_pdf(path: str | os.PathLike[str], password: str | None) -> Any:
    """A document ready to be drawn; closing it needs the lock."""
    import pypdfium2

    where = f"the PDF {os.fspath(path)}"
    if not Path(path).is_file():
        raise FileNotFoundError(f"{where} does not exist or is not a file.")
    content = Path(path).read_bytes()
    if not content:
        raise ValueError(f"{where} is empty (0 bytes). Export or download it again.")
    with _pdfium:
        try:
            document = pypdfium2.PdfDocument(content, password=password)
        except pypdfium2.PdfiumError as error:
            # PDFium's reason may be left over from an earlier file, so the content must say the same.
            reason = "is not a PDF, has no pages, or is damaged. Export or download it again"
            if error.err_code == _PASSWORD_NEEDED and b"/Encrypt" in content:
                asked = "Its password is another one" if password else "Pass its password, or save it without one"
                reason = f"is encrypted. {asked}"
            raise ValueError(f"{where} {reason}.") from error
        # Without it what was filled into a form is not drawn. It must come before the first page.
        document.init_forms()
    return document


def _as_page(image: Image, where: str) -> Image:
    """An opened image, not yet decoded, as RGB."""
    from PIL import Image as Images
    from PIL import ImageOps

    width, height = image.size
    size = f"{where} is {width} x {height} pixels"
    if min(width, height) < MIN_SIDE:
        raise ValueError(f"{size}: a page has at least {MIN_SIDE} on each side.")
    if width * height > MAX_PIXELS:
        enough = "Scale it down first: a page of text is readable at about 1,300 pixels."
        raise ValueError(f"{size}, more than {MAX_PIXELS:,} in all. {enough}")
    if min(width, height) * MAX_SIDE < MIN_SIDE * max(width, height):
        raise ValueError(f"{size}, too long and narrow for a page. Cut it into pages.")
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits a pixel, or 32 bits that hold 16
        values = np.asarray(image).astype(np.float64)
        image = Images.fromarray((values / (257 if values.max() > 255 else 1)).clip(0, 255).astype(np.uint8))
    elif image.mode == "F":
        raise ValueError(f"{where} holds floating-point numbers. Convert it to 8 bits a channel first.")
    elif image.mode in ("La", "RGBa"):  # colours already multiplied by their opacity
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
    if max(image.size) > MAX_SIDE:
        scale = MAX_SIDE / max(image.size)
        image = image if image.mode in ("RGB", "L", "CMYK", "RGBA") else image.convert("RGBA")
        width, height = (max(1, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Images.Resampling.LANCZOS)
    if "A" in image.getbands() or "transparency" in image.info:
        layer = image.convert("RGBA")
        paper = Images.new("RGBA", layer.size, "white")
        return Images.alpha_composite(paper, layer).convert("RGB")
    return image.convert("RGB")
