"""Page encoders: one vector a patch of a page image. The bundled one stands in for a vision-language model by OCR."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lateint_ref.checks import Float32Array, Int64Array, describe, require, whole
from lateint_ref.encoders import backbone
from lateint_ref.encoders.base import Kind, QueryEncoder, token_ids
from lateint_ref.encoders.late import LateEncoder
from lateint_ref.multivectors import MultiVectors
from lateint_ref.pages import PageVectors
from lateint_ref.ragged import checked_ids

if TYPE_CHECKING:
    from PIL.Image import Image

    from lateint_ref.ocr import Word

Float64Array = NDArray[np.float64]

GRID = (32, 32)
_MARKERS = 3  # [CLS], marker and [SEP]
_NO_TOKENS = "\u200b"  # a zero-width space: a text, and no token of it is left
_SAME_LINE = 0.4  # words are on one line where they share so much of the lower one's height


class PageEncoder(QueryEncoder):
    """One vector a patch of a page image, and one a token of a query, in the same space."""

    def encode_pages(
        self, images: Any, ids: Sequence[str] | None = None, batch_size: int = 4, progress: bool = False
    ) -> PageVectors:
        """The vectors of page images: one a patch, and the model's extra ones for its prompt and markers.

        Every page is opened and checked before the first is encoded, so that a bad page costs no work.

        Args:
            images: list of `n` page images: PIL images in any mode, or paths of image files; sides of more than 4,000
                pixels are scaled down to that.
            ids: one unique string a page; by default `"0"`, `"1"`, ...
            batch_size: pages a batch; the result does not depend on it.
            progress: show a progress bar.

        Returns:
            `PageVectors` of `n` pages, float32, unit length, in the order of `images`.

        Raises:
            ModuleNotFoundError: a package is missing that reads or encodes pages.
            TypeError, FileNotFoundError: not a list, or what is wrong is that pages are neither images nor paths, or
                that there are no such files.
            ValueError: no pages, duplicate ids, or pages that cannot be read or encoded. All bad pages are named.
        """
        size = whole(batch_size, "batch_size")
        if isinstance(images, (str, bytes, os.PathLike, dict)) or not (
            hasattr(images, "__len__") and hasattr(images, "__getitem__")
        ):
            raise TypeError(
                f"images must be a list of PIL images or paths, got {describe(images)}. Write [image] for one page."
            )
        if len(images) == 0:
            raise ValueError("images is empty: give at least one page.")
        names = checked_ids(ids, len(images))
        # Opened again when they are encoded: the pixels of all at once may not fit into memory.
        seen: list[Any] = []
        errors: list[tuple[str, Exception]] = []
        for name, source in zip(names, images, strict=True):
            try:
                seen.append(self._look(_open(source)))
            except (TypeError, ValueError, OSError) as error:
                errors.append((name, error))
        if errors:
            told = "; ".join(f"page {name!r}: {error}" for name, error in errors)
            rest = f" The other {len(names) - len(errors)} can be encoded without." if len(names) > len(errors) else ""
            kinds = {type(error) for _, error in errors}
            # The error's own kind where all bad pages agree on one of these, and otherwise a ValueError.
            kind = next((kind for kind in (TypeError, FileNotFoundError) if kinds == {kind}), ValueError)
            raise kind(f"{len(errors)} of {len(names)} pages cannot be encoded: {told}{rest}") from errors[0][1]
        return self._encode_pages(images, names, seen, size, progress)

    @abstractmethod
    def _look(self, page: Image) -> Any:
        """What the encoder must know of a page beforehand; a `ValueError` where it cannot encode such a page."""

    @abstractmethod
    def _encode_pages(
        self, images: Any, names: list[str], seen: list[Any], batch_size: int, progress: bool
    ) -> PageVectors: ...


class GridPages(PageEncoder):
    """A page encoder on a fixed grid, 32 x 32 patches on a page of any shape, whose queries a late encoder reads.

    Pages are encoded one by one, so that a page's vectors are the same to the last bit whatever it is encoded with.

    Attributes:
        late: the late encoder.
    """

    def __init__(self, late: LateEncoder) -> None:
        """Take a late encoder, or raise a `TypeError` for another kind of encoder."""
        self.late = require(late, LateEncoder, "late")
        self.dim = late.dim

    def tokens(self, text: str) -> list[str]:
        """The tokens of a query, as the late encoder's."""
        return self.late.tokens(text)

    def _encode(self, texts: list[str], kind: Kind, batch_size: int, progress: bool) -> list[Float32Array]:
        return self.late._encode(texts, kind, batch_size, progress)

    def _look(self, page: Image) -> None:
        """Any page that opens can be encoded."""

    def _encode_pages(
        self, images: Any, names: list[str], seen: list[Any], batch_size: int, progress: bool
    ) -> PageVectors:
        if progress:
            from tqdm.auto import tqdm

            images = tqdm(images, desc="pages", unit="page")
        vectors = MultiVectors.from_list([self._page(_open(image)) for image in images], names)
        patches: Int64Array = np.arange(GRID[0] * GRID[1])
        return PageVectors(vectors, (GRID,) * len(names), (patches,) * len(names))

    @abstractmethod
    def _page(self, page: Image) -> Float32Array:
        """All vectors of a page, the 1,024 patches first, row by row."""


class BundledPages(GridPages):
    """Stand-in for ColPali: words by OCR, token vectors by the late encoder, laid on the grid.

    It sees words and where they stand, and nothing else: no lines, bars, colours, photographs or handwriting.

    A page's words, in reading order, are encoded in windows as long as the late encoder reads, so a word's vectors
    depend on those around it. Every token takes its part of the word's box. A patch has the vector of one token that
    lies on it; the patches are shared out so that as many tokens as possible have one. A patch without words has the
    vector of `[CLS]` on an empty page, `background`, the same on all pages.

    A page has 1,030 vectors: the patches, then 6 extra ones, as many as ColPali has: `[CLS]`, marker and `[SEP]` of the
    page's first window and of its last. On a page without words all of them are the background (`words` says whether
    it has any). OCR takes seconds a page, once: the words of bundled pages come with them, and those of others are
    kept in the cache folder.

    Attributes:
        background: float32 `(dim,)`, unit length.
    """

    def __init__(self, late: LateEncoder) -> None:
        """Put a late encoder behind the OCR; a `ValueError` for one without vectors of a document's markers."""
        super().__init__(late)
        self.name = pages_name(late.name)
        if late.config.skip_special or late.config.document_marker is None:
            raise ValueError(
                "late must keep the vectors of [CLS], marker and [SEP], which are a page's extra vectors: "
                f"skip_special=False and a document_marker, got {late.config}."
            )
        _, self._tokenizer = backbone.load_backbone()
        self._skipped = set(late.config.skipped_words())
        self.background: Float32Array = late.encode_documents([_NO_TOKENS])[0][0]

    def words(self, image: Any) -> list[Word]:
        """The words that the encoder sees on a page, in reading order; none may be. Raises as `encode_pages`."""
        from lateint_ref.ocr import read_words

        return read_words(image)

    def _page(self, page: Image) -> Float32Array:
        words, patches = self.words(page), np.tile(self.background, (GRID[0] * GRID[1], 1))
        # Word by word, as the tokenizer takes a text apart at its spaces first.
        ids = token_ids(self._tokenizer, [word.text for word in words], special=False) if words else []
        split = [
            (word, self._tokenizer.convert_ids_to_tokens(row)) for word, row in zip(words, ids, strict=True) if row
        ]
        if not split:
            return np.concatenate([patches, patches[: 2 * _MARKERS]])
        room = self.late.config.document_length - _MARKERS
        found = windows([word for word, _ in split], [len(tokens) for _, tokens in split], room)
        encoded = list(self.late.encode_documents([" ".join(split[place][0].text for place in w) for w in found]))
        boxes: list[Any] = []
        for window, matrix in zip(found, encoded, strict=True):
            kept = [
                box
                for place in window
                for token, box in zip(split[place][1], token_boxes(*split[place]), strict=True)
                if token not in self._skipped
            ]
            # Fewer vectors than tokens where one word alone is longer than a window: its end is cut off.
            boxes.extend(kept[: len(matrix) - _MARKERS])
        if boxes:
            vectors = np.concatenate([matrix[_MARKERS - 1 : -1] for matrix in encoded])
            owners = tokens_of_patches(coverage(np.array(boxes), GRID, page.width, page.height))
            patches[owners >= 0] = vectors[owners[owners >= 0]]
        first, last = encoded[0], encoded[-1]
        return np.concatenate([patches, first[: _MARKERS - 1], first[-1:], last[: _MARKERS - 1], last[-1:]])


def pages_name(late: str) -> str:
    """The name of the bundled page encoder that runs on a late encoder of this name, without loading either."""
    return f"stand-in for a vision-language model: OCR and {late}"


def windows(words: Sequence[Word], lengths: Sequence[int], room: int) -> list[range]:
    """Cut a page's words into windows that fit into one encoding, as few lines and blocks torn as possible.

    A full window ends at the widest gap between two lines in its second half; where it holds no line's end, after
    its last word. A word longer than a window is one by itself.

    Args:
        words: in reading order.
        lengths: tokens of each word.
        room: tokens of a window at most.

    Returns:
        Ranges of positions in `words`, without gaps.
    """
    gaps = [0.0, *(_line_gap(left, right) for left, right in pairwise(words))]
    found, start = [], 0
    while start < len(words):
        end, total = start + 1, lengths[start]
        while end < len(words) and total + lengths[end] <= room:
            total += lengths[end]
            end += 1
        if end < len(words):
            breaks = [place for place in range(start + max(1, (end - start) // 2), end + 1) if gaps[place]]
            end = max(breaks, key=lambda place: (gaps[place], place), default=end)
        found.append(range(start, end))
        start = end
    return found


def _line_gap(left: Word, right: Word) -> float:
    """Pixels between the lines of two words that follow each other; 0 where they are on one line."""
    height = min(left.box[3] - left.box[1], right.box[3] - right.box[1])
    shared = min(left.box[3], right.box[3]) - max(left.box[1], right.box[1])
    if right.box[0] >= left.box[0] and shared > _SAME_LINE * height:
        return 0.0
    # A step up, to the next column, counts as the wide gap that it is.
    return max(1.0, abs(float(right.box[1] - left.box[3])))


def token_boxes(word: Word, tokens: Sequence[str]) -> Float64Array:
    """The part of a word's box that each of its tokens takes, by its number of characters.

    float64 `(n, 4)`: x0, y0, x1, y1 in pixels, at least one pixel wide and high in all.
    """
    x0, y0, x1, y1 = word.box
    shares = np.cumsum([0, *(max(1, len(token.removeprefix("##"))) for token in tokens)], dtype=np.float64)
    edges = x0 + shares / shares[-1] * max(1, x1 - x0)
    return np.stack(
        [edges[:-1], np.full(len(tokens), y0), edges[1:], np.full(len(tokens), max(y1, y0 + 1))], axis=1
    ).astype(np.float64)


def coverage(boxes: Float64Array, grid: tuple[int, int], width: int, height: int) -> Float64Array:
    """How much of each patch of a page of `width` x `height` pixels each of its `boxes` `(n, 4)` covers.

    float64 `(n, rows * columns)`, shares of a patch's area, 0 to 1.
    """
    down = _overlap(boxes[:, 1] * grid[0] / height, boxes[:, 3] * grid[0] / height, grid[0])
    across = _overlap(boxes[:, 0] * grid[1] / width, boxes[:, 2] * grid[1] / width, grid[1])
    return (down[:, :, None] * across[:, None, :]).reshape(len(boxes), -1)


def _overlap(low: Float64Array, high: Float64Array, count: int) -> Float64Array:
    cells = np.arange(count)
    overlap: Float64Array = np.minimum(high[:, None], cells + 1) - np.maximum(low[:, None], cells)
    return np.maximum(overlap, 0)


def tokens_of_patches(covered: Float64Array) -> Int64Array:
    """Which token each patch stands for, such that as many tokens as possible have a patch of their own.

    Where lines are set closer than patches, a token can be second on every patch that it touches; it would be lost
    if each patch went to its largest. So patches are first assigned to one token each (Kuhn, "The Hungarian Method
    for the Assignment Problem", 1955), and those left over go to the token that covers most of them.

    Returns:
        int64 `(n_patches,)`: the position of a token in `covered` `(n_tokens, n_patches)`, or -1 where none is.
    """
    from scipy.optimize import linear_sum_assignment

    owners: Int64Array = np.where(covered.max(axis=0) > 0, covered.argmax(axis=0), -1).astype(np.int64)
    # Having a patch counts 1; of several a token takes the one that holds most of it, which counts a tenth at most.
    share = covered / np.maximum(covered.sum(axis=1, keepdims=True), 1e-9)
    tokens, patches = linear_sum_assignment(np.where(covered > 0, 1 + 0.1 * share, 0), maximize=True)
    touch = covered[tokens, patches] > 0
    owners[patches[touch]] = tokens[touch]
    return owners


def _open(source: Any) -> Any:
    from lateint_ref.page_io import open_image

    return open_image(source)
