"""Where on the page the match is: similarity of query vectors and patches, as maps over the patch grid.

Source: Faysse et al., "ColPali: Efficient Document Retrieval with Vision Language Models", ICLR 2025, section 5.3
(similarity maps); the same numbers as colpali-engine's `interpretability` module, with rows first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lateint_ref._checks import Float32Array, Int64Array, as_matrix, describe, positive_int, reject_non_finite
from lateint_ref.maxsim import similarity_matrix
from lateint_ref.plots import SEQUENTIAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Float64Array = NDArray[np.float64]


def patch_similarity(query: Any, page_patches: Any) -> Float32Array:
    """Dot products of every query vector with every patch of one page, laid out on the page's grid.

    Args:
        query: `(n_q, dim)`.
        page_patches: `(rows, columns, dim)`, as `PageVectors.patch_vectors` gives them.

    Returns:
        float32 `(n_q, rows, columns)`. For unit-length vectors these are cosines. The maximum of each map is what
        its query vector adds to MaxSim, unless one of the page's extra vectors is more similar still.

    Raises:
        TypeError: an argument is not numeric.
        ValueError: wrong rank, an empty argument, a NaN or infinity, or different dims.
    """
    shape = np.shape(page_patches)
    if len(shape) != 3:
        raise ValueError(
            f"page_patches must be one page's patch vectors (rows, columns, dim), got {describe(page_patches)}. Lay "
            "them out on the grid with PageVectors.patch_vectors."
        )
    rows, columns, dim = shape
    flat = page_patches.reshape(-1, dim) if hasattr(page_patches, "reshape") else np.reshape(page_patches, (-1, dim))
    patches = as_matrix(flat, "page_patches", "(rows, columns, dim)")
    return similarity_matrix(query, patches).reshape(-1, rows, columns)


def summed_map(similarity: Any) -> Float32Array:
    """One map for several query vectors: the sum of theirs.

    Sum over the vectors of the words that matter by slicing first: `summed_map(similarity[2:5])`.

    Args:
        similarity: `(n_q, rows, columns)`, from `patch_similarity`.

    Returns:
        float32 `(rows, columns)`.

    Raises:
        TypeError: not numeric.
        ValueError: another rank, nothing in it, or a NaN or infinity.
    """
    maps = _as_map(similarity, "similarity", "(n_q, rows, columns)", 3)
    total: Float32Array = maps.sum(axis=0, dtype=np.float32)
    return total


def top_patches(heatmap: Any, k: int = 3) -> Int64Array:
    """The `k` patches with the highest values, best first; of equal ones the first in reading order.

    Args:
        heatmap: `(rows, columns)`.
        k: how many; all of them where the map has fewer.

    Returns:
        int64 `(min(k, rows * columns), 2)`: row and column of each.

    Raises:
        TypeError: not numeric, or `k` is not a whole number.
        ValueError: another rank, nothing in it, a NaN or infinity, or `k` below 1.
    """
    values = _as_map(heatmap, "heatmap", "(rows, columns)", 2)
    best = np.argsort(-values, axis=None, kind="stable")[: positive_int(k, "k")]
    return np.stack(np.unravel_index(best, values.shape), axis=1).astype(np.int64)


def patch_boxes(grid: tuple[int, int], width: int, height: int) -> Float64Array:
    """Where the patches of a grid lie on a page image of this size.

    The encoders stretch the whole page to whole patches, so the grid divides the page evenly; the edges are
    fractions of a pixel where the size is no multiple of the grid.

    Args:
        grid: `(rows, columns)`.
        width: pixels.
        height: pixels.

    Returns:
        float64 `(rows, columns, 4)`: x0, y0, x1, y1 in pixels, from the top left corner of the page.

    Raises:
        TypeError: a number that is not whole.
        ValueError: a number below 1, or a grid that is not two numbers.
    """
    if not hasattr(grid, "__len__") or len(grid) != 2:
        raise ValueError(f"grid must be (rows, columns), got {describe(grid)}.")
    rows, columns = positive_int(grid[0], "rows of grid"), positive_int(grid[1], "columns of grid")
    x = np.arange(columns + 1) * (positive_int(width, "width") / columns)
    y = np.arange(rows + 1) * (positive_int(height, "height") / rows)
    top, left = np.meshgrid(y[:-1], x[:-1], indexing="ij")
    bottom, right = np.meshgrid(y[1:], x[1:], indexing="ij")
    return np.stack([left, top, right, bottom], axis=-1)


def show_heatmap(
    image: Any,
    heatmap: Any,
    ax: Axes | None = None,
    top: int = 3,
    title: str = "",
    limits: tuple[float, float] | None = None,
    colorbar: bool = True,
) -> Axes:
    """Lay a map over its page: dark where the match is weak, light where it is strong, the best patches boxed.

    The page is drawn in grey and the colours run from dark to light, so the figure keeps its meaning in greyscale.

    Args:
        image: the page: a PIL image, or an array `(height, width)` or `(height, width, 3)`.
        heatmap: `(rows, columns)`, one query vector's map or `summed_map`.
        ax: where to draw; a new figure by default.
        top: how many of the best patches to outline, the best one of all with a thicker line; 0 for none.
        title: above the page.
        limits: values of the darkest and the lightest colour, for several figures on one scale; by default the map's
            smallest and largest.
        colorbar: draw the scale beside the page.

    Returns:
        The axes, in pixels of the page.

    Raises:
        TypeError: not an image, not numeric, or `top` is not a whole number.
        ValueError: a map of another rank, nothing in it, a NaN or infinity, or `top` below 0.
    """
    import matplotlib.pyplot as plt

    values = _as_map(heatmap, "heatmap", "(rows, columns)", 2)
    picture = _as_grey(image)
    if isinstance(top, bool) or not isinstance(top, (int, np.integer)):
        raise TypeError(f"top must be a whole number of at least 0, got {describe(top)}.")
    if top < 0:
        raise ValueError(f"top must be a whole number of at least 0, got {top}.")
    height, width = picture.shape
    if ax is None:
        _, ax = plt.subplots(figsize=(5.2, 1 + 4.2 * min(height / width, 2)))
    ax.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="antialiased", extent=(0, width, height, 0))
    low, high = limits if limits is not None else (float(values.min()), float(values.max()))
    # Patch by patch, not smoothed: a heatmap is no finer than its grid.
    layer = ax.imshow(
        values, cmap=SEQUENTIAL, alpha=0.62, vmin=low, vmax=high, interpolation="nearest", extent=(0, width, height, 0)
    )
    if top:
        _box(ax, patch_boxes((values.shape[0], values.shape[1]), width, height), top_patches(values, top))
    ax.set(xticks=[], yticks=[], xlim=(0, width), ylim=(height, 0), title=title)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    if colorbar:
        ax.figure.colorbar(layer, ax=ax, label="similarity", shrink=0.8)
    return ax


def _box(ax: Axes, boxes: Float64Array, chosen: Int64Array) -> None:
    """Outline patches in black on a white casing, which shows on any ground; the best with a thicker line."""
    from matplotlib.patches import Rectangle

    # All casings first: neighbours among the best must not cover each other's lines.
    for colour, casing in (("white", 2.0), ("black", 0.0)):
        for rank, (row, column) in enumerate(chosen):
            x0, y0, x1, y1 = boxes[row, column]
            line = (2.6 if rank == 0 else 1.2) + casing
            ax.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=colour, linewidth=line))


def _as_map(value: Any, name: str, takes: str, axes: int) -> Float32Array:
    shape = np.shape(value)
    if len(shape) != axes:
        raise ValueError(f"{name} must be an array {takes}, got {describe(value)}.")
    if 0 in shape:
        raise ValueError(f"{name} is empty (shape {tuple(shape)}): it must be an array {takes}.")
    array = np.asarray(value)
    if not (np.issubdtype(array.dtype, np.floating) or np.issubdtype(array.dtype, np.integer)):
        raise TypeError(f"{name} must hold real numbers as an array {takes}, got {describe(value)}.")
    result = array.astype(np.float32)
    reject_non_finite(result.reshape(-1, shape[-1]), name)
    return result


def _as_grey(image: Any) -> Any:
    """The page as grey values 0 to 255, `(height, width)`."""
    from PIL import Image

    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim not in (2, 3):
            raise TypeError(f"image must be a PIL image or a uint8 array (height, width[, 3]), got {describe(image)}.")
        image = Image.fromarray(image)
    if not isinstance(image, Image.Image):
        raise TypeError(f"image must be a PIL image or a uint8 array (height, width[, 3]), got {describe(image)}.")
    return np.asarray(image.convert("RGB").convert("L"))
