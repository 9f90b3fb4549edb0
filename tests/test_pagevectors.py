"""Page vectors: validation, layout on the grid; patch grids equal to the models' own processors."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from helpers import refused, unit_vectors
from lateint_ref.multivectors import MultiVectors
from lateint_ref.pages import PageVectors, grid_for


def two_pages():
    """A 2 x 3 grid between two extra vectors, and a 1 x 2 grid whose vectors stand in another order."""
    vectors = MultiVectors.from_list([unit_vectors(8, 4), unit_vectors(3, 4, seed=1)], ["first", "second"])
    return PageVectors(vectors, ((2, 3), (1, 2)), (np.arange(1, 7), np.array([2, 0])))


def test_patches_lie_on_the_grid():
    pages = two_pages()
    assert (len(pages), pages.ids, pages.grid("second")) == (2, ["first", "second"], (1, 2))
    assert pages.patch_vectors("first").shape == (2, 3, 4)
    np.testing.assert_array_equal(pages.patch_vectors("first")[1, 0], pages.vectors["first"][4])
    np.testing.assert_array_equal(pages.patch_vectors("second")[0], pages.vectors["second"][[2, 0]])
    for look in (pages.grid, pages.patch_vectors):
        refused(KeyError, "'third'", look, "third")
    assert repr(pages) == "PageVectors(2 pages, grids of 1 x 2 to 2 x 3 patches, 11 x 4 float32)"


@pytest.mark.parametrize(
    ("grids", "patches", "error", "words"),
    [
        (((2, 3),), (np.arange(6), np.arange(2)), ValueError, "grids must hold one .* of 2 pages"),
        (((2, 3), (1, 2)), (np.arange(6),), ValueError, "patches must hold one .* of 2 pages"),
        (((2, 3), (1, 3)), (np.arange(6), np.arange(2)), ValueError, "page 'second' must be 3 positions"),
        (((2, 3), (1, 2)), (np.arange(6), np.array([0, 3])), ValueError, "page 'second' .* from 0 to 2"),
        (((2, 3), (1, 2)), (np.arange(6), np.array([-1, 0])), ValueError, "page 'second' .* from 0 to 2"),
        (((2, 3), (1, 2)), (np.arange(6), np.array([1, 1])), ValueError, "1 different ones"),
        (((2, 3), (1, 2)), (np.arange(6), np.array([0.0, 1.0])), TypeError, "whole numbers"),
        (((2, 3), (0, 2)), (np.arange(6), np.arange(2)), ValueError, "rows of page 'second'"),
        (((2, 3), (1.5, 2)), (np.arange(6), np.arange(2)), TypeError, "rows of page 'second'"),
        (((2, 3), 2), (np.arange(6), np.arange(2)), ValueError, "page 'second': expected"),
        (None, (np.arange(6), np.arange(2)), ValueError, "grids must hold"),
    ],
)
def test_bad_page_vectors(grids, patches, error, words):
    refused(error, words, PageVectors, two_pages().vectors, grids, patches)


# patch grids


def test_grids_of_usual_pages():
    assert grid_for(1240, 1754, "colpali") == grid_for(17, 3) == (32, 32)
    rows, columns = grid_for(1240, 1754, "colqwen2")  # A4 at 150 dots per inch
    assert (rows, columns) == (32, 23)
    assert grid_for(1754, 1240, "colqwen2") == (columns, rows)
    assert grid_for(1920, 1080, "colqwen2") == (20, 36)
    assert grid_for(1, 1, "colqwen2") == (2, 2)


@settings(deadline=None, max_examples=400)
@given(st.integers(1, 6000), st.integers(1, 6000))
@example(1, 200)
@example(200, 1)
@example(42, 42)
@example(70, 14)
@example(20_000, 20_000)
@example(5600, 28)
def test_colqwen2_grid_is_that_of_its_processor(width, height):
    from colpali_engine.models import ColQwen2Processor
    from transformers import Qwen2VLImageProcessor

    processor = object.__new__(ColQwen2Processor)  # its tokenizer plays no part in this
    processor.image_processor = Qwen2VLImageProcessor(min_pixels=56 * 56, max_pixels=768 * 28 * 28)
    try:
        columns, rows = processor.get_n_patches((width, height), spatial_merge_size=2)
    except ValueError:
        refused(ValueError, "too long for ColQwen2", grid_for, width, height, "colqwen2")
        return
    assert grid_for(width, height, "colqwen2") == (rows, columns)
    assert rows * columns <= 768 or min(rows, columns) == 1


def test_colpali_grid_is_that_of_its_processor():
    from colpali_engine.models import ColPaliProcessor
    from transformers import SiglipImageProcessor

    processor = object.__new__(ColPaliProcessor)
    processor.image_processor = SiglipImageProcessor(size={"height": 448, "width": 448})
    columns, rows = processor.get_n_patches((1240, 1754), patch_size=14)
    assert grid_for(1240, 1754) == (rows, columns)


def test_bad_sizes():
    refused(ValueError, "'colpali'.*'colqwen2'", grid_for, 10, 10, "colbert")
    refused(ValueError, "200 times", grid_for, 20_100, 100, "colqwen2")
