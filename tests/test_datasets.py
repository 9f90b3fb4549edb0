"""The BEIR loader: a good folder, and every way that a file can be broken."""

import pytest

from helpers import refused
from lateint_ref import load_beir, load_handbook
from lateint_ref.datasets import data_folder

CORPUS = '{"_id": "d1", "title": "T", "text": "one"}\n{"_id": "d2", "text": "two"}\n'
QUERIES = '{"_id": "q1", "text": "first?", "metadata": {"type": "number"}}\n{"_id": "q2", "text": "second?"}\n'
QRELS = "query-id\tcorpus-id\tscore\nq1\td2\t2\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "corpus.jsonl").write_text(CORPUS)
    (tmp_path / "queries.jsonl").write_text(QUERIES)
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text(QRELS)
    return tmp_path


def test_loads(folder, recwarn):
    dataset = load_beir(folder)
    assert dataset.ids == ["d1", "d2"]
    assert dataset.texts == ["T one", "two"]
    assert [query.id for query in dataset.queries] == ["q1"]
    assert dataset.queries[0].type == "number"
    assert dataset.qrels == {"q1": {"d2": 2}}
    assert dataset.passage("d2").text == "two"
    assert dataset.query("q1").text == "first?"
    assert not recwarn.list

    refused(KeyError, "no passage in .* has the id 'd9'", dataset.passage, "d9")
    refused(KeyError, "no query in the test split of .* has the id 'q2'", dataset.query, "q2")


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("corpus.jsonl", CORPUS + "{broken\n", "line 3: not a line of JSON"),
        ("corpus.jsonl", CORPUS + "[1, 2]\n", "line 3: expected a JSON object.*list"),
        ("corpus.jsonl", CORPUS + '{"_id": "d1", "text": "again"}\n', "line 3: the id 'd1' .*line 1"),
        ("corpus.jsonl", CORPUS + '{"_id": 3.5, "text": "x"}\n', "line 3: '_id' must be"),
        ("corpus.jsonl", CORPUS + '{"_id": "d3", "text": "x", "metadata": 7}\n', "line 3: 'metadata' must be"),
        ("corpus.jsonl", "", "is empty"),
        ("queries.jsonl", QUERIES + '{"_id": "q1", "text": "again?"}', "line 3: the id 'q1' was used before"),
        ("queries.jsonl", '{"text": "no id"}', "line 1: '_id' must be"),
        ("qrels/test.tsv", "q1\td2\t2\n", "line 1: expected the header"),
        ("qrels/test.tsv", QRELS + "q1 d1 1\n", "line 3: expected .* separated by tabs"),
        ("qrels/test.tsv", QRELS + "q1\td1\t0.5\n", "line 3: the score must be a whole number"),
        ("corpus.jsonl", CORPUS + '{"_id": true, "text": "x"}\n', "line 3: '_id' must be"),
        (
            "corpus.jsonl",
            CORPUS + '{"_id": 7, "text": "x"}\n{"_id": "7", "text": "y"}\n',
            "line 4: .*'7' .*line 3",
        ),
        (
            "qrels/test.tsv",
            QRELS + "q1\td1\t1\nq1\td2\t1\n",
            "line 4: .* the grade 1 here and 2 in line 2",
        ),
        ("qrels/test.tsv", QRELS + "q1\td2\t-1\n", "line 3: .*'q1' .*'d2' have the grade -1 here and 2"),
        ("qrels/test.tsv", QRELS + "q1\td1\t1.0.0\n", "line 3: the score must be a whole number"),
        ("qrels/test.tsv", QRELS + "q1\td1\t\u00b2\n", "line 3: the score must be a whole number"),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\n", "holds no judgments"),
        ("qrels/test.tsv", QRELS.replace("q1", "q9"), "no judgments .*1 judgments of queries that are not there"),
    ],
)
def test_broken_files(folder, file, text, words):
    (folder / file).write_text(text)
    refused(ValueError, f"{file.rpartition('/')[2]}.*{words}", load_beir, folder)


def test_published_folders_load_and_say_what_is_left_out(folder):
    """Null titles, texts under a title alone, empty documents, grades below 0, judgments of what is not there."""
    (folder / "corpus.jsonl").write_text(
        CORPUS
        + '{"_id": "d3", "title": null, "text": "three"}\n{"_id": "d4", "title": "T", "text": ""}\n'
        + '{"_id": "d5", "title": "", "text": " "}\n{"_id": "d6", "title": null, "text": null, "metadata": null}\n'
    )
    lines = ["q1\td1\t-1", "q1\td9\t1", "q9\td1\t1", "q2\td5\t1", "q2\td3\t1"]
    (folder / "qrels" / "test.tsv").write_text("\ufeff" + QRELS + "\n".join(lines), encoding="utf-8")
    with pytest.warns(UserWarning, match="left out") as told:
        dataset = load_beir(folder)
    assert dataset.ids == ["d1", "d2", "d3", "d4"]
    assert dataset.texts == ["T one", "two", "three", "T "]
    assert dataset.qrels == {"q1": {"d2": 2}, "q2": {"d3": 1}}
    (message,) = [str(warning.message) for warning in told]
    for words in (
        "2 documents without title or text",
        "1 grades below 0",
        "1 judgments of queries that are not there",
        "2 judgments of documents that are not there",
    ):
        assert words in message


def test_judgments_that_stand_twice_count_once(folder):
    (folder / "qrels" / "test.tsv").write_text(QRELS + "q1\td1\t1\nq1\td2\t2\nq1\td2\t2.0\n")
    with pytest.warns(UserWarning, match="left out 2 judgments that stand twice"):
        assert load_beir(folder).qrels == {"q1": {"d2": 2, "d1": 1}}


def test_ids_and_grades_written_as_numbers(folder, recwarn):
    (folder / "corpus.jsonl").write_text('{"_id": 7, "text": "seven"}\n{"_id": 0, "text": "none"}\n')
    (folder / "queries.jsonl").write_text('{"_id": 12, "text": "first?"}\n')
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n12\t7\t1.0\n12\t0\t2.\n")
    dataset = load_beir(folder)
    assert (dataset.ids, dataset.queries[0].id) == (["7", "0"], "12")
    assert dataset.qrels == {"12": {"7": 1, "0": 2}}
    assert all(isinstance(grade, int) for grade in dataset.qrels["12"].values())
    assert not recwarn.list


def test_lines_end_at_line_feeds_alone(folder):
    (folder / "corpus.jsonl").write_text(CORPUS + '{"_id": "d\u2028\\u000b", "text": "a\u2028b"}\n')
    (folder / "qrels" / "test.tsv").write_text(QRELS + "q1\td\u2028\x0b\t1\n")
    dataset = load_beir(folder)
    assert dataset.passage("d\u2028\x0b").text == "a\u2028b"
    assert dataset.qrels["q1"]["d\u2028\x0b"] == 1


def test_not_utf8(folder):
    (folder / "corpus.jsonl").write_bytes(CORPUS.encode() + '{"_id": "d3", "text": "caf\xe9"}\n'.encode("latin-1"))
    refused(ValueError, r"corpus.jsonl, line 3: not UTF-8", load_beir, folder)


def test_missing_files(folder):
    refused(FileNotFoundError, r"dev.tsv does not exist. Splits of this collection: test", load_beir, folder, "dev")
    (folder / "queries.jsonl").unlink()
    refused(FileNotFoundError, r"queries.jsonl does not exist", load_beir, folder)


def test_data_folder(monkeypatch, tmp_path):
    assert (data_folder() / "handbook").is_dir()
    monkeypatch.setenv("LATEINT_DATA", str(tmp_path / "nowhere"))
    refused(FileNotFoundError, "The bundled data is not at .*LATEINT_DATA", load_handbook)
