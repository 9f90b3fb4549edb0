"""The documentation collection keeps its promises: counts, ids, splits, clean text, no name in its own question."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from helpers import given_away, words
from lateint_ref.datasets import data_folder
from workbook import apidocs
from workbook.apidocs import api_passages, load_apidocs, load_see_also, see_also_queries

TYPES = {"howto", "concept", "symptom", "conditions", "keyword"}


@pytest.fixture(scope="module")
def splits():
    return {split: load_apidocs(split) for split in ("dev", "test")}


@pytest.fixture(scope="module")
def passages(splits):
    return splits["dev"].passages


@pytest.fixture(scope="module")
def queries(splits):
    return splits["dev"].queries + splits["test"].queries


def squeeze(text):
    return re.sub(r"[^a-z0-9]", "", text.lower())


def test_counts(splits, passages):
    assert 1200 <= len(passages) <= 1600
    assert min(Counter(passage.metadata["package"] for passage in passages).values()) >= 350
    assert len(splits["dev"].queries) >= 40
    assert len(splits["test"].queries) >= 60


def test_passages(passages):
    names = [passage.id for passage in passages]
    assert len(set(names)) == len(names)
    assert names == sorted(names), "numpy, scipy, sklearn happen to be in the order of the alphabet, too"
    for passage in passages:
        assert passage.title == passage.id
        assert apidocs.MIN_WORDS <= len(passage.text.split()) <= apidocs.MAX_WORDS, passage.id
        assert not re.search(r"`|>>>|\n|sphx_glr|\.\. \w+::|Read more in", passage.text), passage.text
        assert passage.text.endswith((".", "!", "?")), passage.id
        assert passage.metadata["version"], passage.id
        assert passage.metadata["version"] not in passage.text.split(), passage.id


def test_same_passages_again(passages):
    """The order does not hang on hashing: another process, another seed, the same passages."""
    code = "from workbook.apidocs import api_passages as p; import zlib; print(zlib.crc32(repr(p()).encode()))"
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent.parent)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]


def test_known_passages(splits):
    tril = splits["dev"].passage("numpy.tril").text
    assert tril.startswith("Lower triangle of an array. Return a copy of an array with elements above the k-th")
    assert "k: Diagonal above which to zero elements." in tril
    assert tril.endswith("Returns: Lower triangle of m, of same shape and data-type as m.")
    assert "See Also" not in tril
    assert "numpy.abs" in splits["dev"].ids, "the shorter of two names of one object"
    assert "numpy.absolute" not in splits["dev"].ids


def test_markup_is_read():
    markup = (
        "Do :func:`~numpy.tril` to ``x`` with :math:`x_{1}`, see `the page <https://a.b>`_ [1]_.\n\n"
        ".. math:: y = x\n   + 1\n\n.. note:: Mind the **gap**.\n   And the 2**x1.\n\n"
        "Then::\n\n    code()\n\n- one\n- two\n\n>>> 1\n1\n\n===  ===\na    b\n===  ===\n"
    )
    assert apidocs._sentences(markup)[:3] == [
        "Do numpy.tril to x with x_1, see the page.",
        "Mind the gap.",
        "And the 2**x1.",
    ]
    assert apidocs._sentences(markup)[3:6] == ["Then.", "one.", "two."]
    sections = apidocs._sections(
        "f(x, y)\n\nTitle.\n\nParameters\n----------\nx : int\n    A. B.\n\nNotes\n-----\nNo.\n"
    )
    assert sections == {"": "Title.", "Parameters": "x : int\n    A. B.", "Notes": "No."}
    assert apidocs._prose(sections, is_class=False) == "Title. x: A."


def test_no_passage_twice(passages):
    """Siblings share a sentence on a parameter, but no two passages are the same text."""
    texts = Counter(passage.text.lower() for passage in passages)
    assert max(texts.values()) == 1


def test_ids_and_types(splits, queries):
    lines = [json.loads(line) for line in (data_folder() / "apidocs" / "queries.jsonl").read_text("utf-8").splitlines()]
    assert [query.id for query in queries] == [line["_id"] for line in lines], "every question is judged"
    assert len({query.text.lower() for query in queries}) == len(queries)
    for split, dataset in splits.items():
        counts = Counter(query.type for query in dataset.queries)
        assert set(counts) == TYPES
        assert min(counts.values()) >= 5
        for query in dataset.queries:
            assert re.fullmatch(rf"{split}-\d{{3}}", query.id)
            assert query.metadata["split"] == split


def test_judgments(splits, queries):
    for dataset in splits.values():
        for query in dataset.queries:
            grades = list(dataset.qrels[query.id].values())
            assert set(grades) <= {1, 2}, query.id
            assert 1 <= grades.count(2) <= 6, query.id
    areas = {query.metadata["area"] for query in queries}
    assert len(areas) >= 30


def test_splits_share_no_answer_and_no_area(splits):
    answers = [{name for grades in dataset.qrels.values() for name in grades} for dataset in splits.values()]
    assert not answers[0] & answers[1]
    areas = [{query.metadata["area"] for query in dataset.queries} for dataset in splits.values()]
    assert not areas[0] & areas[1]


def test_no_name_in_its_question(splits):
    """Neither as a word nor, for names of five letters or more, run together ("random forest")."""
    for dataset in splits.values():
        for query in dataset.queries:
            for name in dataset.qrels[query.id]:
                last = name.rpartition(".")[2].lower()
                assert last not in re.findall(r"\w+", query.text.lower()), (query.text, name)
                assert len(last) < 5 or squeeze(last) not in squeeze(query.text), (query.text, name)


def test_questions_are_not_copied(splits, queries):
    """Of the longer words of a question, its best answer has less than a quarter on average."""
    shares = []
    for dataset in splits.values():
        for query in dataset.queries:
            asked = {word for word in words(query.text) if len(word) > 3}
            answers = [name for name, grade in dataset.qrels[query.id].items() if grade == 2]
            shares.append(max(len(asked & set(words(dataset.passage(name).text))) / len(asked) for name in answers))
    print(f"share of a question's words in its best answer: {sum(shares) / len(shares):.2f}")
    assert sum(shares) / len(shares) < 0.25


@pytest.mark.parametrize("rare", [1, 2, 4, 8, 16])
def test_answers_are_not_given_away_by_rare_words(splits, passages, queries, rare):
    """A question is given away where the words it shares with at most `rare` passages single out an answer."""
    found = given_away(passages, queries, splits["dev"].qrels | splits["test"].qrels, rare)
    print(f"{len(found)} of {len(queries)} given away by words in at most {rare} passages")
    assert len(found) <= len(queries) / 20, found


def test_see_also(passages):
    dataset = load_see_also()
    queries, qrels = see_also_queries()
    assert dataset.queries == queries
    assert dataset.qrels == qrels
    assert len(queries) >= 200
    assert len({query.text.lower() for query in queries}) == len(queries)
    by_id = {passage.id: passage for passage in passages}
    for query in queries:
        assert query.type == "see-also"
        assert query.metadata["origin"] in by_id
        assert set(qrels[query.id]) != {query.metadata["origin"]}
        for name, grade in qrels[query.id].items():
            assert grade == 2
            assert name.rpartition(".")[2].lower() not in re.findall(r"\w+", query.text.lower())


def test_judged_versions_are_the_pinned_ones():
    constraints = (Path(__file__).parent.parent / "constraints.txt").read_text("utf-8").splitlines()
    for item in apidocs.JUDGED_WITH.split(", "):
        assert item.replace(" ", "==") in constraints


def test_unknown_split():
    with pytest.raises(FileNotFoundError, match=r"train.tsv does not exist. Splits of this collection: dev, test"):
        load_apidocs("train")


def test_function_that_is_not_installed(monkeypatch, tmp_path):
    shutil.copytree(data_folder() / "apidocs", tmp_path / "apidocs")
    with (tmp_path / "apidocs" / "qrels" / "dev.tsv").open("a", encoding="utf-8") as file:
        file.write("dev-001\tnumpy.gone\t2\n")
    monkeypatch.setenv("LATEINT_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=r"id 'numpy.gone'.*judged with numpy [\d.]+, scipy .*installed are numpy"):
        load_apidocs("dev")


def test_broken_judgments(monkeypatch, tmp_path):
    shutil.copytree(data_folder() / "apidocs", tmp_path / "apidocs")
    (tmp_path / "apidocs" / "qrels" / "dev.tsv").write_text("nothing\n")
    monkeypatch.setenv("LATEINT_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=r"dev.tsv, line 1: expected the header"):
        load_apidocs("dev")


def test_without_docstrings():
    code = "from workbook.apidocs import api_passages as p; p()"
    done = subprocess.run(
        [sys.executable, "-OO", "-c", code],
        env={"PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "RuntimeError: Python was started with -OO" in done.stderr


def test_callers_cannot_change_what_others_read():
    api_passages().clear()
    assert api_passages()
