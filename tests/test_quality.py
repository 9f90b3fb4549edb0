"""The report on the bundled models: reranking, freshness, faults."""

import json
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from helpers import refused
from lateint_ref import load_handbook, make_run, maxsim_scores
from lateint_ref.encoders import load_late
from workbook import quality


@pytest.fixture(scope="module")
def few():
    """Three questions of the handbook, and sixteen passages with all that is judged for them."""
    dev = load_handbook("dev")
    queries = dev.queries[:3]
    judged = {key for query in queries for key in dev.qrels[query.id]}
    others = [passage for passage in dev.passages if passage.id not in judged]
    passages = [passage for passage in dev.passages if passage.id in judged] + others[: 16 - len(judged)]
    return replace(dev, passages=passages, queries=queries, qrels={query.id: dev.qrels[query.id] for query in queries})


class Lengths:
    """A cross-encoder that likes short passages, and keeps what it was asked."""

    def __init__(self):
        self.asked = []

    def score(self, query, documents):
        self.asked.append((query, list(documents)))
        return np.array([-len(text) for text in documents], dtype=np.float32)


def order(run, query):
    return sorted(run[query.id], key=lambda key: -run[query.id][key])


def test_reranked_reorders_the_best_and_keeps_the_rest(few):
    rng = np.random.default_rng(0)
    firsts = {name: make_run(few, lambda text: rng.random(16)) for name in ("one", "two")}
    encoder = Lengths()
    found = quality.reranked(few, encoder, firsts, depth=4)
    lengths = {passage.id: len(passage.full_text) for passage in few.passages}
    for query, (text, asked) in zip(few.queries, encoder.asked, strict=True):
        assert text == query.text
        assert len(asked) == len(set(asked))  # what both first stages bring is read once
        for name, first in firsts.items():
            before, after = order(first, query), order(found[name], query)
            assert after[:4] == sorted(before[:4], key=lengths.get)
            assert after[4:] == before[4:]


def test_late_run_is_maxsim(few):
    encoder = load_late()
    documents = encoder.encode_documents(few.texts, few.ids)
    run = quality.late_run(few, encoder)
    for query in few.queries:
        scores = maxsim_scores(encoder.encode_query(query.text), documents)
        assert order(run, query)[0] == few.ids[int(np.argmax(scores))]


def test_the_committed_report_belongs_to_the_committed_weights():
    report = quality.load_quality()
    assert set(report["sets"]) == set(quality.SETS)
    table = quality.quality_table(report)
    assert {"BM25", "static", "bi", "late 384", "late", "late 384 and bi", "bi + cross", "late + cross"} == set(
        table.index
    )
    assert table.map(lambda value: 0 < value < 1).all(axis=None)
    for found in report["sets"].values():
        assert [(pair["first"], pair["second"]) for pair in found["pairs"]] == list(quality.NEIGHBOURS)
    assert sum(report["sizes"].values()) < 16e6


def test_measured_holds_what_the_report_needs(few):
    names = {name for pair in quality.NEIGHBOURS for name in pair}
    rng = np.random.default_rng(0)
    found = quality.measured(few, {name: make_run(few, lambda text: rng.random(16)) for name in sorted(names)})
    assert found["queries"] == 3
    assert set(found["measures"]) == names
    assert json.loads(json.dumps(found)) == found
    first = found["pairs"][0]
    means = {name: values["nDCG@10"] for name, values in found["measures"].items()}
    assert first["difference"] == pytest.approx(means[first["first"]] - means[first["second"]], abs=2e-4)
    assert first["wins"] + first["losses"] + first["ties"] == 3


def test_faults_of_the_report(monkeypatch, tmp_path):
    path = tmp_path / "quality.json"
    monkeypatch.setattr(quality, "quality_file", lambda: path)
    refused(FileNotFoundError, "make quality", quality.load_quality)
    for content, words in (("{", "damaged"), ('{"weights": {}}', "other weights")):
        path.write_text(content)
        refused(ValueError, words, quality.load_quality)


def test_weights_are_hashed_once_and_again_where_a_file_changed(tmp_path, monkeypatch):
    hashed = []
    monkeypatch.setattr(quality, "sha256_of", lambda path: hashed.append(path.name) or str(len(hashed)))
    monkeypatch.setattr(quality, "data_folder", lambda: tmp_path)
    file = tmp_path / "models" / "a" / "model.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"one")
    assert quality.weights() == quality.weights() == {"a/model.safetensors": "1"}
    file.write_bytes(b"other")
    assert quality.weights() == {"a/model.safetensors": "2"}


def test_the_advice_for_a_missing_file_brings_it_back(tmp_path):
    from workbook._files import restore

    path = tmp_path / "a folder" / "data" / "x.json"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=tmp_path / "a folder", check=True)
    path.unlink()
    subprocess.run(restore(path), shell=True, cwd="/", check=True, capture_output=True)
    assert path.read_text() == "{}"


def test_a_file_is_written_whole_or_stays_as_it_was(tmp_path, monkeypatch):
    from workbook._files import write_whole

    path = tmp_path / "new" / "x.json"
    write_whole(path, "one\n")
    assert path.read_bytes() == b"one\n"
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "half a pair \ud83d")
    assert path.read_bytes() == b"one\n"
    assert list(path.parent.iterdir()) == [path]
