"""The drawing of training pages: what it says stands on a page stands there."""

import gzip
import importlib.util
import json
import random
import shutil
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from lateint_ref.encoders import backbone_path

RECIPES = Path(__file__).parents[1] / "data" / "training"
TEXT = "The keeper of the lighthouse counted forty ships before the storm, and wrote their names into a green book. "


@pytest.fixture(scope="module")
def draw():
    spec = importlib.util.spec_from_file_location("page_draw", RECIPES / "page_draw.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["page_draw"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["page_draw"]


@pytest.fixture(scope="module")
def artist(draw, tmp_path_factory):
    pack = tmp_path_factory.mktemp("pack")
    (pack / "fonts").mkdir()
    fonts = ["DejaVuSans.ttf", "DejaVuSerif-Bold.ttf"]
    for name in fonts:
        shutil.copy(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name, pack / "fonts")
    shutil.copy(backbone_path() / "tokenizer.json", pack)
    (pack / "pack.json").write_text(json.dumps({"fonts": fonts}))
    with gzip.open(pack / "texts.jsonl.gz", "wt") as file:
        for number in range(60):
            file.write(
                json.dumps({"passage": f"Number {number}. {TEXT * 3}", "questions": ["who counted ships"]}) + "\n"
            )
    return draw.Artist(pack)


def pages(artist, count=30, **how):
    return [artist.draw(random.Random(seed), **how) for seed in range(count)]


def test_a_seed_is_a_page(artist):
    for one, other in zip(pages(artist, 5), pages(artist, 5), strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
        np.testing.assert_array_equal(one.boxes, other.boxes)
        assert one.questions == other.questions


def test_tokens_are_those_of_the_windows_and_lie_on_the_page(draw, artist):
    for page in pages(artist):
        assert page.pixels.shape == (320, 256)
        assert page.pixels.dtype == np.uint8
        assert all(len(ids) <= draw.WINDOW for ids in page.windows)
        for (window, place, token), box in zip(page.tokens, page.boxes, strict=True):
            assert page.windows[window][place] == token
            assert 0 <= box[0] <= box[2] <= 256
            assert 0 <= box[1] <= box[3] <= 320


def test_there_is_ink_under_every_word(artist):
    names = artist.tokenizer.id_to_token
    seen = 0
    for page in pages(artist):
        for (_, _, token), (x0, y0, x1, y1) in zip(page.tokens, page.boxes.astype(int), strict=True):
            if names(int(token)).isalpha() and x1 > x0 and y1 > y0:
                assert np.ptp(page.pixels[y0 : y1 + 1, x0 : x1 + 1].astype(int)) > 40
                seen += 1
    assert seen > 500


def test_letters_stand_where_words_are(draw, artist):
    for page in pages(artist, 10):
        assert page.cells.shape == (40, 32)
        assert page.cells.max() <= draw.BLANK
        written = page.cells != draw.BLANK
        assert 0.02 < written.mean() < 0.8


def test_every_kind_of_drawing_is_asked_for(draw, artist):
    for kind, name in draw.KINDS.items():
        asked = [
            text
            for page in pages(artist, 6, rows=12, columns=12, kind=kind)
            for of, text in page.questions
            if of == "drawing"
        ]
        assert any(text.startswith(name) for text in asked), kind


def test_whole_pages(artist):
    page = artist.draw(random.Random(1), 32, 32)
    assert page.pixels.shape == (1280, 1024)
    assert len(page.tokens) > 50
