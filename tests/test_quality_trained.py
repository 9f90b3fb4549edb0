"""Measuring trained encoders beside untrained ones."""

import gzip
import json

import pytest
import torch

from helpers import refused
from lateint_ref.encoders import load_late
from lateint_ref.encoders.late import load_untrained_late
from workbook import kept
from workbook.quality import late_run
from workbook.quality_trained import first, load_packed, main, paired_tests, pairs_of, table, trained_runs

DOCUMENTS = [
    {"_id": "a", "title": "Canoes", "text": "Canoes are for hire at the lake."},
    {"_id": "b", "title": "Dogs on a lead are welcome in every room", "text": ""},
    {"_id": "c", "title": "", "text": " "},
    {"_id": "d", "title": None, "text": "The boiler is serviced in May."},
]
QUERIES = [{"_id": "1", "text": "May I bring my dog?"}, {"_id": "2", "text": "hire a boat"}]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "set/qrels").mkdir(parents=True)
    lines = "".join(json.dumps(document) + "\n" for document in DOCUMENTS)
    (tmp_path / "set/corpus.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    (tmp_path / "set/queries.jsonl").write_text("".join(json.dumps(query) + "\n" for query in QUERIES))
    judged = "query-id\tcorpus-id\tscore\n1\tb\t1\n1\tc\t1\n2\ta\t2\n"
    (tmp_path / "set/qrels/test.tsv").write_text(judged)
    return tmp_path / "set"


def test_a_packed_collection(folder):
    dataset = load_packed(folder)
    assert dataset.ids == ["a", "b", "d"]
    assert dataset.texts[:2] == ["Canoes Canoes are for hire at the lake.", DOCUMENTS[1]["title"]]
    assert dataset.qrels == {"1": {"b": 1}, "2": {"a": 2}}
    assert dataset.name == "set"
    (folder / "corpus.jsonl").write_bytes(gzip.decompress((folder / "corpus.jsonl.gz").read_bytes()))
    (folder / "corpus.jsonl.gz").unlink()
    assert load_packed(folder).texts == dataset.texts
    assert [query.id for query in first(dataset, 1).queries] == ["1"]
    (folder / "queries.jsonl").unlink()
    refused(FileNotFoundError, r"queries\.jsonl does not exist", load_packed, folder)


def test_runs_and_tests(folder, tmp_path, capsys):
    class Judge:
        def score(self, query, documents):
            return -load_late().truncated(documents) - [len(text) for text in documents]

    dataset = load_packed(folder)
    runs = trained_runs(dataset, load_late(), Judge(), dims=[64])
    assert list(runs) == [
        "BM25", "static", "bi", "late", "late trained", "late trained, 64", "cross over late", "cross over bi"
    ]  # fmt: skip
    assert pairs_of({"late": {}, "late trained": {}}) == [("late trained", "late")]
    assert runs["late trained"] == runs["late"]
    assert runs["late trained, 64"] == late_run(dataset, load_late(dim=64))
    assert list(runs["cross over late"]["1"]) == ["d", "a", "b"]
    values = {"set": {name: {"1": 1.0, "2": 0.0} for name in runs}}
    assert set(paired_tests(values)) == {f"{one} against {two}" for one, two in (
        ("late trained", "late"), ("late trained", "bi"), ("cross over late", "late trained"), ("cross over bi", "bi")
    )}  # fmt: skip
    assert table(values).loc["mean", "BM25"] == 0.5
    out = tmp_path / "out.json"
    nothing = str(tmp_path / "none")
    assert main(["--beir", str(folder), "--late", nothing, "--cross", nothing, "--out", str(out)]) == 0
    assert "all questions together" in capsys.readouterr().out
    assert set(json.loads(out.read_text())["set"]) == {"BM25", "static", "bi", "late"}


def test_bfloat16_changes_a_vector_by_little(folder):
    texts, found = load_packed(folder).texts, []
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            found.append(load_late().encode_documents(texts).vectors)
    cosines = (found[0] * found[1]).sum(axis=1)
    assert 0.99 < cosines.min() < 1 - 1e-6


def test_what_is_kept(folder):
    dataset = load_packed(folder)
    runs = kept.runs_of(dataset, load_untrained_late())
    assert runs["128 dimensions"] == late_run(dataset, load_late())
    assert runs["64 dimensions"] == late_run(dataset, load_late(dim=64))
    assert set(runs["no markers"]["1"]) == set(dataset.ids)
    assert runs["[MASK], attended to"] != runs["[MASK], not attended to"] != runs["128 dimensions"]
    # As many centroids as vectors: nothing is left to round.
    assert runs["residual codes, 4 bit"]["1"] == pytest.approx(runs["128 dimensions"]["1"], abs=0.2)
    found = kept.table({"set": {way: {"1": 1.0, "2": 0.5} for way in runs}})
    assert set(found["set"]) == {0.75}
    assert len(found) == len(runs) == 17
