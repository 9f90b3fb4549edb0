"""Page encoders on tiny checkpoints that are built here: equal to colpali-engine called directly, whole or an error."""

import copy
import json
import shutil
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import peft
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file

from helpers import refused
from lateint_ref.encoders.hub_pages import HubPages, page_grid, patch_positions
from lateint_ref.pages import patch_similarity
from page_checkpoints import BUILDERS, build, colpali, randomize, tiled

QUERIES = ["revenue of march", "table", "the figure two of the north region"]
ADAPTED = r".*(q_proj|v_proj|Wqkv|custom_text_proj|^linear)$"
# How names in the published adapters begin, where the installed versions write something else.
PUBLISHED = {
    "ColPali": ("base_model.model.model.model.language_model.", "base_model.model.model.language_model.model."),
    "ColQwen2": ("base_model.model.language_model.", "base_model.model.model."),
    "ColQwen2_5": ("base_model.model.language_model.", "base_model.model.model."),
}

pytestmark = pytest.mark.filterwarnings("error::UserWarning:lateint_ref")


def picture(width, height, seed=0):
    """A page image with something different in every corner."""
    values = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(values).resize((width, height))


PAGES = [picture(100, 140), picture(200, 90, 1), picture(60, 60, 2)]


@pytest.fixture(autouse=True)
def one_thread():
    """Models this small are far slower on several threads. For each test, since numba sets the number as well."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def save(model, processor, folder, **options):
    model.save_pretrained(folder, **options)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Family -> the model as built, its processor, the folder that both were saved to, and the encoder from there."""
    made = {}

    def checkpoint(family):
        if family not in made:
            model, processor = build(family)
            folder = save(model, processor, tmp_path_factory.mktemp(family))
            made[family] = SimpleNamespace(
                family=family, model=model, processor=processor, folder=folder, encoder=HubPages(folder)
            )
        return made[family]

    return checkpoint


@pytest.fixture(params=BUILDERS)
def saved(request, checkpoints):
    """One family after the other: for what each does in its own way."""
    return checkpoints(request.param)


@pytest.fixture
def any_saved(checkpoints):
    """One family for all: for what none of them has a part in."""
    return checkpoints("ColQwen2")


def by_engine(model, inputs):
    """The engine's own output for one sequence."""
    if hasattr(model, "rope_deltas"):
        model.rope_deltas = None  # as in a fresh process: what an earlier batch of pages left behind
    with torch.inference_mode():
        return model(**inputs)[0].numpy()


def drop_weights(path, endings):
    """Take weights out of a file of weights."""
    weights = load_file(path)
    kept = {key: value for key, value in weights.items() if not key.endswith(endings)}
    assert len(kept) < len(weights)
    save_file(kept, path, {"format": "pt"})


# loading


def test_loaded_weights_are_the_saved_ones(saved, tmp_path):
    assert (saved.encoder.family, saved.encoder.dim) == (saved.family, 128)
    assert type(saved.encoder.model) is type(saved.model)
    assert type(saved.encoder.processor) is type(saved.processor)
    without_backslashes = HubPages(save(saved.model, saved.processor, tmp_path, save_original_format=False))
    weights = saved.model.state_dict()
    for loaded in (saved.encoder.model.state_dict(), without_backslashes.model.state_dict()):
        assert loaded.keys() == weights.keys()
        for name in weights.keys() - {"model.lm_head.weight"}:
            assert torch.equal(loaded[name], weights[name]), name


def test_for_inference_only_and_quiet(saved, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder = HubPages(saved.folder)
        encoder.encode_pages(PAGES[:1])
        encoder.encode_query("table")
    assert capfd.readouterr() == ("", "")
    assert not encoder.model.training
    assert not any(parameter.requires_grad for parameter in encoder.model.parameters())
    assert (encoder.dtype, encoder.device) == ("float32", "cpu")
    assert repr(encoder).endswith(f"{saved.family}, 128 dimensions, float32 on cpu)")


# pages


def test_pages_equal_the_engine_page_by_page(saved):
    pages = saved.encoder.encode_pages(PAGES, ids=["a", "b", "c"], batch_size=3)
    assert pages.ids == ["a", "b", "c"]
    assert pages.vectors.vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(pages.vectors.vectors, axis=1), 1, atol=1e-6)
    for image, mine, grid in zip(PAGES, pages.vectors, pages.grids, strict=True):
        inputs, patches = saved.processor.process_images([image]), grid[0] * grid[1]
        np.testing.assert_allclose(mine, by_engine(saved.model, inputs), atol=2e-5)
        assert saved.processor.get_image_mask(inputs).sum() >= patches
        assert len(mine) > patches
        assert len(np.unique(np.round(mine, 3), axis=0)) > patches // 2  # not one vector for everything
    one, alone = saved.encoder.encode_pages(PAGES, batch_size=1), saved.encoder.encode_pages(PAGES[1:2])
    assert one.grids == pages.grids
    np.testing.assert_allclose(one.vectors.vectors, pages.vectors.vectors, atol=2e-5)
    np.testing.assert_allclose(alone.vectors[0], pages.vectors[1], atol=2e-5)
    for left, right in zip(one.patches, pages.patches, strict=True):
        np.testing.assert_array_equal(left, right)


def test_heatmaps_equal_the_engine(saved):
    from colpali_engine.interpretability import get_similarity_maps_from_embeddings
    from colpali_engine.models import ColModernVBertProcessor

    query, pages = saved.encoder.encode_query(QUERIES[0]), saved.encoder.encode_pages(PAGES)
    processor, config = saved.processor, saved.model.config
    for image, page_id, vectors in zip(PAGES, pages.ids, pages.vectors, strict=True):
        inputs = processor.process_images([image])
        maps, mask = get_similarity_maps_from_embeddings, processor.get_image_mask(inputs)
        if saved.family == "ColPali":
            n_patches = processor.get_n_patches(image.size, patch_size=config.vision_config.patch_size)
        elif saved.family.startswith("ColQwen"):
            n_patches = processor.get_n_patches(image.size, spatial_merge_size=saved.model.spatial_merge_size)
        else:
            # The engine's ColIdefics3 counts tiles' pixels, not their vectors; its ColModernVBert counts vectors.
            n_patches = ColModernVBertProcessor.get_n_patches(processor, image.size[::-1])
            maps, mask = processor.get_similarity_maps_from_embeddings, processor.get_local_image_mask(inputs)
        held, asked = torch.from_numpy(vectors)[None], torch.from_numpy(query)[None]
        theirs = maps(image_embeddings=held, query_embeddings=asked, n_patches=n_patches, image_mask=mask)[0].numpy()
        mine = patch_similarity(query, pages.patch_vectors(page_id))
        np.testing.assert_allclose(mine, theirs.transpose(0, 2, 1), atol=1e-6)
    if saved.family != "ColPali":
        assert len(set(pages.grids)) == 3
        assert pages.grids[1][1] > pages.grids[1][0]


def test_colpali_has_1024_patches_and_its_prompt(tmp_path):
    model, processor = colpali(image_size=448)
    pages = HubPages(save(model, processor, tmp_path)).encode_pages([picture(124, 175)])
    assert pages.grids == ((32, 32),)
    prompt = ["<bos>", "<bos>", "Describe", "the", "image", ".", "\n"]  # the second by transformers' processor
    ids = processor.process_images([picture(124, 175)])["input_ids"][0]
    assert processor.tokenizer.convert_ids_to_tokens(ids[1024:]) == prompt
    assert pages.vectors.lengths.tolist() == [1024 + len(prompt)]
    np.testing.assert_array_equal(pages.patches[0], np.arange(1024))


@pytest.mark.parametrize("family", ["ColIdefics3", "ColModernVBert"])
def test_a_page_that_is_not_cut_into_tiles(family, tmp_path):
    model, processor = tiled(family, longest_edge=32)
    randomize(model)
    pages = HubPages(save(model, processor, tmp_path, save_original_format=False)).encode_pages([picture(40, 50)])
    assert (pages.grids, len(pages.patches[0])) == (((2, 2),), 4)


@pytest.mark.parametrize("size", [(100, 140), (31, 33), (128, 128), (129, 40), (700, 64), (5, 300)])
def test_tiles_lie_where_their_markers_say(size):
    """The processor writes <row_i_col_j> before the vectors of each tile: the grid puts them in that place."""
    _, processor = tiled()
    rows, columns = page_grid("ColIdefics3", processor, None, *size)
    inputs = processor.process_images([picture(*size)])
    is_image = processor.get_image_mask(inputs)[0].numpy()
    grid = patch_positions("ColIdefics3", processor, (rows, columns), *size, is_image).reshape(rows, columns)
    names = np.asarray(processor.tokenizer.convert_ids_to_tokens(inputs["input_ids"][0]))
    for row, column in np.ndindex(rows // 2, columns // 2):
        marker = int(np.flatnonzero(names == f"<row_{row + 1}_col_{column + 1}>")[0])
        tile = grid[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        assert tile.tolist() == [[marker + 1, marker + 2], [marker + 3, marker + 4]]


@settings(deadline=None, max_examples=300)
@given(st.integers(1, 6000), st.integers(1, 6000))
def test_tile_grid_is_that_of_the_published_processor(width, height):
    """ColSmol and ColModernVBERT: pages of 2048 pixels in tiles of 512, each 8 x 8 vectors."""
    from colpali_engine.models import ColModernVBertProcessor
    from transformers import Idefics3ImageProcessorFast

    processor = object.__new__(ColModernVBertProcessor)
    images = {"size": {"longest_edge": 2048}, "max_image_size": {"longest_edge": 512}}
    processor.image_processor, processor.image_seq_len = Idefics3ImageProcessorFast(**images), 64
    columns, rows = processor.get_n_patches((height, width))
    assert page_grid("ColModernVBert", processor, None, width, height) == (rows, columns)


# queries


def test_queries_equal_the_engine_before_and_after_pages(saved):
    queries = saved.encoder.encode_queries(QUERIES, ids=["x", "y", "z"])
    assert queries.ids == ["x", "y", "z"]
    np.testing.assert_allclose(np.linalg.norm(queries.vectors, axis=1), 1, atol=1e-6)
    saved.encoder.encode_pages(PAGES[:2])  # leaves nothing for the next call
    one = saved.encoder.encode_queries(QUERIES, batch_size=1)
    np.testing.assert_allclose(one.vectors, queries.vectors, atol=2e-5)
    for text, mine in zip(QUERIES, queries, strict=True):
        theirs = by_engine(saved.model, saved.processor.process_queries([text]))
        np.testing.assert_allclose(mine, theirs, atol=2e-5)
        np.testing.assert_allclose(saved.encoder.encode_query(text), theirs, atol=2e-5)
        tokens = saved.encoder.tokens(text)
        assert len(tokens) == len(mine)
        assert tokens[-10:] == [saved.processor.query_augmentation_token] * 10
        assert tokens[-10 - len(text.split()) : -10] == text.split()
    assert (saved.encoder.tokens("table")[0] == "<bos>") == (saved.family == "ColPali")


def test_half_precision_keeps_float32_vectors_of_unit_length(saved):
    encoder = HubPages(saved.folder, device="cpu", dtype="bfloat16")
    assert encoder.model.dtype == torch.bfloat16
    pages, exact = encoder.encode_pages(PAGES[:1]), saved.encoder.encode_pages(PAGES[:1])
    np.testing.assert_allclose(np.linalg.norm(pages.vectors.vectors, axis=1), 1, atol=1e-6)
    assert (pages.vectors.vectors * exact.vectors.vectors).sum(axis=1).mean() > 0.98


def test_progress(any_saved, monkeypatch):
    shown = []
    monkeypatch.setattr("tqdm.auto.tqdm", lambda steps, **settings: shown.append((len(steps), settings)) or steps)
    any_saved.encoder.encode_pages(PAGES, batch_size=2, progress=True)
    any_saved.encoder.encode_queries(QUERIES, progress=True)
    any_saved.encoder.encode_queries(QUERIES)
    assert shown == [(2, {"desc": "pages", "unit": "batch"}), (1, {"desc": "queries", "unit": "batch"})]


# adapters


def save_adapter(saved, folder, names="installed"):
    """An adapter as the published ones: low-rank layers on the text model and the projection, naming its base."""
    torch.manual_seed(1)
    low_rank = peft.LoraConfig(r=4, target_modules=ADAPTED, init_lora_weights=False)
    adapted = peft.get_peft_model(copy.deepcopy(saved.model), low_rank)
    adapted.peft_config["default"].base_model_name_or_path = str(saved.folder)
    adapted.save_pretrained(folder)
    if names == "published":
        path = folder / "adapter_model.safetensors"
        old, new = PUBLISHED[saved.family]
        save_file({key.replace(old, new): value for key, value in load_file(path).items()}, path, {"format": "pt"})
    return adapted.eval()


@pytest.mark.parametrize(
    ("family", "names"), [(name, "installed") for name in BUILDERS] + [(name, "published") for name in PUBLISHED]
)
def test_adapters_load_on_the_base_that_they_name(checkpoints, tmp_path, family, names):
    saved = checkpoints(family)
    adapted, encoder = save_adapter(saved, tmp_path, names), HubPages(tmp_path)
    assert (encoder.family, encoder.name) == (family, str(tmp_path))
    assert not encoder.model.training
    mine = encoder.encode_pages(PAGES).vectors
    for image, vectors in zip(PAGES, mine, strict=True):
        np.testing.assert_allclose(vectors, by_engine(adapted, saved.processor.process_images([image])), atol=2e-5)
    assert np.abs(mine.vectors - saved.encoder.encode_pages(PAGES).vectors.vectors).max() > 0.1
    query = by_engine(adapted, saved.processor.process_queries(QUERIES[:1]))
    np.testing.assert_allclose(encoder.encode_query(QUERIES[0]), query, atol=2e-5)


def test_an_adapters_own_processor_is_used(any_saved, tmp_path):
    save_adapter(any_saved, tmp_path)
    assert HubPages(tmp_path).tokens("table") == any_saved.encoder.tokens("table")
    any_saved.processor.save_pretrained(tmp_path)
    path = tmp_path / "tokenizer.json"
    content = json.loads(path.read_text())
    content["model"]["vocab"]["tables"] = content["model"]["vocab"].pop("table")
    path.write_text(json.dumps(content))
    assert "tables" in HubPages(tmp_path).tokens("tables")


def test_unset_weights_of_an_adapter_are_an_error(saved, tmp_path):
    save_adapter(saved, tmp_path)
    drop_weights(tmp_path / "adapter_model.safetensors", ("proj.lora_A.weight", "linear.lora_A.weight", "Wqkv.lora_A"))
    refused(RuntimeError, r"unset \(.*lora_A", HubPages, tmp_path)
    (tmp_path / "adapter_model.safetensors").unlink()
    refused(OSError, "could not be read: .*adapter_model.safetensors", HubPages, tmp_path)


def test_adapter_weights_in_the_wrong_layer_are_an_error(any_saved, tmp_path, monkeypatch):
    """The check reads the model, not a library's word that all is well."""
    save_adapter(any_saved, tmp_path)
    load = peft.PeftModel.from_pretrained

    def swapped(model, name):
        adapted = load(model, name)
        layers = adapted.base_model.model.language_model.layers
        first, second = (layer.self_attn.q_proj.lora_A["default"].weight for layer in layers)
        first.data, second.data = second.data, first.data
        return adapted

    monkeypatch.setattr(peft.PeftModel, "from_pretrained", swapped)
    words = r"leaves 2 weights .* unset \(.*layers.0.self_attn.q_proj.lora_A.weight"
    refused(RuntimeError, words, HubPages, tmp_path)


def test_adapters_that_do_not_fit_their_base(any_saved, tmp_path):
    adapter, base = tmp_path / "adapter", shutil.copytree(any_saved.folder, tmp_path / "copy")
    save_adapter(any_saved, adapter)
    drop_weights(base / "model.safetensors", "custom_text_proj.bias")
    path = adapter / "adapter_config.json"
    config = json.loads(path.read_text())
    for changes, error, words in (
        ({"base_model_name_or_path": str(base)}, RuntimeError, r"leaves 1 weights .* unset \(custom_text_proj.bias\)"),
        ({"base_model_name_or_path": "someone/a-base"}, OSError, "base model someone/a-base.*hf download someone/a-"),
        ({"base_model_name_or_path": None}, ValueError, "names no base model"),
        ({"target_modules": r".*q_proj$"}, RuntimeError, "weights that have no place in its model"),
    ):
        path.write_text(json.dumps(config | changes))
        refused(error, words, HubPages, adapter)


# incomplete, or no page encoder


def test_unset_weights_are_an_error(saved, tmp_path):
    endings = {
        "ColIdefics3": ("linear.weight", "embed_tokens.weight", "patch_embedding.bias"),
        "ColModernVBert": ("custom_text_proj.weight", "tok_embeddings.weight", "patch_embedding.bias"),
        "ColPali": ("custom_text_proj.weight", "embed_tokens.weight", "patch_embedding.bias"),
    }.get(saved.family, ("custom_text_proj.weight", "embed_tokens.weight", "patch_embed.proj.weight"))
    folder = shutil.copytree(saved.folder, tmp_path / "copy")
    drop_weights(folder / "model.safetensors", endings)
    with pytest.raises(RuntimeError, match=r"leaves 3 weights .* unset \(") as caught:
        HubPages(folder)
    assert all(ending in str(caught.value) for ending in endings)


def test_a_backbone_without_projection_is_an_error(tmp_path):
    from transformers import PaliGemmaForConditionalGeneration

    model, processor = colpali()
    save(PaliGemmaForConditionalGeneration(model.config), processor, tmp_path)
    refused(RuntimeError, "custom_text_proj", HubPages, tmp_path)


def test_other_models_are_refused(any_saved, tmp_path, monkeypatch):
    words = r"no page encoder that is supported here.*Supported are .*ColPali, ColQwen2"
    for kind, names in (
        ("bert", ["BertModel"]),
        ("qwen2_vl", ["BiQwen2"]),
        ("colpali", ["ColPaliForRetrieval"]),
        ("something", []),
    ):
        (tmp_path / "config.json").write_text(json.dumps({"model_type": kind, "architectures": names}))
        refused(ValueError, words, HubPages, tmp_path)
    refused(ValueError, "dtype must be one of .*float32", HubPages, any_saved.folder, dtype="int8")
    monkeypatch.setitem(sys.modules, "colpali_engine.models", None)
    refused(ModuleNotFoundError, r"pip install 'lateint_ref\[pages\]'", HubPages, any_saved.folder)


# bad pages


def test_bad_pages(any_saved, monkeypatch):
    """The checks are those of every page encoder: see `test_pages_bundled`."""
    pages = any_saved.encoder.encode_pages([Image.new("L", (20_000, 500), 255)])  # is scaled down first
    assert pages.grids == (any_saved.processor.get_n_patches((4000, 100), spatial_merge_size=2)[::-1],)
    monkeypatch.setattr(any_saved.encoder, "_vectors", lambda inputs: pytest.fail("encoded before all were checked"))
    words = "2 of 3 pages cannot be encoded: page '0': .*1 x 1 pixels.*; page '2': "
    refused(ValueError, words, any_saved.encoder.encode_pages, [picture(1, 1), PAGES[0], 3])
    refused(ValueError, "unique", any_saved.encoder.encode_queries, ["table", "two"], ids=["a", "a"])


def test_a_page_too_long_for_its_processor(saved):
    strip = picture(3300, 16)  # within what open_image takes
    if saved.family.startswith("ColQwen"):
        refused(ValueError, "page '1': .*200", saved.encoder.encode_pages, [PAGES[0], strip])
    else:
        assert saved.encoder.encode_pages([strip]).vectors.dim == 128


def test_a_processor_that_does_not_fit_is_an_error():
    words = r"made 16 image vectors .* says 25 \(5 x 5 patches\): it does not fit"
    refused(RuntimeError, words, patch_positions, "ColPali", None, (5, 5), 100, 140, np.arange(23) < 16)
    _, processor = tiled()
    processor.image_seq_len = 5
    words = "5 vectors, which form no square"
    refused(NotImplementedError, words, page_grid, "ColIdefics3", processor, None, 100, 100)
