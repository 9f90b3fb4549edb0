"""The bundled page encoder: a stand-in for a vision-language model that reads a page by OCR.

It sees words and where they stand, and nothing else: no lines, bars, colours, photographs or handwriting.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lateint_ref.checks import Float32Array, Int64Array, describe, whole
from lateint_ref.encoders import backbone
from lateint_ref.encoders._pages_checks import check_pages
from lateint_ref.encoders._pages_words import coverage, token_boxes, tokens_of_patches, windows
from lateint_ref.encoders._texts import check_text
from lateint_ref.encoders.late import LateEncoder
from lateint_ref.multivectors import MultiVectors
from lateint_ref.pages import PageVectors

if TYPE_CHECKING:
    from lateint_ref.ocr import Word

GRID = (32, 32)
# [CLS], marker and [SEP].
_MARKERS = 3
# A zero-width space: a text, and no token of it is left.
_NO_TOKENS = "\u200b"


def pages_name(late: str) -> str:
    """The name of the bundled page encoder that runs on a late encoder of this name, without loading either."""
    return f"stand-in for a vision-language model: OCR and {late}"


class BundledPages:
    """Stand-in for ColPali: words by OCR, token vectors by the late encoder, laid on a fixed grid of 32 x 32 patches.

    A page's words, in reading order, are encoded in windows as long as the late encoder reads, so a word's vectors
    depend on those around it. Every token takes its part of the word's box. A patch has the vector of one token that
    lies on it; the patches are shared out so that as many tokens as possible have one. A patch without words has the
    vector of `[CLS]` on an empty page, `background`, the same on all pages.

    A page has 1,030 vectors: the 1,024 patches row by row, then 6 extra ones, as many as ColPali has: `[CLS]`, marker
    and `[SEP]` of the page's first window and of its last. On a page without words all of them are the background
    (`words` says whether it has any).

    Attributes:
        name: says that it is a stand-in, and for what.
        dim: dimensions of a vector.
        late: the late encoder.
        background: float32 `(dim,)`, unit length.
    """

    def __init__(self, late: LateEncoder) -> None:
        """Put a late encoder behind the OCR.

        Args:
            late: the bundled one, as `load_late()` returns it, that keeps `[CLS]`, marker and `[SEP]` of documents.

        Raises:
            TypeError: another kind of encoder.
            ValueError: a late encoder that leaves its markers out, or has none.
        """
        if not isinstance(late, LateEncoder):
            raise TypeError(f"late must be the bundled late encoder (a LateEncoder), got {describe(late)}.")
        if late.config.skip_special or late.config.document_marker is None:
            raise ValueError(
                "late must keep the vectors of [CLS], marker and [SEP], which are a page's extra vectors: "
                f"skip_special=False and a document_marker, got {late.config}."
            )
        self.late, self.dim = late, late.dim
        self.name = pages_name(late.name)
        _, self._tokenizer = backbone.load_backbone()
        self._skipped = set(late.config.skipped_words())
        self.background: Float32Array = late.encode_documents([_NO_TOKENS])[0][0]

    def encode_pages(
        self, images: Any, ids: Sequence[str] | None = None, batch_size: int = 4, progress: bool = False
    ) -> PageVectors:
        """The vectors of page images: 1,024 patches, then 6 extra ones.

        Every page is opened before the first is encoded. OCR takes seconds a page, once (`lateint_ref.ocr`): the words
        of bundled pages come with them, and those of others are kept in the cache folder.

        Args:
            images: list of `n` page images: PIL images in any mode, or paths of image files.
            ids: one unique string a page; by default `"0"`, `"1"`, ...
            batch_size: taken as by the other page encoders, without effect: pages are encoded one by one, so that a
                page's vectors are the same to the last bit whatever it is encoded with.
            progress: show a progress bar.

        Returns:
            `PageVectors` of `n` pages, float32, unit length, in the order of `images`.

        Raises:
            ModuleNotFoundError: a page that must be read, and rapidocr is not installed.
            TypeError: not a list, or an item that is neither an image nor a path (the page is named).
            FileNotFoundError: no such file (the page is named).
            ValueError: no pages, duplicate ids, or pages that cannot be read (each is named).
        """
        whole(batch_size, "batch_size")
        names, _ = check_pages(images, ids, lambda page: None)
        pages: Any = images
        if progress:
            from tqdm.auto import tqdm

            pages = tqdm(images, desc="pages", unit="page")
        matrices = [self._encode(image) for image in pages]
        patches: Int64Array = np.arange(GRID[0] * GRID[1])
        return PageVectors(MultiVectors.from_list(matrices, names), (GRID,) * len(names), (patches,) * len(names))

    def words(self, image: Any) -> list[Word]:
        """The words that the encoder sees on a page, in reading order: an empty list where it sees none.

        Raises:
            ModuleNotFoundError, FileNotFoundError, TypeError, ValueError: as `encode_pages`.
        """
        from lateint_ref.ocr import read_words

        return read_words(image)

    def encode_queries(
        self, texts: Any, ids: Sequence[str] | None = None, batch_size: int = 32, progress: bool = False
    ) -> MultiVectors:
        """The late encoder's vectors of queries. Arguments, result and errors as `LateEncoder.encode_queries`."""
        return self.late.encode_queries(texts, ids, batch_size, progress)

    def encode_query(self, text: str) -> Float32Array:
        """The vectors of one query, float32 `(n_q, dim)`. Raises as `encode_queries`."""
        return self.late.encode_query(text)

    def tokens(self, text: str) -> list[str]:
        """The tokens of a query, one for each of its vectors, in their order.

        Raises:
            TypeError, ValueError: not a string, or an empty one.
        """
        return self.late.tokens(check_text(text, "text"))

    def _encode(self, image: Any) -> Float32Array:
        """All vectors of a page, `(1030, dim)`."""
        from lateint_ref.page_io import open_image

        opened = open_image(image)
        vectors, boxes, extra = self._read(self.words(opened))
        patches = np.tile(self.background, (GRID[0] * GRID[1], 1))
        if len(vectors):
            tokens = tokens_of_patches(coverage(boxes, GRID, opened.width, opened.height))
            patches[tokens >= 0] = vectors[tokens[tokens >= 0]]
        return np.concatenate([patches, extra])

    def _read(self, words: list[Word]) -> tuple[Float32Array, Any, Float32Array]:
        """Vectors `(n, dim)` and boxes `(n, 4)` of the tokens of a page's words, and the 6 extra vectors."""
        texts = [word.text for word in words]
        # Word by word, as the tokenizer takes a text apart at its spaces first.
        ids = self._tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"] if texts else []
        split = [
            (word, self._tokenizer.convert_ids_to_tokens(row)) for word, row in zip(words, ids, strict=True) if row
        ]
        if not split:
            return np.empty((0, self.dim), np.float32), None, np.tile(self.background, (2 * _MARKERS, 1))
        room = self.late.config.document_length - _MARKERS
        found = windows([word for word, _ in split], [len(tokens) for _, tokens in split], room)
        joined = [" ".join(split[place][0].text for place in window) for window in found]
        encoded = list(self.late.encode_documents(joined))
        vectors, boxes = [], []
        for window, matrix in zip(found, encoded, strict=True):
            kept = [
                box
                for place in window
                for token, box in zip(split[place][1], token_boxes(*split[place]), strict=True)
                if token not in self._skipped
            ]
            inner = matrix[_MARKERS - 1 : -1]
            # Fewer vectors than tokens where one word alone is longer than a window: its end is cut off.
            vectors.append(inner)
            boxes.extend(kept[: len(inner)])
        markers = [np.concatenate([matrix[: _MARKERS - 1], matrix[-1:]]) for matrix in (encoded[0], encoded[-1])]
        return np.concatenate(vectors), np.array(boxes).reshape(-1, 4), np.concatenate(markers)

    def __repr__(self) -> str:
        return f"BundledPages({self.name})"
