"""How the words of a page become text to encode, and how the vectors of their tokens are laid on a patch grid."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lateint_ref.checks import Int64Array

if TYPE_CHECKING:
    from lateint_ref.ocr import Word

Float64Array = NDArray[np.float64]

# Words are on one line where they share so much of the lower one's height.
_SAME_LINE = 0.4


def windows(words: Sequence[Word], lengths: Sequence[int], room: int) -> list[range]:
    """Cut a page's words into windows that fit into one encoding, as few lines and blocks torn as possible.

    A full window ends at the widest gap between two lines in its second half; where it holds no line's end, after
    its last word.

    Args:
        words: in reading order.
        lengths: tokens of each word.
        room: tokens of a window at most; a word longer than that is a window by itself.

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

    Args:
        word: the word.
        tokens: `n` tokens, as the tokenizer spells them.

    Returns:
        float64 `(n, 4)`: x0, y0, x1, y1 in pixels, at least one pixel wide and high in all.
    """
    x0, y0, x1, y1 = word.box
    shares = np.cumsum([0, *(max(1, len(token.removeprefix("##"))) for token in tokens)], dtype=np.float64)
    edges = x0 + shares / shares[-1] * max(1, x1 - x0)
    return np.stack(
        [edges[:-1], np.full(len(tokens), y0), edges[1:], np.full(len(tokens), max(y1, y0 + 1))], axis=1
    ).astype(np.float64)


def coverage(boxes: Float64Array, grid: tuple[int, int], width: int, height: int) -> Float64Array:
    """How much of each patch each box covers.

    Args:
        boxes: `(n, 4)` in pixels.
        grid: `(rows, columns)`.
        width: of the page in pixels.
        height: of the page in pixels.

    Returns:
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

    Args:
        covered: `(n_tokens, n_patches)`, from `coverage`.

    Returns:
        int64 `(n_patches,)`: the position of a token, or -1 for a patch that none covers.
    """
    from scipy.optimize import linear_sum_assignment

    owners: Int64Array = np.where(covered.max(axis=0) > 0, covered.argmax(axis=0), -1).astype(np.int64)
    # Having a patch counts 1; of several a token takes the one that holds most of it, which counts a tenth at most.
    share = covered / np.maximum(covered.sum(axis=1, keepdims=True), 1e-9)
    tokens, patches = linear_sum_assignment(np.where(covered > 0, 1 + 0.1 * share, 0), maximize=True)
    touch = covered[tokens, patches] > 0
    owners[patches[touch]] = tokens[touch]
    return owners
