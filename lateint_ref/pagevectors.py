"""Pages as multi-vectors that know where on the page each vector lies, and the patch grid of an image size.

A page encoder cuts a page image into a grid of patches and gives one vector a patch, and a few more for its prompt
and markers. MaxSim reads all of them; a heatmap needs the grid.

Source: Faysse et al., "ColPali: Efficient Document Retrieval with Vision Language Models", ICLR 2025, sections 3.2
and 4.1 (patches as vectors; 1024 patches and 6 prompt vectors a page).
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lateint_ref._checks import Float32Array, Int64Array, describe, positive_int
from lateint_ref._npz import read_npz, write_npz
from lateint_ref.multivectors import MultiVectors

Family = Literal["colpali", "colqwen2"]

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

    vectors: MultiVectors
    grids: tuple[tuple[int, int], ...]
    patches: tuple[Int64Array, ...]

    def __post_init__(self) -> None:
        """Check that every page has a grid and one vector for each of its patches.

        Raises:
            TypeError: `vectors` is not a `MultiVectors`, or a grid or positions are not whole numbers.
            ValueError: a number of grids or positions other than that of pages, an empty grid, or positions that
                are not `rows * columns` different ones of the page's vectors (the page is named).
        """
        if not isinstance(self.vectors, MultiVectors):
            raise TypeError(f"vectors must be a MultiVectors with one document a page, got {describe(self.vectors)}.")
        for name, value, holds in (
            ("grids", self.grids, "(rows, columns)"),
            ("patches", self.patches, "array of positions"),
        ):
            if not hasattr(value, "__len__") or len(value) != len(self.vectors):
                raise ValueError(
                    f"{name} must hold one {holds} for each of {len(self.vectors)} pages, got {describe(value)}."
                )
        grids = tuple(_checked_grid(grid, page) for grid, page in zip(self.grids, self.ids, strict=True))
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

    def grid(self, page_id: str) -> tuple[int, int]:
        """`(rows, columns)` of a page's patch grid. Raises `KeyError` that names an unknown id."""
        return self.grids[self.vectors.position(page_id)]

    def patch_vectors(self, page_id: str) -> Float32Array:
        """The patch vectors of a page laid out on its grid, float32 `(rows, columns, dim)`.

        Raises:
            KeyError: an unknown id.
        """
        index = self.vectors.position(page_id)
        page: Float32Array = self.vectors[index]
        return page[self.patches[index]].reshape(*self.grids[index], self.vectors.dim)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write an `.npz` (no pickle). The file appears whole or not at all.

        Returns:
            The path written; `.npz` is appended where the name lacks it.
        """
        return write_npz(
            path,
            vectors=self.vectors.vectors,
            offsets=self.vectors.offsets,
            ids=np.asarray(self.ids, dtype=np.str_),
            grids=np.asarray(self.grids, dtype=np.int64),
            patches=np.concatenate(self.patches),
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PageVectors:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: no such file.
            ValueError: not such a file, damaged, or it holds pickled objects.
        """
        parts = read_npz(path, ("vectors", "offsets", "ids", "grids", "patches"), cls.__name__)
        grids, patches = parts["grids"], parts["patches"]
        whole = np.issubdtype(grids.dtype, np.integer) and grids.ndim == 2 and patches.ndim == 1
        if not whole or grids.prod(axis=1).sum() != len(patches):
            raise ValueError(
                f"{path} is not a PageVectors file: it holds positions of shape {patches.shape} for "
                f"{grids.dtype} grids of shape {grids.shape}, where each patch needs one. Write it again with "
                "PageVectors.save."
            )
        vectors = MultiVectors(parts["vectors"], parts["offsets"], [str(name) for name in parts["ids"]])
        starts = np.cumsum(grids.prod(axis=1))[:-1]
        return cls(vectors, tuple(map(tuple, grids.tolist())), tuple(np.split(patches, starts)))

    def __repr__(self) -> str:
        grids = sorted(set(self.grids), key=lambda grid: (grid[0] * grid[1], grid))
        shapes = " to ".join(f"{rows} x {columns}" for rows, columns in dict.fromkeys((grids[0], grids[-1])))
        counts = f"{len(self)} pages, grids of {shapes} patches"
        return f"PageVectors({counts}, {len(self.vectors.vectors)} x {self.vectors.dim} float32)"


def grid_for(width: int, height: int, family: Family = "colpali") -> tuple[int, int]:
    """The patch grid that a page image of this size gets: arithmetic only, no model.

    ColPali stretches every page to 448 x 448 pixels, so its grid is always 32 x 32. ColQwen2 keeps the page's shape:
    it rounds both sides to multiples of 28 pixels and, where that makes more than 768 visual tokens (or fewer than
    4), scales the page down (or up) first.

    Args:
        width: pixels.
        height: pixels.
        family: `"colpali"` (ColPali v1.2, v1.3) or `"colqwen2"` (ColQwen2 v1.0 and ColQwen2.5 v0.2, whose published
            processors are set to 768 tokens).

    Returns:
        `(rows, columns)`.

    Raises:
        TypeError: a side is not a whole number.
        ValueError: a side below 1, another family, or (ColQwen2) one side more than 200 times the other.

    Source:
        `smart_resize` of Qwen2-VL's image processor in transformers, and the processors of colpali-engine.
    """
    width, height = positive_int(width, "width"), positive_int(height, "height")
    if family == "colpali":
        return _COLPALI_GRID
    if family != "colqwen2":
        raise ValueError(f"family must be 'colpali' or 'colqwen2', got {family!r}.")
    if max(width, height) > _COLQWEN2_ASPECT * min(width, height):
        raise ValueError(
            f"an image of {width} x {height} pixels is too long for ColQwen2: one side may be at most "
            f"{_COLQWEN2_ASPECT} times the other. Cut it into pages."
        )
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


def _checked_grid(grid: Sequence[int], page: str) -> tuple[int, int]:
    if not hasattr(grid, "__len__") or len(grid) != 2:
        raise ValueError(f"the grid of page {page!r} must be (rows, columns), got {describe(grid)}.")
    rows, columns = (
        positive_int(number, f"{name} of page {page!r}") for number, name in zip(grid, ("rows", "columns"), strict=True)
    )
    return rows, columns


def _checked_patches(positions: Any, grid: tuple[int, int], count: int, page: str) -> Int64Array:
    array = np.asarray(positions)
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"the patches of page {page!r} must be whole numbers (positions), got {describe(positions)}.")
    if array.shape != (grid[0] * grid[1],):
        raise ValueError(
            f"the patches of page {page!r} must be {grid[0] * grid[1]} positions, one for each patch of its "
            f"{grid[0]} x {grid[1]} grid, got shape {array.shape}."
        )
    if array.min() < 0 or array.max() >= count or len(np.unique(array)) < len(array):
        raise ValueError(
            f"the patches of page {page!r} must be different positions from 0 to {count - 1}, its vectors; got "
            f"{len(np.unique(array))} different ones from {array.min()} to {array.max()}."
        )
    return array.astype(np.int64)
