"""Page images: open any picture as upright RGB, render PDFs, and the digest by which a page is known."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lateint_ref._checks import describe

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_SIDE = 4000  # pixels; a longer side is scaled down to this
MAX_PIXELS = 120_000_000  # a larger image is refused before it is decoded
MIN_SIDE = 16  # pixels; less cannot hold a word


@dataclass(frozen=True)
class OpenedImages:
    """What `open_images` could and could not open.

    Attributes:
        images: the pages, RGB.
        positions: for each of them its place in the list that was passed.
        failed: place of each file that could not be opened, and why.
    """

    images: list[Image]
    positions: list[int]
    failed: dict[int, str]


def open_image(source: str | os.PathLike[str] | bytes | Image) -> Image:
    """Open a page image as RGB, upright, whatever its file holds.

    Transparent parts become white paper, CMYK, palette, grey and 16-bit images are converted, a photograph's EXIF
    rotation is applied, and of several frames the first is taken. A side of more than 4,000 pixels is scaled down to
    that.

    Args:
        source: a path, the bytes of a file, or a PIL image (which is left as it is).

    Returns:
        An RGB image of at least 16 and at most 4,000 pixels on each side.

    Raises:
        FileNotFoundError: no such file.
        TypeError: neither of the three.
        ValueError: not an image, truncated, too small, of more than 120 million pixels, or so long and narrow that
            it cannot be scaled.
    """
    from PIL import Image as Images
    from PIL import ImageOps, UnidentifiedImageError

    if isinstance(source, Images.Image):
        return _as_rgb(source, "the image")
    if isinstance(source, bytes):
        where, stream = "the image", io.BytesIO(source)
    elif isinstance(source, (str, os.PathLike)):
        where = f"the image {os.fspath(source)}"
        path = Path(source)
        if not path.exists():
            raise FileNotFoundError(f"{where} does not exist.")
        if path.is_dir():
            raise ValueError(f"{where} is a folder: pass its files one by one.")
        stream = io.BytesIO(path.read_bytes())
    else:
        raise TypeError(f"source must be a path, bytes or a PIL image, got {describe(source)}.")
    limit, Images.MAX_IMAGE_PIXELS = Images.MAX_IMAGE_PIXELS, None  # our own check below says what to do
    try:
        with Images.open(stream) as image:
            _check_size(image, where)
            image.load()
            return _as_rgb(ImageOps.exif_transpose(image), where)
    except UnidentifiedImageError as error:
        raise ValueError(f"{where} is not an image that Pillow can read. Pages are PNG, JPEG, TIFF or WebP.") from error
    except (OSError, SyntaxError, EOFError) as error:  # Pillow's words for a file that ends too early or is damaged
        raise ValueError(f"{where} is truncated or damaged ({error}). Export or download it again.") from error
    finally:
        Images.MAX_IMAGE_PIXELS = limit


def open_images(sources: Iterable[str | os.PathLike[str] | bytes | Image]) -> OpenedImages:
    """Open many page images; one bad file does not lose the others.

    Args:
        sources: each as `open_image` takes it.

    Returns:
        The pages that could be opened, and for every other its place and what was wrong with it.
    """
    images, positions, failed = [], [], {}
    for position, source in enumerate(sources):
        try:
            images.append(open_image(source))
            positions.append(position)
        except (OSError, TypeError, ValueError) as error:
            failed[position] = str(error)
    return OpenedImages(images, positions, failed)


def _check_size(image: Image, where: str) -> None:
    width, height = image.size
    if min(width, height) < MIN_SIDE:
        raise ValueError(f"{where} is {width} x {height} pixels: a page has at least {MIN_SIDE} on each side.")
    if width * height > MAX_PIXELS:
        raise ValueError(
            f"{where} is {width} x {height} pixels, more than {MAX_PIXELS:,} in all. Scale it down first: a page of "
            "text is readable at about 1,300 pixels."
        )
    if min(width, height) * MAX_SIDE < MIN_SIDE * max(width, height):
        raise ValueError(f"{where} is {width} x {height} pixels, too long and narrow for a page. Cut it into pages.")


def _as_rgb(image: Image, where: str) -> Image:
    from PIL import Image as Images

    _check_size(image, where)
    if image.mode.startswith("I"):  # 16 bits a pixel, or 32 bits that hold 16
        values = np.asarray(image).astype(np.float64)
        image = Images.fromarray((values / (257 if values.max() > 255 else 1)).clip(0, 255).astype(np.uint8))
    elif image.mode == "F":
        raise ValueError(f"{where} holds floating-point numbers. Convert it to 8 bits a channel first.")
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


def render_pdf(path: str | os.PathLike[str], dpi: int = 110, password: str | None = None) -> list[Image]:
    """Draw every page of a PDF, through pypdfium2.

    Args:
        path: the file.
        dpi: resolution, 20 to 600; at 110 body text is about 15 pixels high and OCR reads it.
        password: of an encrypted file.

    Returns:
        One RGB image a page; an A4 page at 110 dpi has 910 x 1287 pixels.

    Raises:
        FileNotFoundError: no such file.
        ValueError: an empty file, not a PDF, encrypted, without pages, a page too large at this resolution, or a
            `dpi` out of range.
    """
    import pypdfium2

    where = f"the PDF {os.fspath(path)}"
    if isinstance(dpi, bool) or not isinstance(dpi, (int, np.integer)) or not 20 <= dpi <= 600:
        raise ValueError(f"dpi must be a whole number from 20 to 600, got {describe(dpi)}.")
    if not Path(path).is_file():
        raise FileNotFoundError(f"{where} does not exist or is not a file.")
    content = Path(path).read_bytes()
    if not content:
        raise ValueError(f"{where} is empty (0 bytes). Export or download it again.")
    try:
        document = pypdfium2.PdfDocument(content, password=password)
    except pypdfium2.PdfiumError as error:
        # PDFium's own reason may be left over from an earlier file, so the content is asked instead
        if b"/Encrypt" in content:
            asked = "Its password is another one" if password else "Pass its password, or save it without one"
            raise ValueError(f"{where} is encrypted. {asked}.") from error
        raise ValueError(f"{where} is not a PDF, has no pages, or is damaged. Export or download it again.") from error
    try:
        sizes = [tuple(round(side * dpi / 72) for side in page.get_size()) for page in document]
        for number, (width, height) in enumerate(sizes, start=1):
            if width * height > MAX_PIXELS:
                raise ValueError(f"{where}, page {number}: {width} x {height} pixels at {dpi} dpi. Choose a lower dpi.")
        return [page.render(scale=float(dpi) / 72).to_pil().convert("RGB") for page in document]
    finally:
        document.close()


def pixels_digest(image: Image) -> str:
    """SHA-256 of an RGB image's size and pixels: the same for every file that holds the same picture."""
    rgb = image.convert("RGB")
    return hashlib.sha256(f"{rgb.width}x{rgb.height}:".encode() + rgb.tobytes()).hexdigest()
