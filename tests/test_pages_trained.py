"""The page encoder that reads pixels, on tiny random weights: what it owes any weights, and what it refuses."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

import lateint_ref.encoders as enc
from helpers import in_threads, refused
from lateint_ref.encoders import late as projection
from lateint_ref.encoders import pixels
from lateint_ref.encoders.late import LateConfig, LateEncoder

TINY = pixels.Network(stem=4, width=8, depth=1, hidden=24, layers=1, heads=2)


def picture(seed, width=300, height=400):
    image = Image.new("RGB", (width, height), "white")
    pen, rng = ImageDraw.Draw(image), np.random.default_rng(seed)
    for _ in range(40):
        x, y = rng.integers(0, width), rng.integers(0, height)
        pen.rectangle((x, y, x + 12, y + 3), fill=int(rng.integers(0, 200)))
    return image


def reader(seed=0, network=TINY):
    torch.manual_seed(seed)
    return pixels.PageReader(network)


@pytest.fixture(scope="module")
def late():
    return enc.load_late()


@pytest.fixture(scope="module")
def folder(late, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights")
    pixels.write_pixels(path, reader(), late, "untrained")
    return path


@pytest.fixture(scope="module")
def encoder(folder, late):
    return pixels.load_pixels(folder, late)


def test_one_unit_vector_a_patch(encoder):
    pages = encoder.encode_pages([picture(0), picture(1)], ["a", "b"])
    assert pages.ids == ["a", "b"]
    assert pages.grids == ((32, 32), (32, 32))
    assert pages.patch_vectors("b").shape == (32, 32, 128)
    assert pages.vectors.vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(pages.vectors.vectors, axis=1), 1, atol=1e-5)
    assert (encoder.dim, encoder.late.dim) == (128, 128)
    assert encoder.name.startswith("page encoder trained on drawn pages")
    assert encoder.late.name in encoder.name


def test_patches_are_row_by_row(folder, late):
    # Without attention a patch's vector follows from what is near it.
    net, _ = pixels.read_pixels(folder)
    net.layers = torch.nn.ModuleList()
    alone = pixels.PixelPages(net, late)
    plain, spotted = Image.new("L", (1024, 1280), 255), Image.new("L", (1024, 1280), 255)
    spotted.paste(0, (5 * 32, 20 * 40, 6 * 32, 21 * 40))
    before, after = alone.encode_pages([plain, spotted], ["plain", "spotted"]), ["plain", "spotted"]
    moved = np.abs(before.patch_vectors(after[1]) - before.patch_vectors(after[0])).max(axis=2)
    assert np.unravel_index(moved.argmax(), moved.shape) == (20, 5)
    assert moved[:15].max() < 1e-6


def test_layers_are_those_of_bert():
    from transformers import BertConfig
    from transformers.models.bert.modeling_bert import BertLayer

    torch.manual_seed(0)
    config = BertConfig(hidden_size=24, num_attention_heads=2, intermediate_size=96)
    config._attn_implementation = "eager"
    peer, mine = BertLayer(config).eval(), pixels.Layer(24, 2)
    attention = peer.attention
    for own, theirs in (
        (mine.query, attention.self.query),
        (mine.key, attention.self.key),
        (mine.value, attention.self.value),
        (mine.out, attention.output.dense),
        (mine.out_norm, attention.output.LayerNorm),
        (mine.up, peer.intermediate.dense),
        (mine.down, peer.output.dense),
        (mine.down_norm, peer.output.LayerNorm),
    ):
        own.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 7, 24)
    expected = peer(x)
    expected = expected[0] if isinstance(expected, tuple) else expected
    torch.testing.assert_close(mine(x), expected, atol=1e-5, rtol=1e-4)


def test_order_and_batch_change_nothing(encoder):
    images = [picture(seed) for seed in range(3)]
    pages = encoder.encode_pages(images, ["0", "1", "2"], batch_size=3)
    other = encoder.encode_pages(images[::-1], ["2", "1", "0"])
    for name in pages.ids:
        np.testing.assert_array_equal(pages.patch_vectors(name), other.patch_vectors(name))
    np.testing.assert_array_equal(encoder.encode_pages([images[1]]).vectors[0], pages.vectors[1])


def test_queries_are_the_late_encoders(encoder, late):
    np.testing.assert_array_equal(encoder.encode_query("a red tent"), late.encode_query("a red tent"))
    assert encoder.encode_queries(["a red tent", "rain"]).ids == ["0", "1"]
    assert encoder.tokens("a tent") == late.tokens("a tent")
    refused(ValueError, "empty", encoder.tokens, "")


def test_one_page_in_several_threads(encoder):
    images = [picture(seed) for seed in range(3)]
    expected = [encoder.encode_pages([image]).vectors[0] for image in images]

    def work(start):
        for row in (start, (start + 1) % 3):
            np.testing.assert_allclose(encoder.encode_pages([images[row]]).vectors[0], expected[row], atol=1e-5)

    in_threads(work, 3)


def test_odd_images(encoder):
    page = picture(3)
    images = [
        *(page.convert(mode) for mode in ("CMYK", "P", "1")),
        *(page.resize(size) for size in ((5000, 900), (16, 16))),
        Image.new("RGBA", (40, 60), (0, 0, 0, 0)),
        Image.new("L", (100, 100), 255),  # a blank page is a page
    ]
    pages = encoder.encode_pages(images)
    assert len(pages) == len(images)
    assert np.isfinite(pages.vectors.vectors).all()


def test_it_is_small():
    net = pixels.PageReader()
    count = sum(value.numel() for value in net.parameters())
    assert 3e6 < count < 12e6
    assert 2 * count < 25e6


def test_weights_survive_writing(folder):
    before = {name: tensor.half().float() for name, tensor in reader().state_dict().items()}
    after, settings = pixels.read_pixels(folder)
    for name, tensor in after.state_dict().items():
        torch.testing.assert_close(tensor, before[name])
    assert settings["late"] == "untrained"


def test_load_pages_by_name(folder, tmp_path, monkeypatch):
    import shutil

    data = tmp_path / "data"
    shutil.copytree(projection.projection_folder(), data / "models/late-128")
    monkeypatch.setenv("LATEINT_DATA", str(data))
    refused(FileNotFoundError, r"page-trained.*is missing.*git checkout", enc.load_pages, "trained")
    shutil.copytree(folder, data / "models/page-trained")
    assert isinstance(enc.load_pages("trained"), pixels.PixelPages)
    monkeypatch.setenv("LATEINT_PROFILE", "hub")
    assert isinstance(enc.load_pages("trained"), pixels.PixelPages)


def test_another_late_encoder_is_refused(folder):
    weight = projection.load_projection(projection.projection_folder())
    foreign = LateEncoder(np.ascontiguousarray(weight[::-1]), LateConfig())
    refused(ValueError, "trained for another late encoder", pixels.load_pixels, folder, foreign)
    refused(ValueError, "128 dimensions and queries 64", pixels.PixelPages, reader(), enc.load_late(dim=64))
    refused(TypeError, "must be a LateEncoder", pixels.PixelPages, reader(), "late")
