"""Pages as multi-vectors that know where on the page each vector lies: grids, pooling over them, heatmaps.

A page encoder cuts a page image into a grid of patches and gives one vector a patch, and a few more for its prompt
and markers. MaxSim reads all of them; a heatmap needs the grid.

Sources: Faysse et al., "ColPali: Efficient Document Retrieval with Vision Language Models", ICLR 2025, sections 3.2
and 4.1 (1024 patches and 6 prompt vectors a page), 5.3 (similarity maps; the same numbers as colpali-engine's
`interpretability` module, with rows first); Sukhodolskaya and Aquino, "Optimizing ColPali for Retrieval at Scale, 13x
Faster Results", Qdrant, 2024 (means of rows and of columns: from 1030 vectors to 38).
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from lateint_ref.checks import (
    Float32Array,
    Float64Array,
    Int64Array,
    as_floats,
    describe,
    one_of,
    read_npz,
    require,
    whole,
    write_npz,
)
from lateint_ref.multivectors import MultiVectors
from lateint_ref.pooling import joined, unit_means
from lateint_ref.ragged import pack_ids, unpack_ids
from lateint_ref.scores import similarity_matrix, top_k

Family = Literal["colpali", "colqwen2"]
Grid = tuple[int, int]

# ColPali: a SigLIP encoder for 448 x 448 pixels with patches of 14 x 14.
_COLPALI_GRID = (32, 32)
# ColQwen2: Qwen2-VL's patches of 14 x 14 pixels, merged 2 x 2 into one visual token; 4 to 768 tokens a page.
_COLQWEN2_TOKEN = 14 * 2
_COLQWEN2_TOKENS = (4, 768)
_COLQWEN2_ASPECT = 200


@dataclass(frozen=True, eq=False)
class PageVectors:
    """The vectors of many pages, with each page's patch grid.

    Attributes:
        vectors: one document a page, all its vectors: those of patches and the model's extra ones (prompt, markers).
        grids: `(rows, columns)` of each page's patch grid.
        patches: for each page, the positions of its patch vectors among its vectors, int64 `(rows * columns,)`, in
            row-major order of the grid. The other positions are extra vectors.
    """

    MADE_BY: ClassVar[str] = "A page encoder makes one: encode_pages(images)."

    vectors: MultiVectors
    grids: tuple[Grid, ...]
    patches: tuple[Int64Array, ...]

    def __post_init__(self) -> None:
        """Check that every page has a grid and one vector for each of its patches.

        Raises:
            TypeError: `vectors` is not a `MultiVectors`, or a grid or positions are not whole numbers.
            ValueError: a number of grids or positions other than that of pages, an empty grid, or positions that
                are not `rows * columns` different ones of the page's vectors (the page is named).
        """
        require(self.vectors, MultiVectors, "vectors")
        for name, holds in (("grids", "(rows, columns)"), ("patches", "array of positions")):
            value = getattr(self, name)
            if not hasattr(value, "__len__") or len(value) != len(self.vectors):
                each = f"one {holds} for each of {len(self.vectors)} pages"
                raise ValueError(f"{name} must hold {each}, got {describe(value)}.")
        grids = tuple(_checked_grid(grid, f"page {page!r}") for grid, page in zip(self.grids, self.ids, strict=True))
        patches = tuple(
            _checked_patches(positions, grid, int(count), page)
            for positions, grid, count, page in zip(self.patches, grids, self.vectors.lengths, self.ids, strict=True)
        )
        object.__setattr__(self, "grids", grids)
        object.__setattr__(self, "patches", patches)

    @property
    def ids(self) -> list[str]:
        """The ids of the pages, in order."""
        return self.vectors.ids

    def __len__(self) -> int:
        return len(self.vectors)

    def __contains__(self, page_id: object) -> bool:
        return page_id in self.vectors

    def grid(self, page_id: str) -> Grid:
        """`(rows, columns)` of a page's patch grid. Raises `KeyError` that names an unknown id."""
        return self.grids[self.vectors.position(page_id)]

    def patch_vectors(self, page_id: str) -> Float32Array:
        """The patch vectors of a page laid out on its grid, float32 `(rows, columns, dim)`."""
        index = self.vectors.position(page_id)
        page: Float32Array = self.vectors[index]
        return page[self.patches[index]].reshape(*self.grids[index], self.vectors.dim)

    def take(self, pages: Any) -> PageVectors:
        """The pages at these positions, with these ids or under this mask, in this order; as `MultiVectors.take`."""
        chosen = self.vectors.positions(pages)
        return PageVectors(
            self.vectors.take(chosen),
            tuple(self.grids[place] for place in chosen),
            tuple(self.patches[place] for place in chosen),
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write an `.npz` (no pickle), whole or not at all. Returns the path; `.npz` is appended where it lacks."""
        parts = {"vectors": self.vectors.vectors, "offsets": self.vectors.offsets, "ids": pack_ids(self.ids)}
        return write_npz(path, **parts, grids=np.asarray(self.grids, np.int64), patches=np.concatenate(self.patches))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PageVectors:
        """Read what `save` wrote. Errors as `MultiVectors.load`."""
        parts = read_npz(path, ("vectors", "offsets", "ids", "grids", "patches"), cls.__name__)
        grids, patches = parts["grids"], parts["patches"]
        are_grids = np.issubdtype(grids.dtype, np.integer) and grids.ndim == 2 and patches.ndim == 1
        if not are_grids or grids.prod(axis=1).sum() != len(patches):
            raise ValueError(
                f"{path} is not a PageVectors file: positions of shape {patches.shape} do not fit {grids.dtype} grids "
                f"of shape {grids.shape}. Write it again with PageVectors.save."
            )
        vectors = MultiVectors(parts["vectors"], parts["offsets"], unpack_ids(parts["ids"]))
        starts = np.cumsum(grids.prod(axis=1))[:-1]
        return cls(vectors, tuple(map(tuple, grids.tolist())), tuple(np.split(patches, starts)))

    def __repr__(self) -> str:
        grids = sorted(set(self.grids), key=lambda grid: (grid[0] * grid[1], grid))
        shapes = " to ".join(f"{rows} x {columns}" for rows, columns in dict.fromkeys((grids[0], grids[-1])))
        counts = f"{len(self)} pages, grids of {shapes} patches"
        return f"PageVectors({counts}, {len(self.vectors.vectors)} x {self.vectors.dim} float32)"


def grid_for(width: int, height: int, family: Family = "colpali") -> Grid:
    """The patch grid, `(rows, columns)`, that a page image of so many pixels gets: arithmetic only, no model.

    ColPali v1.2 and v1.3 (`"colpali"`) stretch every page to 448 x 448 pixels, so its grid is always 32 x 32. ColQwen2
    v1.0 and ColQwen2.5 v0.2 (`"colqwen2"`) keep the page's shape: they round both sides to multiples of 28 pixels and,
    where that makes more than 768 visual tokens (or fewer than 4), scale the page down (or up) first.

    Raises:
        ValueError: for ColQwen2, one side more than 200 times the other.

    Source:
        `smart_resize` of Qwen2-VL's image processor in transformers, and the processors of colpali-engine.
    """
    width, height = whole(width, "width"), whole(height, "height")
    if one_of(family, get_args(Family), "family") == "colpali":
        return _COLPALI_GRID
    if max(width, height) > _COLQWEN2_ASPECT * min(width, height):
        limit = f"one side may be at most {_COLQWEN2_ASPECT} times the other. Cut it into pages"
        raise ValueError(f"an image of {width} x {height} pixels is too long for ColQwen2: {limit}.")
    least, most = (tokens * _COLQWEN2_TOKEN**2 for tokens in _COLQWEN2_TOKENS)
    # Whole tokens a side; Python's round takes halves to the even number, and so does the model's processor.
    rows, columns = round(height / _COLQWEN2_TOKEN), round(width / _COLQWEN2_TOKEN)
    pixels = rows * columns * _COLQWEN2_TOKEN**2
    if pixels > most:
        shrink = math.sqrt(height * width / most)
        rows = max(1, math.floor(height / shrink / _COLQWEN2_TOKEN))
        columns = max(1, math.floor(width / shrink / _COLQWEN2_TOKEN))
    elif pixels < least:
        grow = math.sqrt(least / (height * width))
        rows = math.ceil(height * grow / _COLQWEN2_TOKEN)
        columns = math.ceil(width * grow / _COLQWEN2_TOKEN)
    return rows, columns


def pool_rows(pages: PageVectors) -> MultiVectors:
    """One vector a row of a page's grid, then the page's extra vectors: 32 + 6 for a ColPali page."""
    return _pooled(pages, lambda grid: (1, grid[1]))


def pool_columns(pages: PageVectors) -> MultiVectors:
    """One vector a column of a page's grid, then the page's extra vectors: 32 + 6 for a ColPali page."""
    return _pooled(pages, lambda grid: (grid[0], 1))


def pool_blocks(pages: PageVectors, block: Sequence[int]) -> MultiVectors:
    """One vector a block of a page's grid, then the page's extra vectors, as they are.

    Args:
        pages: the vectors of pages, with their grids.
        block: `(rows, columns)` of patches that become one vector, each at least 1; blocks at the right and lower edge
            are smaller where the grid ends. `(1, 3)` merges runs of three patches within a row.

    Returns:
        float32, unit length but for the extra vectors. Blocks stand row by row; ids and order of pages stay. Patches
        that cancel out are a `ValueError` that names page and block.
    """
    size = _checked_grid(block, "block")
    return _pooled(pages, lambda grid: size)


def _pooled(pages: PageVectors, block: Any) -> MultiVectors:
    """Means of blocks, whose size `block` tells for a grid."""
    require(pages, PageVectors, "pages")
    matrices = []
    for page, grid, patches in zip(pages.ids, pages.grids, pages.patches, strict=True):
        height, width = block(grid)
        vectors = pages.vectors[page]
        row, column = np.divmod(np.arange(len(patches)), grid[1])
        across = -(-grid[1] // width)
        labels = row // height * across + column // width
        means = unit_means(vectors[patches], labels, f"block {{}} of page {page!r}")
        matrices.append(np.concatenate([means, np.delete(vectors, patches, axis=0)]))
    return joined(matrices, pages.ids)


def patch_similarity(query: Any, page_patches: Any) -> Float32Array:
    """Dot products of every query vector with every patch of one page, laid out on the page's grid.

    The maximum of each map is what its query vector adds to MaxSim, unless one of the page's extra vectors is more
    similar still.

    Args:
        query: `(n_q, dim)`.
        page_patches: `(rows, columns, dim)`, as `PageVectors.patch_vectors` gives them.

    Returns:
        float32 `(n_q, rows, columns)`.
    """
    patches = as_floats(page_patches, "page_patches", "(rows, columns, dim) of PageVectors.patch_vectors", 3)
    rows, columns, dim = patches.shape
    return similarity_matrix(query, patches.reshape(-1, dim)).reshape(-1, rows, columns)


def summed_map(similarity: Any) -> Float32Array:
    """One map for several query vectors: the sum of theirs, `(n_q, rows, columns)` to float32 `(rows, columns)`.

    Sum over the vectors of the words that matter by slicing first: `summed_map(similarity[2:5])`.
    """
    maps = as_floats(similarity, "similarity", "(n_q, rows, columns)", 3)
    return np.asarray(maps.sum(axis=0, dtype=np.float32))


def top_patches(heatmap: Any, k: int = 3) -> Int64Array:
    """Row and column of the `k` highest values of a map, `(rows, columns)`, best first: int64 `(k, 2)`.

    Of equal ones the first in reading order comes first; a map with fewer gives all.
    """
    values = as_floats(heatmap, "heatmap", "(rows, columns)", 2)
    return np.stack(np.unravel_index(top_k(values.ravel(), k), values.shape), axis=1).astype(np.int64)


def patch_boxes(grid: Grid, width: int, height: int) -> Float64Array:
    """Where the patches of a grid lie on a page image of this size.

    The encoders stretch the whole page to whole patches, so the grid, `(rows, columns)`, divides the page evenly; the
    edges are fractions of a pixel where the size is no multiple of the grid.

    Returns:
        float64 `(rows, columns, 4)`: x0, y0, x1, y1 in pixels, from the top left corner of the page.
    """
    rows, columns = _checked_grid(grid, "grid")
    x = np.arange(columns + 1) * (whole(width, "width") / columns)
    y = np.arange(rows + 1) * (whole(height, "height") / rows)
    top, left = np.meshgrid(y[:-1], x[:-1], indexing="ij")
    bottom, right = np.meshgrid(y[1:], x[1:], indexing="ij")
    return np.stack([left, top, right, bottom], axis=-1)


def _checked_grid(grid: Sequence[int], name: str) -> Grid:
    if not hasattr(grid, "__len__") or len(grid) != 2:
        raise ValueError(f"{name}: expected (rows, columns), got {describe(grid)}.")
    return whole(grid[0], f"rows of {name}"), whole(grid[1], f"columns of {name}")


def _checked_patches(positions: Any, grid: Grid, count: int, page: str) -> Int64Array:
    array = np.asarray(positions)
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"the patches of page {page!r} must be whole numbers (positions), got {describe(positions)}.")
    if array.shape != (grid[0] * grid[1],):
        each = f"{grid[0] * grid[1]} positions, one for each patch of its {grid[0]} x {grid[1]} grid"
        raise ValueError(f"the patches of page {page!r} must be {each}, got shape {array.shape}.")
    different = len(np.unique(array))
    if array.min() < 0 or array.max() >= count or different < len(array):
        raise ValueError(
            f"the patches of page {page!r} must be different positions from 0 to {count - 1}, its vectors; got "
            f"{different} different ones from {array.min()} to {array.max()}."
        )
    return array.astype(np.int64)
