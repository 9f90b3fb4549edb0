"""The recipe of the page encoder: what a drawn page says stands there, and training goes on where it stopped."""

import gzip
import importlib
import json
import random
import shutil
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from lateint_ref.encoders import backbone_path, pixels

RECIPES = Path(__file__).parents[1] / "data" / "training"
TEXT = "The keeper of the lighthouse counted forty ships before the storm, and wrote their names into a green book. "


@pytest.fixture(scope="module")
def recipes():
    """The folder of recipes on the path, as when a script in it runs."""
    sys.path.insert(0, str(RECIPES))
    yield
    sys.path.remove(str(RECIPES))
    for name in ("page_draw", "page"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def draw(recipes):
    return importlib.import_module("page_draw")


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    """What training reads, with a tiny late encoder of random weights."""
    pack = tmp_path_factory.mktemp("pack")
    (pack / "fonts").mkdir()
    fonts = ["DejaVuSans.ttf", "DejaVuSerif-Bold.ttf"]
    for name in fonts:
        shutil.copy(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name, pack / "fonts")
    shutil.copy(backbone_path() / "tokenizer.json", pack)
    network = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 96}
    card = {"fonts": fonts, "held_fonts": [], "markers": [1, 2], "punctuation": [1010, 1012], "network": network}
    (pack / "pack.json").write_text(json.dumps({**card, "late": "untrained"}))
    with gzip.open(pack / "texts.jsonl.gz", "wt") as file:
        for number in range(60):
            row = {"passage": f"Number {number}. {TEXT * 3}", "questions": ["who counted ships"]}
            file.write(json.dumps(row) + "\n")
    return pack


@pytest.fixture(scope="module")
def artist(draw, pack):
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
        questions = [asked for page in pages(artist, 6, rows=12, columns=12, kind=kind) for asked in page.questions]
        assert any(of == "drawing" and text.startswith(name) for of, text in questions), kind


def test_whole_pages(artist):
    page = artist.draw(random.Random(1), 32, 32)
    assert page.pixels.shape == (1280, 1024)
    assert len(page.tokens) > 50


# training


@pytest.fixture(scope="module")
def page(recipes, pack):
    """The recipe, with a network and a late encoder that take no time."""
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file
    from transformers import BertConfig, BertModel

    module = importlib.import_module("page")
    module.TINY = pixels.Network(stem=4, width=16, depth=1, hidden=24, layers=2, heads=2)
    torch.manual_seed(0)
    card = json.loads((pack / "pack.json").read_text())
    bert = BertModel(BertConfig(**card["network"]), add_pooling_layer=False)
    tensors = {name: tensor.half() for name, tensor in bert.state_dict().items() if tensor.is_floating_point()}
    words = tensors.pop("embeddings.word_embeddings.weight").float()
    scale = words.abs().amax(dim=1, keepdim=True).clamp(min=1e-6) / 127
    tensors |= {"words": (words / scale).round().to(torch.int8), "words_scale": scale}
    save_file(tensors | {"projection.weight": torch.randn(128, 24).half()}, pack / "late.safetensors")
    return module


def run(page, monkeypatch, pack, *arguments):
    given = ["page.py", "--pack", pack, "--tiny", "--device", "cpu", "--threads", "1", "--size", "4", *arguments]
    monkeypatch.setattr(sys, "argv", [str(part) for part in given])
    page.main()


@pytest.mark.slow
def test_training_goes_on_to_the_bit(page, pack, tmp_path, monkeypatch):
    import torch
    from safetensors.torch import load_file

    how = ("--parts", "letters", "crops", "pages", "--steps", 4, 3, 1)
    run(page, monkeypatch, pack, "--out", tmp_path / "whole", *how)
    for stop in (3, 2, 1):
        run(page, monkeypatch, pack, "--out", tmp_path / "torn", *how, "--stop", stop)
    run(page, monkeypatch, pack, "--out", tmp_path / "torn", *how)
    for part, steps in (("letters", 4), ("crops", 3), ("pages", 1)):
        whole, torn = (load_file(tmp_path / name / part / "last.safetensors") for name in ("whole", "torn"))
        assert int(whole["steps"]) == int(torn["steps"]) == steps
        assert whole.keys() == torn.keys()
        for name in whole:
            assert torch.equal(whole[name], torn[name]), name
    record = json.loads((tmp_path / "whole/record.json").read_text())
    assert [row["part"] for row in record] == ["letters", "crops", "pages"]
    run(page, monkeypatch, pack, "--evaluate", tmp_path / "whole/crops", "--groups", 1)
    found = json.loads((tmp_path / "whole/crops/evaluation.json").read_text())
    assert found["steps"] == 3
    assert {"letters", "page among 24", "copies", "near copies"} <= set(found["crops, fonts"])


@pytest.mark.slow
def test_the_loss_falls(page, pack, tmp_path, monkeypatch):
    how = ("--parts", "letters", "--warm", 5, "--every", 0, "--average", 0.9)
    run(page, monkeypatch, pack, "--out", tmp_path, *how, "--steps", 60)
    record = json.loads((tmp_path / "record.json").read_text())
    first, last = record[:5], record[-5:]
    assert np.mean([row["loss"] for row in last]) < np.mean([row["loss"] for row in first]) - 1


def test_two_losses_know_what_is_right(page):
    import torch

    torch.manual_seed(0)
    targets = torch.nn.functional.normalize(torch.randn(6, 16), dim=-1)
    owner, ids = torch.tensor([0, 0, 0, 1, 1, 1]), torch.arange(6)
    below = torch.eye(3, dtype=torch.bool).repeat(2, 1)
    scale = torch.tensor(20.0)
    right = page.naming(targets.view(2, 3, 16), targets, ids, owner, below, scale)
    wrong = page.naming(targets.flip(0).view(2, 3, 16), targets, ids, owner, below, scale)
    assert right[1].all()
    assert right[0] < 0.1 < wrong[0]
    scores = page.maxsim(targets[None, :2], torch.ones(1, 2), targets.view(2, 3, 16))
    assert scores.argmax() == 0
    assert scores[0, 0] == pytest.approx(1)
    boxes = torch.tensor([[30.0, 10, 70, 20], [0, 39, 31, 45]])
    assert page.under(boxes, 2, 3).tolist() == [
        [False, True, True, False, False, False],
        [False] * 3 + [True] + [False] * 2,
    ]
