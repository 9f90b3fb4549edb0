"""Pages that look scanned: turned by about a degree, noisy, low in contrast, shaded at one edge."""

from __future__ import annotations

import hashlib
import io

import numpy as np

DPI = 130


def scanned(pdf: bytes, index: int, seed: str, angle: float = 1.0, noise: float = 9.0, fade: float = 0.62) -> bytes:
    """Draw a page of a PDF as an old flatbed scanner would deliver it.

    Args:
        pdf: the document.
        index: the page, from 0.
        seed: decides noise, specks and the shaded edge.
        angle: degrees, counter-clockwise.
        noise: standard deviation of the grain, in grey levels of 255.
        fade: contrast that is left, as a share.

    Returns:
        A greyscale JPEG of the whole page at 130 dpi.
    """
    import pypdfium2
    from PIL import Image, ImageFilter

    document = pypdfium2.PdfDocument(pdf)
    page = document[index].render(scale=DPI / 72, grayscale=True).to_pil().convert("L")
    document.close()
    generator = np.random.default_rng(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big"))
    page = page.rotate(angle, resample=Image.Resampling.BICUBIC, fillcolor=252).filter(ImageFilter.GaussianBlur(0.55))
    grey = np.asarray(page, dtype=np.float32)
    grey = 236 - (255 - grey) * fade
    height, width = grey.shape
    # a shade along the spine, a few specks of dust, grain everywhere
    grey -= 38 * np.exp(-np.arange(width, dtype=np.float32) / (0.035 * width))[None, :]
    for y, x in zip(generator.integers(0, height - 3, 60), generator.integers(0, width - 3, 60), strict=True):
        grey[y : y + 2, x : x + 2] -= 70
    grey += noise * generator.standard_normal(grey.shape).astype(np.float32)
    buffer = io.BytesIO()
    Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=52)
    return buffer.getvalue()
