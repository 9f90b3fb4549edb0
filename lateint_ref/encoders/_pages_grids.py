"""Which vectors of a page are its patches, and how they lie on the page, for each family of page encoders."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lateint_ref.checks import Int64Array


def page_grid(family: str, processor: Any, config: Any, width: int, height: int) -> tuple[int, int]:
    """The patch grid that a processor gives to a page image of this size.

    ColPali: fixed by the model. ColQwen2 and 2.5: whole visual tokens of the resized page. ColIdefics3 and
    ColModernVBert: the page is cut into square tiles, each encoded on its own to `image_seq_len` vectors, so the
    grid is that of all tiles together; where the page is not cut, the grid of the one image.

    Args:
        family: name of the model's class in colpali-engine.
        processor: the model's.
        config: the model's.
        width: pixels.
        height: pixels.

    Returns:
        `(rows, columns)`.

    Raises:
        NotImplementedError: tiles whose vectors form no square.
        ValueError: a page so long that the processor refuses it.
    """
    if family == "ColPali":
        columns, rows = processor.get_n_patches((width, height), patch_size=config.vision_config.patch_size)
    elif family.startswith("ColQwen2"):
        merge = config.vision_config.spatial_merge_size
        columns, rows = processor.get_n_patches((width, height), spatial_merge_size=merge)
    else:
        tile_rows, tile_columns = _tiles(processor, width, height)
        side = _tile_side(processor)
        rows, columns = max(tile_rows, 1) * side, max(tile_columns, 1) * side
    return int(rows), int(columns)


def patch_positions(
    family: str, processor: Any, grid: tuple[int, int], width: int, height: int, is_image: Any
) -> Int64Array:
    """Positions of a page's patch vectors among its vectors, in row-major order of the grid.

    Args:
        family: name of the model's class in colpali-engine.
        processor: the model's.
        grid: what `page_grid` gave for this page.
        width: pixels.
        height: pixels.
        is_image: bool `(n_vectors,)`: whether a vector stands for a part of the image.

    Returns:
        int64 `(rows * columns,)`. Where a page is cut into tiles, the vectors of the small view of the whole page
        that follows them are not among these: they repeat the page at a coarser grid.

    Raises:
        RuntimeError: another number of image vectors than the grid has places.
    """
    positions = np.flatnonzero(np.asarray(is_image)).astype(np.int64)
    rows, columns = grid
    expected = rows * columns
    tiled = family in ("ColIdefics3", "ColModernVBert") and _tiles(processor, width, height) != (0, 0)
    if tiled:
        expected += int(processor.image_seq_len)
    if len(positions) != expected:
        raise RuntimeError(
            f"the processor made {len(positions)} image vectors of a page of {width} x {height} pixels, and its own "
            f"arithmetic says {expected} ({rows} x {columns} patches): it does not fit the model. Save processor and "
            "model together."
        )
    if not tiled:
        return positions
    side = _tile_side(processor)
    # Tile by tile, and row by row within a tile: (tile row, tile column, row, column) -> rows of the whole page.
    tiles = positions[: rows * columns].reshape(rows // side, columns // side, side, side)
    return np.ascontiguousarray(tiles.transpose(0, 2, 1, 3)).reshape(-1)


def _tiles(processor: Any, width: int, height: int) -> tuple[int, int]:
    """Rows and columns of tiles; (0, 0) where the page is not cut."""
    _, rows, columns = processor.image_processor.get_number_of_image_patches(height, width, {})
    return int(rows), int(columns)


def _tile_side(processor: Any) -> int:
    length = int(processor.image_seq_len)
    side = math.isqrt(length)
    if side * side != length:
        raise NotImplementedError(
            f"a tile becomes {length} vectors, which form no square: where on the page each of them lies is not "
            "known, so there is no patch grid for this model."
        )
    return side
