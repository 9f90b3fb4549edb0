"""The documentation collection keeps its promises: counts, ids, splits, clean text, no name in its own question."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import pytest

from helpers import given_away, words
from lateint_ref.datasets import data_folder
from workbook import load_apidocs, load_see_also

FOLDER = data_folder() / "apidocs"

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
        assert 12 <= len(passage.text.split()) <= 120, passage.id
        assert not re.search(r"`|>>>|\n|sphx_glr|\.\. \w+::|Read more in", passage.text), passage.text
        assert passage.text.endswith((".", "!", "?")), passage.id
        assert passage.metadata["version"], passage.id
        assert passage.metadata["version"] not in passage.text.split(), passage.id


def test_known_passages(splits):
    tril = splits["dev"].passage("numpy.tril").text
    assert tril.startswith("Lower triangle of an array. Return a copy of an array with elements above the k-th")
    assert "k: Diagonal above which to zero elements." in tril
    assert tril.endswith("Returns: Lower triangle of m, of same shape and data-type as m.")
    assert "See Also" not in tril
    assert "numpy.abs" in splits["dev"].ids, "the shorter of two names of one object"
    assert "numpy.absolute" not in splits["dev"].ids


def test_no_passage_twice(passages):
    """Siblings share a sentence on a parameter, but no two passages are the same text."""
    texts = Counter(passage.text.lower() for passage in passages)
    assert max(texts.values()) == 1


def test_ids_and_types(splits, queries):
    lines = [json.loads(line) for line in (FOLDER / "queries.jsonl").read_bytes().splitlines()]
    asked = [*queries, *load_see_also().queries]
    assert [query.id for query in asked] == [line["_id"] for line in lines], "every question is judged"
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
    queries, qrels = dataset.queries, dataset.qrels
    assert dataset.passages == passages
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


@pytest.mark.slow
def test_made_again_the_files_are_the_same(tmp_path):
    """Where the versions that the corpus names are installed: `make.py` in a copy of the folder, with another seed."""
    versions = {passage.metadata["package"]: passage.metadata["version"] for passage in load_apidocs().passages}
    if any(version(package) != named for package, named in versions.items()):
        pytest.skip("other versions are installed")
    shutil.copytree(FOLDER, tmp_path / "apidocs")
    subprocess.run(
        [sys.executable, str(tmp_path / "apidocs" / "make.py")],
        env={"PYTHONHASHSEED": "1", "PYTHONPATH": str(Path(__file__).parent.parent)},
        check=True,
    )
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/see-also.tsv"):
        assert (tmp_path / "apidocs" / name).read_bytes() == (FOLDER / name).read_bytes(), name
