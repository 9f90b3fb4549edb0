"""Heatmaps: equal to colpali-engine's similarity maps, on grids of any shape, and drawn where they belong."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers import refused, unit_vectors
from lateint_ref.pages import patch_boxes, patch_similarity, summed_map, top_patches
from lateint_ref.scores import maxsim
from workbook.plots import show_heatmap

GRIDS = [(4, 4), (3, 5), (5, 2), (1, 6)]


def page(grid, dim=16, seed=1):
    return unit_vectors(grid[0] * grid[1], dim, seed).reshape(*grid, dim)


@pytest.mark.parametrize("grid", GRIDS)
def test_maps_equal_colpali_engine(grid):
    import torch
    from colpali_engine.interpretability import get_similarity_maps_from_embeddings

    query, patches = unit_vectors(7), page(grid)
    before, after = unit_vectors(2, seed=2), unit_vectors(3, seed=3)
    vectors = np.concatenate([before, patches.reshape(-1, 16), after])
    mask = np.zeros(len(vectors), dtype=bool)
    mask[2:-3] = True
    theirs = get_similarity_maps_from_embeddings(
        image_embeddings=torch.from_numpy(vectors)[None],
        query_embeddings=torch.from_numpy(query)[None],
        n_patches=(grid[1], grid[0]),  # theirs is (x, y)
        image_mask=torch.from_numpy(mask)[None],
    )[0].numpy()
    mine = patch_similarity(query, patches)
    assert (mine.dtype, mine.shape) == (np.float32, (7, *grid))
    np.testing.assert_allclose(mine, theirs.transpose(0, 2, 1), atol=1e-6)


@pytest.mark.parametrize("grid", GRIDS)
def test_maps_add_up_to_maxsim(grid):
    query, patches = unit_vectors(5), page(grid)
    maps = patch_similarity(query, patches)
    assert maps.max(axis=(1, 2)).sum() == pytest.approx(maxsim(query, patches.reshape(-1, 16)), abs=1e-5)
    np.testing.assert_allclose(summed_map(maps), sum(maps), atol=1e-6)
    np.testing.assert_allclose(summed_map(maps[1:3]), maps[1] + maps[2], atol=1e-6)


def test_top_patches_best_first_ties_in_reading_order():
    heatmap = np.array([[0.1, 0.9, 0.5], [0.9, 0.2, -1.0]])
    assert top_patches(heatmap, 3).tolist() == [[0, 1], [1, 0], [0, 2]]
    assert len(top_patches(heatmap, 100)) == 6
    assert top_patches(heatmap).dtype == np.int64


@pytest.mark.parametrize(("grid", "size"), [((32, 32), (1240, 1754)), ((3, 5), (100, 70)), ((1, 1), (7, 3))])
def test_boxes_tile_the_page(grid, size):
    boxes = patch_boxes(grid, *size)
    assert boxes.shape == (*grid, 4)
    areas = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    np.testing.assert_allclose(areas, size[0] * size[1] / (grid[0] * grid[1]))
    assert boxes[0, 0, :2].tolist() == [0, 0]
    np.testing.assert_allclose(boxes[-1, -1, 2:], size)
    np.testing.assert_allclose(boxes[:, :-1, 2], boxes[:, 1:, 0])
    np.testing.assert_allclose(boxes[:-1, :, 3], boxes[1:, :, 1])


def drawn(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)


@pytest.mark.parametrize("grid", [(3, 5), (6, 2)])
def test_the_light_patch_is_where_the_match_is(grid):
    """Read from the drawn pixels: the patch with the highest value is lightest, in colour and in greyscale."""
    heatmap = np.zeros(grid)
    heatmap[1, 1] = 1
    image = np.full((120, 200, 3), 255, dtype=np.uint8)
    figure = plt.figure(figsize=(4, 2.4), dpi=100)
    ax = show_heatmap(image, heatmap, figure.add_axes((0, 0, 1, 1)), top=0, colorbar=False)
    pixels = drawn(figure)
    lightness = pixels @ np.array([0.299, 0.587, 0.114])
    boxes = patch_boxes(grid, 200, 120)
    seen = np.empty(grid)
    for row, column in np.ndindex(grid):
        x0, y0, x1, y1 = boxes[row, column]
        x, y = ax.transData.transform(((x0 + x1) / 2, (y0 + y1) / 2))
        seen[row, column] = lightness[round(pixels.shape[0] - y), round(x)]
    plt.close(figure)
    assert np.unravel_index(seen.argmax(), grid) == (1, 1)
    assert np.ptp(np.delete(seen.ravel(), seen.argmax())) < 1
    assert seen.max() - seen.min() > 60


def test_boxes_scale_and_title():
    from PIL import Image

    heatmap = patch_similarity(unit_vectors(1), page((4, 3)))[0]
    ax = show_heatmap(Image.new("L", (90, 160), 255), heatmap, top=2, title="a page", limits=(-1, 1))
    assert ax.get_title() == "a page"
    assert ax.images[1].get_clim() == (-1, 1)
    corners = {tuple(np.round(patch.get_xy(), 6)) for patch in ax.patches}
    boxes = patch_boxes((4, 3), 90, 160)
    assert corners == {tuple(np.round(boxes[row, column, :2], 6)) for row, column in top_patches(heatmap, 2)}
    black = [patch.get_linewidth() for patch in ax.patches if patch.get_edgecolor() == (0, 0, 0, 1)]
    assert black[0] > black[1]
    labels = [axes.get_ylabel() for axes in ax.figure.axes]
    assert "similarity" in labels
    plt.close(ax.figure)
    alone = show_heatmap(np.zeros((8, 8), dtype=np.uint8), heatmap, top=0, colorbar=False)
    assert (len(alone.figure.axes), len(alone.patches)) == (1, 0)
    plt.close(alone.figure)


def test_bad_input():
    image, heatmap = np.zeros((4, 4), np.uint8), np.zeros((2, 2))
    refused(ValueError, "page_patches must be an array", patch_similarity, unit_vectors(2), unit_vectors(6))
    refused(ValueError, "empty", patch_similarity, unit_vectors(2), np.zeros((0, 3, 16)))
    refused(ValueError, r"\(n_q, rows, columns\)", summed_map, np.zeros((2, 3)))
    refused(ValueError, r"\(rows, columns\)", top_patches, np.zeros(3))
    refused(ValueError, "infinity", top_patches, np.array([[np.inf]]))
    refused(ValueError, r"\(rows, columns\)", patch_boxes, (2,), 10, 10)
    refused(TypeError, "PIL image", show_heatmap, "page.png", heatmap)
    refused(TypeError, "uint8", show_heatmap, np.zeros((4, 4)), heatmap)
    refused(ValueError, "top must be", show_heatmap, image, heatmap, top=-1)
    refused(TypeError, "top must be", show_heatmap, image, heatmap, top=True)
    assert not plt.get_fignums()
