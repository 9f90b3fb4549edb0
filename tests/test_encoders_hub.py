"""The hub profile's loaders on tiny checkpoints that are built here: equal to the libraries, complete, or an error."""

import errno
import json
import logging
import os
from pathlib import Path

import numpy as np
import pytest

from helpers import in_threads, refused
from lateint_ref import encoders as enc

WORDS = "tent tents dome river canoe hire open ing hour ##s library on sunday s for two with a the . , ? [Q] [D]"
each_loader = pytest.mark.parametrize("load", [enc.load_bi, enc.load_late, enc.load_cross, enc.load_pages])
TEXTS = ["dome tent for two .", "canoe hire on the river", "library opening hours , sundays ?"]


def save_tokenizer(folder: Path, extra=()):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *extra]
    vocabulary = {word: index for index, word in enumerate([*special, *WORDS.split()])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=64, **{f"{key}_token": value for key, value in names.items()}
    ).save_pretrained(folder)
    return len(vocabulary)


def save_bert(folder: Path, kind="BertModel", seed=0, extra=(), **settings):
    """A two-layer BERT with random weights, larger than usual so that texts differ, and its tokenizer."""
    import torch
    import transformers

    torch.manual_seed(seed)
    vocab_size = save_tokenizer(folder, extra)
    config = transformers.BertConfig(
        vocab_size=vocab_size,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        initializer_range=0.5,
        **settings,
    )
    getattr(transformers, kind)(config).save_pretrained(folder)
    return folder


def drop_weight(folder: Path, ending: str):
    """Take a weight out of a checkpoint."""
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    weights = load_file(path)
    save_file({key: value for key, value in weights.items() if not key.endswith(ending)}, path, {"format": "pt"})


@pytest.fixture
def bi_folder(tmp_path):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer

    save_bert(tmp_path / "bert")
    model = SentenceTransformer(modules=[Transformer(str(tmp_path / "bert")), Pooling(16, "mean")], device="cpu")
    model.save(str(tmp_path / "bi"), create_model_card=False)
    return tmp_path / "bi"


@pytest.fixture
def late_folder(tmp_path):
    from pylate.models import ColBERT, Dense
    from sentence_transformers.models import Transformer

    save_bert(tmp_path / "bert", extra=("[unused0]", "[unused1]"))
    modules = [Transformer(str(tmp_path / "bert")), Dense(16, 8, bias=False)]
    model = ColBERT(
        modules=modules, device="cpu", query_prefix="[unused0]", document_prefix="[unused1]", query_length=12
    )
    model.save(str(tmp_path / "late"), create_model_card=False)
    return tmp_path / "late"


# bi-encoder


def test_bi_equals_sentence_transformers(bi_folder):
    from sentence_transformers import SentenceTransformer

    encoder = enc.load_bi(str(bi_folder))
    peer = SentenceTransformer(str(bi_folder), device="cpu").encode(TEXTS, normalize_embeddings=True)
    assert (encoder.dim, encoder.name) == (16, str(bi_folder))
    for encode in (encoder.encode_queries, encoder.encode_documents):
        vectors = encode(TEXTS)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(vectors, peer, atol=1e-5)
        np.testing.assert_allclose(encode(TEXTS[::-1], batch_size=1)[::-1], peer, atol=1e-5)


def test_environment_names_the_model(bi_folder, monkeypatch):
    monkeypatch.setenv("LATEINT_PROFILE", "hub")
    monkeypatch.setenv("LATEINT_BI_MODEL", str(bi_folder))
    assert enc.load_bi().name == enc.model_name("bi") == str(bi_folder)
    monkeypatch.setenv("LATEINT_PROFILE", "bundled")
    assert enc.load_bi().name == "all-MiniLM-L6-v2"


def test_prompts_are_used(bi_folder):
    path = bi_folder / "config_sentence_transformers.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"prompts": {"query": "tent ", "document": ""}}))
    encoder = enc.load_bi(bi_folder)
    np.testing.assert_allclose(encoder.encode_queries(["hire"]), encoder.encode_documents(["tent hire"]), atol=1e-5)


# late encoder


def test_late_equals_pylate(late_folder):
    from pylate.models import ColBERT

    encoder, peer = enc.load_late(late_folder), ColBERT(str(late_folder), device="cpu")
    assert encoder.dim == 8
    for kind, encode in (("query", encoder.encode_queries), ("document", encoder.encode_documents)):
        vectors = encode(TEXTS, ids=["a", "b", "c"])
        assert vectors.ids == ["a", "b", "c"]
        expected = peer.encode(TEXTS, is_query=kind == "query", batch_size=1)
        for text, mine, theirs in zip(TEXTS, vectors, expected, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-5)
            assert len(encoder.tokens(text, kind)) == len(mine)
    np.testing.assert_allclose(encoder.encode_query(TEXTS[0]), peer.encode(TEXTS[:1])[0], atol=1e-5)
    assert encoder.tokens("dome tent")[:4] == ["[CLS]", "[unused0]", "dome", "tent"]
    assert encoder.tokens("dome tent")[-1] == "[MASK]"
    assert encoder.tokens("dome tent .", "document") == ["[CLS]", "[unused1]", "dome", "tent", "[SEP]"]
    assert encoder.truncated(["tent", "tent " * 10], "query").tolist() == [0, 1]
    refused(ValueError, "'query'.*'document'", encoder.tokens, "tent", "page")
    refused(ValueError, "dim is for the bundled", enc.load_late, late_folder, dim=64)


def test_late_without_a_projection_is_an_error(tmp_path):
    save_bert(tmp_path / "bert")
    refused(RuntimeError, "holds no projection", enc.load_late, tmp_path / "bert")


def test_late_without_its_markers_is_an_error(late_folder):
    path = late_folder / "config_sentence_transformers.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"document_prefix": "[other] "}))
    refused(RuntimeError, r"no vector for the marker '\[other\] '", enc.load_late, late_folder)


# cross-encoder


def test_cross_equals_sentence_transformers(tmp_path):
    from sentence_transformers import CrossEncoder

    folder = save_bert(tmp_path / "cross", "BertForSequenceClassification", num_labels=1)
    encoder = enc.load_cross(folder)
    scores = encoder.score("canoe hire", TEXTS)
    assert (scores.dtype, scores.shape) == (np.float32, (3,))
    peer = CrossEncoder(str(folder), device="cpu").predict([("canoe hire", text) for text in TEXTS])
    np.testing.assert_allclose(scores, peer, atol=1e-5)
    np.testing.assert_allclose(encoder.score("canoe hire", TEXTS[::-1], batch_size=1)[::-1], scores, atol=1e-5)
    for arguments, error in ((("", TEXTS), ValueError), (("canoe", "tent"), TypeError), (("canoe", []), ValueError)):
        with pytest.raises(error):
            encoder.score(*arguments)


def test_cross_with_several_scores_is_an_error(tmp_path):
    folder = save_bert(tmp_path / "cross", "BertForSequenceClassification", num_labels=3)
    refused(ValueError, "3 scores a pair", enc.load_cross, folder)


# incomplete, absent, out of reach


@pytest.mark.parametrize("weight", ["layer.1.attention.self.query.weight", "word_embeddings.weight"])
def test_unset_weights_are_an_error(bi_folder, late_folder, weight):
    for folder, load in ((bi_folder, enc.load_bi), (late_folder, enc.load_late)):
        drop_weight(folder, weight)
        refused(RuntimeError, f"unset .*{weight}", load, folder)


def test_unset_weights_of_several_layers_are_named(bi_folder):
    drop_weight(bi_folder, "output.dense.bias")
    refused(RuntimeError, r"unset \(.*layer\.\{0, 1\}\.attention\.output\.dense\.bias", enc.load_bi, bi_folder)


def test_loading_leaves_transformers_as_it_was(bi_folder, caplog):
    from transformers import BertModel

    logger = logging.getLogger("transformers.modeling_utils")
    before = logger.level, logger.propagate, list(logger.handlers), BertModel.from_pretrained.__func__
    enc.load_bi(bi_folder)
    drop_weight(bi_folder, "word_embeddings.weight")
    refused(RuntimeError, "unset", enc.load_bi, bi_folder)
    assert before == (logger.level, logger.propagate, list(logger.handlers), BertModel.from_pretrained.__func__)
    assert not caplog.records


def test_what_another_thread_loads_is_not_counted(bi_folder, tmp_path, monkeypatch):
    import sentence_transformers
    from transformers import BertModel

    other, load = save_bert(tmp_path / "other"), sentence_transformers.SentenceTransformer
    drop_weight(other, "word_embeddings.weight")

    def meanwhile(*arguments, **options):
        in_threads(lambda _: BertModel.from_pretrained(other), 1)
        return load(*arguments, **options)

    monkeypatch.setattr(sentence_transformers, "SentenceTransformer", meanwhile)
    assert enc.load_bi(bi_folder).dim == 16


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [(errno.ENOSPC, OSError, "No space left"), (errno.EACCES, PermissionError, "Permission denied")],
)
def test_a_fault_of_the_disk_is_not_an_absent_hub(monkeypatch, number, kind, words):
    import sentence_transformers

    def full(name):
        try:
            raise OSError(number, os.strerror(number), "/cache/blob")
        except OSError as error:
            raise OSError("Can't load the model") from error  # as transformers does

    monkeypatch.setattr(sentence_transformers, "SentenceTransformer", full)
    with pytest.raises(kind, match=f"someone/a could not be read or kept .* disk: {words}") as error:
        enc.load_bi("someone/a")
    assert (error.value.errno, error.value.filename) == (number, "/cache/blob")
    assert "hub did not" not in str(error.value)


def test_a_pooler_that_nobody_reads_may_be_missing(bi_folder):
    before = enc.load_bi(bi_folder).encode_queries(TEXTS)
    drop_weight(bi_folder, "pooler.dense.weight")
    np.testing.assert_array_equal(enc.load_bi(bi_folder).encode_queries(TEXTS), before)


def test_cross_without_a_head_is_an_error(tmp_path):
    refused(RuntimeError, r"unset .*classifier", enc.load_cross, save_bert(tmp_path / "bert"))


@each_loader
def test_out_of_reach(load, monkeypatch):
    kind = load.__name__.removeprefix("load_")
    monkeypatch.setenv("LATEINT_PROFILE", "hub")
    monkeypatch.setenv(f"LATEINT_{kind.upper()}_MODEL", "someone/a-model-that-is-not-cached")
    with pytest.raises(OSError, match="someone/a-model-that-is-not-cached") as error:
        load()
    for words in ("HF_HUB_OFFLINE is set", "hf download", f"LATEINT_{kind.upper()}_MODEL", "LATEINT_PROFILE=bundled"):
        assert words in str(error.value)


@each_loader
def test_bad_folders_and_names(load, tmp_path):
    refused(FileNotFoundError, "there is no folder", load, tmp_path / "none")
    refused(FileNotFoundError, "holds no model", load, tmp_path)
    for name in ("", 3):
        refused(TypeError, "hub name or a local folder", load, name)


def test_an_unreadable_checkpoint_is_named(tmp_path):
    folder = save_bert(tmp_path / "bert")
    (folder / "model.safetensors").unlink()
    refused(OSError, "could not be read", enc.load_bi, folder)


def test_unknown_kind():
    refused(ValueError, "kind must be one of", enc.model_name, "static")
