"""The trained encoders: loading them, refusing what is none, and what all encoders owe bad input."""

import copy
import shutil
import warnings

import numpy as np
import pytest
import torch

import lateint_ref.encoders as enc
from helpers import in_threads, refused
from lateint_ref.encoders import backbone, trained
from lateint_ref.encoders.late import LateConfig, projection_folder
from lateint_ref.encoders.single import static_folder

TEXTS = ["May I bring my dog?", "Dogs on a lead are welcome in every room, but not in the pool.", "The boiler."]


def changed(kind):
    """Tensors as if training had moved every weight a little."""
    model, _ = backbone.load_backbone()
    rng = torch.Generator().manual_seed(0)
    tensors = {name: tensor for name, tensor in model.state_dict().items() if name.startswith("encoder.")}
    tensors = {name: tensor + 0.01 * torch.randn(tensor.shape, generator=rng) for name, tensor in tensors.items()}
    return tensors | {name: torch.randn(shape, generator=rng) / 20 for name, shape in trained.OWN[kind].items()}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data folder with both trained encoders."""
    folder = tmp_path_factory.mktemp("data")
    trained.write_trained(folder / "models/late-trained", "late", changed("late"), LateConfig(document_length=40))
    trained.write_trained(folder / "models/cross-trained", "cross", changed("cross"), None)
    for untrained in (projection_folder(), static_folder()):
        shutil.copytree(untrained, folder / "models" / untrained.name)
    return folder


@pytest.fixture
def bundled(data, monkeypatch):
    monkeypatch.setenv("LATEINT_DATA", str(data))
    return data


def test_late_reads_with_the_weights_that_were_written(bundled):
    late = enc.load_late("trained")
    assert (late.dim, late.name) == (128, "all-MiniLM-L6-v2 trained for MaxSim, 128 dimensions")
    untrained = copy.deepcopy(backbone.load_backbone()[0])
    tensors = trained.read_trained(bundled / "models/late-trained", "late")
    untrained.load_state_dict({k: v for k, v in tensors.items() if k.startswith("encoder.")}, strict=False)
    untrained.embeddings.word_embeddings.weight[1:3] = tensors["markers"]
    ids = torch.tensor([[101, 1, *late._tokenizer(TEXTS[0])["input_ids"][1:]]])
    expected = untrained(input_ids=ids).last_hidden_state[0] @ tensors["projection.weight"].T
    expected = torch.nn.functional.normalize(expected, dim=-1)
    np.testing.assert_allclose(late.encode_query(TEXTS[0]), expected, atol=1e-5)


def test_late_dimensions_are_the_leading_ones(bundled):
    full, half = enc.load_late("trained"), enc.load_late("trained", dim=64)
    cut = full.encode_documents(TEXTS).vectors[:, :64]
    cut = cut / np.linalg.norm(cut, axis=1, keepdims=True)
    np.testing.assert_allclose(half.encode_documents(TEXTS).vectors, cut, atol=1e-5)
    for dim in (0, 129, 384):
        refused(ValueError, "dim must be", enc.load_late, "trained", dim=dim)


def test_the_untrained_encoders_stay_as_they_are(bundled):
    before = enc.load_bi().encode_queries(TEXTS)
    enc.load_late("trained")
    enc.load_cross("trained")
    np.testing.assert_array_equal(enc.load_bi().encode_queries(TEXTS), before)


def test_pylate_gives_the_same_vectors(bundled, tmp_path):
    from pylate.models import ColBERT

    late = enc.load_late("trained")
    peer = ColBERT(str(late.to_pylate(tmp_path / "colbert")), device="cpu")
    for is_query, encode in ((True, late.encode_queries), (False, late.encode_documents)):
        for mine, theirs in zip(encode(TEXTS), peer.encode(TEXTS, is_query=is_query), strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-5)


def test_cross_scores_as_sentence_transformers_does(bundled, tmp_path):
    from sentence_transformers import CrossEncoder
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    cross = enc.load_cross("trained")
    config = BertConfig.from_pretrained(enc.backbone_path(), num_labels=1)
    model = BertForSequenceClassification(config)
    tensors = trained.read_trained(bundled / "models/cross-trained", "cross")
    own = {name if name.startswith("classifier") else f"bert.{name}": tensor for name, tensor in tensors.items()}
    model.bert.load_state_dict(backbone.load_backbone()[0].state_dict(), strict=False)
    model.load_state_dict(own, strict=False)
    model.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(enc.backbone_path()).save_pretrained(tmp_path)
    peer = CrossEncoder(str(tmp_path), device="cpu", activation_fn=torch.nn.Identity(), max_length=320)
    expected = peer.predict([(TEXTS[0], text) for text in TEXTS])
    scores = cross.score(TEXTS[0], TEXTS)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    np.testing.assert_allclose(cross.score(TEXTS[0], TEXTS, batch_size=1), scores, atol=1e-5)
    assert cross.tokens("a dog", "the lake") == ["[CLS]", "a", "dog", "[SEP]", "the", "lake", "[SEP]"]


def test_no_weights_at_all(tmp_path, monkeypatch):
    monkeypatch.setenv("LATEINT_DATA", str(tmp_path))
    for load in (enc.load_late, enc.load_cross):
        refused(FileNotFoundError, "is missing", load, "trained")


# what is cut is told once


def test_what_is_cut_is_told_once(bundled):
    late, cross = enc.load_late("trained"), enc.load_cross("trained")
    long = ["tent " * 100, "tent " * 38, "tent"]
    with pytest.warns(UserWarning, match=r"2 of 3 texts .* 40 tokens for a document: 64 tokens .* not read"):
        late.encode_documents(long)
    with pytest.warns(UserWarning, match=r"1 of 2 texts .* pair of 320 tokens: 84 tokens"):
        cross.score("tent", ["tent " * 400])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        late.encode_documents(long)
        cross.score("tent", ["tent " * 400])


def test_nothing_is_said_where_nothing_is_cut(bundled):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        enc.load_late("trained").encode_documents(["tent " * 37])
        enc.load_late().encode_documents(["tent " * 400])  # the untrained encoder stays silent, and has `truncated`


# every encoder


LOADERS = {
    "bi": lambda: enc.load_bi().encode_queries,
    "late": lambda: enc.load_late().encode_documents,
    "late, trained": lambda: enc.load_late("trained").encode_documents,
    "cross": lambda: lambda texts: enc.load_cross().score("dog", texts),
    "cross, trained": lambda: lambda texts: enc.load_cross("trained").score("dog", texts),
    "BM25": lambda: enc.BM25,
    "static": lambda: enc.load_static().encode_queries,
    "questions of pages": lambda: enc.load_pages().encode_queries,
}


@pytest.mark.parametrize("name", LOADERS)
def test_bad_texts(bundled, name):
    encode = LOADERS[name]()
    refused(TypeError, "single string", encode, "one text")
    refused(ValueError, "at least one text", encode, [])
    refused(TypeError, r"\[1\] must be a string, got int 3", encode, ["boat", 3])
    refused(ValueError, r"\[2\] is empty", encode, ["boat", "ferry", "  "])
    for texts in (None, {"a": 1}):
        refused(TypeError, "list of strings", encode, texts)


@pytest.mark.parametrize("name", LOADERS)
def test_half_a_surrogate_pair_is_named(bundled, name):
    with pytest.raises(ValueError, match=r"\[1\] holds half a surrogate pair \('\\ud83d', character 2\).*U\+FFFD"):
        LOADERS[name]()(["fine", "a \ud83d tent"])


def test_a_whole_surrogate_pair_is_fine():
    assert enc.load_bi().encode_queries(["a \U0001f600 tent"]).shape == (1, 384)


@pytest.mark.parametrize("name", ["bi", "late", "cross", "late, trained", "cross, trained"])
def test_one_encoder_in_several_threads(bundled, name):
    encode = LOADERS[name]()
    # Of different lengths: each call sets the shared tokenizer's truncation anew.
    batches = [[f"tent number {row} " * (1 + row), "canoe"] for row in range(6)]
    expected = [values(encode(batch)) for batch in batches]

    def work(start):
        for row in (start + turn for turn in range(3)):
            np.testing.assert_allclose(values(encode(batches[row])), expected[row], atol=1e-4)

    in_threads(work)


def values(result):
    return result.vectors if hasattr(result, "vectors") else result
