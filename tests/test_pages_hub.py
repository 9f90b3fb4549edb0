"""Page encoders on tiny checkpoints that are built here: equal to colpali-engine called directly, whole or an error."""

import json
import shutil
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from helpers import refused
from lateint_ref.encoders.hub import HubPages, page_grid, patch_positions
from lateint_ref.multivectors import MultiVectors
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
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Family -> the model as built, its processor, the folder that both were saved to, and the encoder from there."""
    made = {}

    def checkpoint(family):
        if family not in made:
            model, processor = build(family)
            folder = tmp_path_factory.mktemp(family)
            model.save_pretrained(folder)
            processor.save_pretrained(folder)
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
    import torch

    if hasattr(model, "rope_deltas"):
        model.rope_deltas = None  # as in a fresh process: what an earlier batch of pages left behind
    with torch.inference_mode():
        return model(**inputs)


def copied(saved, tmp_path):
    return shutil.copytree(saved.folder, tmp_path / "copy")


def drop_weights(path, ending):
    """Take weights out of a file of weights."""
    from safetensors.torch import load_file, save_file

    weights = load_file(path)
    kept = {key: value for key, value in weights.items() if not key.endswith(ending)}
    assert len(kept) < len(weights)
    save_file(kept, path, {"format": "pt"})


# loading


def test_loaded_weights_are_the_saved_ones(saved):
    import torch

    assert (saved.encoder.family, saved.encoder.dim) == (saved.family, 128)
    assert type(saved.encoder.model) is type(saved.model)
    assert type(saved.encoder.processor) is type(saved.processor)
    loaded = saved.encoder.model.state_dict()
    assert loaded.keys() == saved.model.state_dict().keys()
    for name, weight in saved.model.state_dict().items():
        assert torch.equal(loaded[name], weight.cpu() if name != "model.lm_head.weight" else loaded[name]), name


def test_names_without_backslashes_load_as_well(saved, tmp_path):
    import torch

    saved.model.save_pretrained(tmp_path, save_original_format=False)
    saved.processor.save_pretrained(tmp_path)
    loaded = HubPages(tmp_path).model.state_dict()
    for name, weight in saved.encoder.model.state_dict().items():
        assert torch.equal(loaded[name], weight), name


def test_for_inference_only(any_saved):
    assert not any_saved.encoder.model.training
    assert not any(parameter.requires_grad for parameter in any_saved.encoder.model.parameters())
    assert any_saved.encoder.dtype == "float32"
    assert any_saved.encoder.device == "cpu"
    assert repr(any_saved.encoder).endswith(f"{any_saved.family}, 128 dimensions, float32 on cpu)")


def test_quiet(saved, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder = HubPages(saved.folder)
        encoder.encode_pages(PAGES[:1])
        encoder.encode_query("table")
    assert capfd.readouterr() == ("", "")


# pages


def test_pages_equal_the_engine_page_by_page(saved):
    pages = saved.encoder.encode_pages(PAGES, ids=["a", "b", "c"], batch_size=3)
    assert pages.ids == ["a", "b", "c"]
    assert pages.vectors.vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(pages.vectors.vectors, axis=1), 1, atol=1e-6)
    for image, mine, grid in zip(PAGES, pages.vectors, pages.grids, strict=True):
        inputs = saved.processor.process_images([image])
        theirs = by_engine(saved.model, inputs)[0].numpy()
        np.testing.assert_allclose(mine, theirs, atol=2e-5)
        assert saved.processor.get_image_mask(inputs).sum() >= grid[0] * grid[1]
        assert len(mine) > grid[0] * grid[1]
        assert len(np.unique(np.round(mine, 3), axis=0)) > grid[0] * grid[1] // 2  # not one vector for everything


def test_a_batch_of_one_equals_a_batch_of_many(saved):
    one = saved.encoder.encode_pages(PAGES, batch_size=1)
    many = saved.encoder.encode_pages(PAGES, batch_size=8)
    alone = saved.encoder.encode_pages(PAGES[1:2])
    assert one.grids == many.grids
    np.testing.assert_allclose(one.vectors.vectors, many.vectors.vectors, atol=2e-5)
    np.testing.assert_allclose(alone.vectors[0], many.vectors[1], atol=2e-5)
    for left, right in zip(one.patches, many.patches, strict=True):
        np.testing.assert_array_equal(left, right)


def test_heatmaps_equal_the_engine(saved):
    import torch
    from colpali_engine.interpretability import get_similarity_maps_from_embeddings

    query = saved.encoder.encode_query(QUERIES[0])
    pages = saved.encoder.encode_pages(PAGES)
    processor, config = saved.processor, saved.model.config
    for image, page_id, vectors in zip(PAGES, pages.ids, pages.vectors, strict=True):
        inputs = processor.process_images([image])
        width, height = image.size
        maps, mask = get_similarity_maps_from_embeddings, processor.get_image_mask(inputs)
        if saved.family == "ColPali":
            n_patches = processor.get_n_patches((width, height), patch_size=config.vision_config.patch_size)
        elif saved.family.startswith("ColQwen"):
            n_patches = processor.get_n_patches((width, height), spatial_merge_size=saved.model.spatial_merge_size)
        else:
            from colpali_engine.models import ColModernVBertProcessor

            # The engine's ColIdefics3 counts tiles' pixels, not their vectors; its ColModernVBert counts vectors.
            n_patches = ColModernVBertProcessor.get_n_patches(processor, (height, width))
            maps, mask = processor.get_similarity_maps_from_embeddings, processor.get_local_image_mask(inputs)
        theirs = maps(
            image_embeddings=torch.from_numpy(vectors)[None],
            query_embeddings=torch.from_numpy(query)[None],
            n_patches=n_patches,
            image_mask=mask,
        )[0].numpy()
        mine = patch_similarity(query, pages.patch_vectors(page_id))
        np.testing.assert_allclose(mine, theirs.transpose(0, 2, 1), atol=1e-6)
    if saved.family != "ColPali":
        assert len(set(pages.grids)) == 3
        assert pages.grids[1][1] > pages.grids[1][0]


def test_colpali_has_1024_patches_and_its_prompt(tmp_path):
    model, processor = colpali(image_size=448)
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    encoder = HubPages(tmp_path)
    pages = encoder.encode_pages([picture(124, 175)])
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
    model.save_pretrained(tmp_path, save_original_format=False)
    processor.save_pretrained(tmp_path)
    pages = HubPages(tmp_path).encode_pages([picture(40, 50)])
    assert (pages.grids, len(pages.patches[0])) == (((2, 2),), 4)


@pytest.mark.parametrize("size", [(100, 140), (31, 33), (128, 128), (129, 40), (700, 64), (5, 300)])
def test_tiles_lie_where_their_markers_say(size):
    """The processor writes <row_i_col_j> before the vectors of each tile: the grid puts them in that place."""
    _, processor = tiled()
    rows, columns = page_grid("ColIdefics3", processor, None, *size)
    is_image = processor.get_image_mask(processor.process_images([picture(*size)]))[0].numpy()
    positions = patch_positions("ColIdefics3", processor, (rows, columns), *size, is_image)
    ids = processor.process_images([picture(*size)])["input_ids"][0]
    names = np.asarray(processor.tokenizer.convert_ids_to_tokens(ids))
    grid = positions.reshape(rows, columns)
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


def test_queries_equal_the_engine(saved):
    queries = saved.encoder.encode_queries(QUERIES, ids=["x", "y", "z"])
    assert queries.ids == ["x", "y", "z"]
    np.testing.assert_allclose(np.linalg.norm(queries.vectors, axis=1), 1, atol=1e-6)
    one = saved.encoder.encode_queries(QUERIES, batch_size=1)
    np.testing.assert_allclose(one.vectors, queries.vectors, atol=2e-5)
    suffix = saved.processor.query_augmentation_token
    for text, mine in zip(QUERIES, queries, strict=True):
        theirs = by_engine(saved.model, saved.processor.process_queries([text]))[0].numpy()
        np.testing.assert_allclose(mine, theirs, atol=2e-5)
        np.testing.assert_allclose(saved.encoder.encode_query(text), theirs, atol=2e-5)
        tokens = saved.encoder.tokens(text)
        assert len(tokens) == len(mine)
        assert tokens[-10:] == [suffix] * 10
        assert tokens[-10 - len(text.split()) : -10] == text.split()
    if saved.family == "ColPali":
        assert saved.encoder.tokens("table")[0] == "<bos>"


def test_half_precision_keeps_float32_vectors_of_unit_length(saved):
    encoder = HubPages(saved.folder, device="cpu", dtype="bfloat16")
    assert str(encoder.model.dtype) == "torch.bfloat16"
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


def test_queries_after_pages_and_before(saved):
    """Nothing of one call is left for the next, whatever the sizes of their batches."""
    first = saved.encoder.encode_queries(QUERIES[:1]).vectors
    saved.encoder.encode_pages(PAGES[:2])
    np.testing.assert_allclose(saved.encoder.encode_queries(QUERIES[:1]).vectors, first, atol=1e-6)
    saved.encoder.encode_pages(PAGES)
    np.testing.assert_allclose(saved.encoder.encode_queries(QUERIES[:1]).vectors, first, atol=1e-6)


# adapters


def save_adapter(saved, folder, names="installed"):
    """An adapter as the published ones: low-rank layers on the text model and the projection, naming its base."""
    import copy

    import torch
    from peft import LoraConfig, get_peft_model
    from safetensors.torch import load_file, save_file

    torch.manual_seed(1)
    low_rank = LoraConfig(r=4, target_modules=ADAPTED, init_lora_weights=False)
    adapted = get_peft_model(copy.deepcopy(saved.model), low_rank)
    adapted.peft_config["default"].base_model_name_or_path = str(saved.folder)
    adapted.save_pretrained(folder)
    if names == "published":
        path = folder / "adapter_model.safetensors"
        old, new = PUBLISHED[saved.family]
        save_file({key.replace(old, new): value for key, value in load_file(path).items()}, path, {"format": "pt"})
    return adapted.eval()


def vectors_of(model, processor):
    return MultiVectors.from_list([by_engine(model, processor.process_images([page]))[0] for page in PAGES])


@pytest.mark.parametrize(
    ("family", "names"), [(name, "installed") for name in BUILDERS] + [(name, "published") for name in PUBLISHED]
)
def test_adapters_load_on_the_base_that_they_name(checkpoints, tmp_path, family, names):
    saved = checkpoints(family)
    adapted = save_adapter(saved, tmp_path, names)
    encoder = HubPages(tmp_path)
    assert (encoder.family, encoder.name) == (family, str(tmp_path))
    assert not encoder.model.training
    theirs, mine = vectors_of(adapted, saved.processor), encoder.encode_pages(PAGES).vectors
    np.testing.assert_allclose(mine.vectors, theirs.vectors, atol=2e-5)
    assert np.abs(mine.vectors - saved.encoder.encode_pages(PAGES).vectors.vectors).max() > 0.1
    query = by_engine(adapted, saved.processor.process_queries(QUERIES[:1]))[0]
    np.testing.assert_allclose(encoder.encode_query(QUERIES[0]), query, atol=2e-5)


def test_an_adapters_own_processor_is_used(any_saved, tmp_path):
    save_adapter(any_saved, tmp_path)
    before = HubPages(tmp_path).tokens("table")
    assert before == any_saved.encoder.tokens("table")
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


def test_adapter_weights_in_the_wrong_layer_are_an_error(any_saved, tmp_path, monkeypatch):
    """The check reads the model, not a library's word that all is well."""
    import peft

    save_adapter(any_saved, tmp_path)
    load = peft.PeftModel.from_pretrained

    def swapped(model, name):
        import torch

        adapted = load(model, name)
        layers = adapted.base_model.model.language_model.layers
        first, second = (layer.self_attn.q_proj.lora_A["default"].weight for layer in layers)
        with torch.no_grad():
            held = first.clone()
            first.copy_(second)
            second.copy_(held)
        return adapted

    monkeypatch.setattr(peft.PeftModel, "from_pretrained", swapped)
    refused(RuntimeError, r"leaves 2 weights .* unset \(.*layers.0.self_attn.q_proj.lora_A.weight", HubPages, tmp_path)


def test_an_adapter_without_its_weights_is_an_error(any_saved, tmp_path):
    save_adapter(any_saved, tmp_path)
    (tmp_path / "adapter_model.safetensors").unlink()
    refused(OSError, r"could not be read: .*adapter_model.safetensors", HubPages, tmp_path)


def test_weights_of_an_adapter_without_a_place_are_an_error(saved, tmp_path):
    save_adapter(saved, tmp_path)
    path = tmp_path / "adapter_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"target_modules": r".*(q_proj|Wqkv)$"}))
    refused(RuntimeError, "weights that have no place in its model", HubPages, tmp_path)


def test_unset_weights_of_a_base_are_an_error(saved, tmp_path):
    save_adapter(saved, tmp_path / "adapter")
    base = copied(saved, tmp_path)
    drop_weights(
        base / "model.safetensors", ("custom_text_proj.bias", "linear.bias" if saved.family == "ColIdefics3" else "_")
    )
    path = tmp_path / "adapter" / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"base_model_name_or_path": str(base)}))
    with pytest.raises(RuntimeError, match=r"copy leaves 1 weights .* unset \((custom_text_proj|linear).bias\)"):
        HubPages(tmp_path / "adapter")


def test_a_base_out_of_reach_is_named(any_saved, tmp_path):
    save_adapter(any_saved, tmp_path)
    path = tmp_path / "adapter_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"base_model_name_or_path": "someone/a-base-that-is-not-cached"}))
    refused(OSError, r"its base model someone/a-base-.*HF_HUB_OFFLINE is set.*hf download someone", HubPages, tmp_path)
    path.write_text(json.dumps(config | {"base_model_name_or_path": None}))
    refused(ValueError, "names no base model", HubPages, tmp_path)


# incomplete, absent, out of reach


@pytest.mark.parametrize("ending", ["custom_text_proj.weight", "embed_tokens.weight", "patch_embedding.bias"])
def test_unset_weights_are_an_error(saved, tmp_path, ending):
    if saved.family == "ColIdefics3":
        ending = ending.replace("custom_text_proj", "linear")
    if saved.family == "ColModernVBert":
        ending = ending.replace("embed_tokens", "tok_embeddings")
    if saved.family.startswith("ColQwen"):
        ending = ending.replace("patch_embedding.bias", "patch_embed.proj.weight")
    folder = copied(saved, tmp_path)
    drop_weights(folder / "model.safetensors", ending)
    refused(RuntimeError, rf"leaves 1 weights .* unset \(.*{ending}", HubPages, folder)


def test_a_backbone_without_projection_is_an_error(tmp_path):
    from transformers import PaliGemmaForConditionalGeneration

    model, processor = colpali()
    PaliGemmaForConditionalGeneration(model.config).save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    refused(RuntimeError, r"custom_text_proj", HubPages, tmp_path)


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "bert", "architectures": ["BertModel"]},
        {"model_type": "qwen2_vl", "architectures": ["BiQwen2"]},
        {"model_type": "colpali", "architectures": ["ColPaliForRetrieval"]},
        {"model_type": "something"},
    ],
)
def test_other_models_are_refused(tmp_path, config):
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"no page encoder that is supported here.*Supported are .*ColPali, ColQwen2"):
        HubPages(tmp_path)


def test_out_of_reach():
    with pytest.raises(OSError, match="someone/a-model-that-is-not-cached") as error:
        HubPages("someone/a-model-that-is-not-cached")
    for words in ("HF_HUB_OFFLINE is set", "hf download", "LATEINT_PROFILE=bundled"):
        assert words in str(error.value)


def test_bad_folders_names_and_dtypes(any_saved, tmp_path):
    refused(FileNotFoundError, "there is no folder", HubPages, tmp_path / "none")
    refused(FileNotFoundError, "holds no model", HubPages, tmp_path)
    for name in ("", 3, None):
        refused(TypeError, "hub name or a local folder", HubPages, name)
    refused(ValueError, "'bfloat16', 'float16' or 'float32'", HubPages, any_saved.folder, dtype="int8")
    folder = copied(any_saved, tmp_path)
    (folder / "model.safetensors").unlink()
    refused(OSError, "could not be read", HubPages, folder)


def test_colpali_engine_not_installed(any_saved, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "colpali_engine.models", None)
    refused(ModuleNotFoundError, r"pip install 'lateint_ref\[pages\]'", HubPages, any_saved.folder)


# bad pages and texts


def test_bad_input(any_saved, monkeypatch):
    """The checks are those of every page encoder: see `test_pages_bundled`."""
    monkeypatch.setattr(any_saved.encoder, "_vectors", lambda inputs: pytest.fail("encoded before all were checked"))
    with pytest.raises(ValueError, match=r"2 of 3 pages cannot be encoded: page '0': .*1 x 1 pixels.*; page '2': "):
        any_saved.encoder.encode_pages([picture(1, 1), PAGES[0], 3])
    for texts, error in ((["table", ""], ValueError), ([], ValueError), ("table", TypeError), ([1], TypeError)):
        with pytest.raises(error):
            any_saved.encoder.encode_queries(texts)
    refused(ValueError, "unique", any_saved.encoder.encode_queries, ["table", "two"], ids=["a", "a"])


def test_a_huge_page_is_scaled_down_first(any_saved):
    pages = any_saved.encoder.encode_pages([Image.new("L", (20_000, 500), 255)])
    assert pages.grids == (any_saved.processor.get_n_patches((4000, 100), spatial_merge_size=2)[::-1],)


def test_a_page_too_long_for_its_processor(saved):
    strip = picture(3300, 16)  # within what open_image takes
    if saved.family.startswith("ColQwen"):
        refused(ValueError, "page '1': .*200", saved.encoder.encode_pages, [PAGES[0], strip])
    else:
        assert saved.encoder.encode_pages([strip]).vectors.dim == 128


def test_a_processor_that_does_not_fit_is_an_error():
    is_image = np.arange(23) < 16
    with pytest.raises(RuntimeError, match=r"made 16 image vectors .* says 25 \(5 x 5 patches\): it does not fit"):
        patch_positions("ColPali", None, (5, 5), 100, 140, is_image)


def test_tiles_whose_vectors_form_no_square():
    _, processor = tiled()
    processor.image_seq_len = 5
    refused(NotImplementedError, "5 vectors, which form no square", page_grid, "ColIdefics3", processor, None, 100, 100)
