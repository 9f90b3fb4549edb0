"""The bundled collections keep their promises: counts, ids, types, judgments, splits, no answer given away."""

import itertools
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
from lateint_ref import load_handbook
from lateint_ref.datasets import data_folder
from lateint_ref.ocr import load_pages_dataset
from workbook import load_apidocs, load_see_also

# The loader; what two splits never share; the least number of passages, of questions of either split and of each type;
# the most passages that answer a question; the share of questions that words in so few passages may give away.
PROMISES = {
    "handbook": (load_handbook, "family", (320, 100, 200, 12), 3, ((1, 2, 4, 8), 1 / 2)),
    "apidocs": (load_apidocs, "area", (1200, 40, 60, 5), 6, ((1, 2, 4, 8, 16), 1 / 20)),
    "pages": (load_pages_dataset, "report", (80, 40, 70, 4), 99, ((1, 2, 4), 0.6)),
}
TYPES = {
    "handbook": {"keyword", "paraphrase", "detail", "number", "negation", "conditions"},
    "apidocs": {"howto", "concept", "symptom", "conditions", "keyword"},
    "pages": {"text", "table", "chart", "figure", "layout"},
}
SPLITS = {name: {split: load(split) for split in ("dev", "test")} for name, (load, *_) in PROMISES.items()}
each = pytest.mark.parametrize("name", PROMISES)


def all_queries(name):
    return [query for dataset in SPLITS[name].values() for query in dataset.queries]


@each
def test_counts_ids_and_types(name):
    _, _, (n_passages, n_dev, n_test, n_type), _, _ = PROMISES[name]
    dev, test = SPLITS[name].values()
    assert len(set(dev.ids)) == len(dev.ids) >= n_passages
    assert dev.passages == test.passages
    assert len(dev.queries) >= n_dev
    assert len(test.queries) >= n_test
    for dataset in (dev, test):
        counts = Counter(query.type for query in dataset.queries)
        assert set(counts) == TYPES[name]
        assert min(counts.values()) >= n_type
    assert len({query.text.lower() for query in all_queries(name)}) == len(all_queries(name))
    for query in all_queries(name):
        wanted = {"apidocs": r"{split}-\d\d\d", "handbook": "{family}-q[1-8]", "pages": r"{report}-q\d\d"}[name]
        assert re.fullmatch(wanted.format(**query.metadata), query.id)


@each
def test_judgments_and_splits_that_share_nothing(name):
    """What is chosen on dev has seen nothing of test: neither its questions nor the passages that answer them."""
    _, group, _, most, _ = PROMISES[name]
    groups, answers = {}, {}
    for split, dataset in SPLITS[name].items():
        for query in dataset.queries:
            grades = dataset.qrels[query.id]
            assert query.metadata["split"] == split
            assert set(grades.values()) <= {1, 2}, query.id
            assert 1 <= list(grades.values()).count(2) <= most, query.id
            for passage in map(dataset.passage, grades):
                assert passage.metadata.get("split") in (split, None), query.id
                groups.setdefault(split, set()).add(passage.metadata.get(group, query.metadata[group]))
        groups[split] |= {query.metadata[group] for query in dataset.queries}
        answers[split] = {passage for grades in dataset.qrels.values() for passage in grades}
    assert not groups["dev"] & groups["test"]
    assert not answers["dev"] & answers["test"]


@each
def test_answers_are_not_given_away_by_rare_words(name):
    """A question is given away where the words it shares with at most `rare` passages single out an answer."""
    *_, (rares, share) = PROMISES[name]
    qrels = {query: grades for dataset in SPLITS[name].values() for query, grades in dataset.qrels.items()}
    for rare in rares:
        found = given_away(SPLITS[name]["dev"].passages, all_queries(name), qrels, rare)
        assert len(found) <= share * len(qrels), (rare, found)


# The handbook


def test_passages_of_the_handbook():
    dataset = SPLITS["handbook"]["dev"]
    families = Counter(passage.metadata["family"] for passage in dataset.passages)
    assert len(families) >= 40
    assert set(families.values()) == {8}
    for passage in dataset.passages:
        assert re.fullmatch(rf"{passage.metadata['family']}-[1-8]", passage.id)
        assert 60 <= len(passage.text.split()) <= 140, passage.id
        assert passage.title, passage.id
    for query in all_queries("handbook"):
        grades = SPLITS["handbook"][query.metadata["split"]].qrels[query.id]
        assert {name.rpartition("-")[0] for name in grades} == {query.metadata["family"]}
    qrels = [grades for dataset in SPLITS["handbook"].values() for grades in dataset.qrels.values()]
    answers = {name for grades in qrels for name, grade in grades.items() if grade == 2}
    assert len(answers) > 0.8 * len(dataset.passages), "nearly every passage should be somebody's answer"


def test_no_passage_of_the_handbook_stands_twice():
    """Not even nearly: no two passages share a fifth of their runs of five words."""
    runs = {}
    for passage in SPLITS["handbook"]["dev"].passages:
        tokens = words(passage.text)
        runs[passage.id] = {tuple(tokens[i : i + 5]) for i in range(len(tokens) - 4)}
    for (a, runs_a), (b, runs_b) in itertools.combinations(runs.items(), 2):
        assert len(runs_a & runs_b) <= 0.2 * min(len(runs_a), len(runs_b)), (a, b)


# The API documentation

FOLDER = data_folder() / "apidocs"


def test_passages_of_the_documentation():
    dataset = SPLITS["apidocs"]["dev"]
    assert dataset.ids == sorted(dataset.ids)
    assert len({passage.text.lower() for passage in dataset.passages}) == len(dataset.passages)
    assert min(Counter(passage.metadata["package"] for passage in dataset.passages).values()) >= 350
    for passage in dataset.passages:
        assert passage.title == passage.id
        assert 12 <= len(passage.text.split()) <= 120, passage.id
        assert not re.search(r"`|>>>|\n|sphx_glr|\.\. \w+::|Read more in", passage.text), passage.text
        assert passage.text.endswith((".", "!", "?")), passage.id
        assert passage.metadata["version"] not in ("", *passage.text.split()), passage.id
    tril = dataset.passage("numpy.tril").text
    assert tril.startswith("Lower triangle of an array. Return a copy of an array with elements above the k-th")
    assert "k: Diagonal above which to zero elements." in tril
    assert tril.endswith("Returns: Lower triangle of m, of same shape and data-type as m.")
    assert {"numpy.abs", "numpy.absolute"} & set(dataset.ids) == {"numpy.abs"}, "the shorter name of one object"


def names_itself(question, name):
    """Whether a question holds a name as a word or, from five letters on, run together ("random forest")."""
    last, text = name.rpartition(".")[2].lower(), question.lower()
    squeezed = [re.sub(r"[^a-z0-9]", "", part) for part in (last, text)]
    return last in re.findall(r"\w+", text) or (len(last) >= 5 and squeezed[0] in squeezed[1])


def test_questions_neither_name_nor_copy_their_answers():
    """Of the longer words of a question, its best answer has less than a quarter on average."""
    shares = []
    for dataset in SPLITS["apidocs"].values():
        for query in dataset.queries:
            grades = dataset.qrels[query.id]
            assert not any(names_itself(query.text, name) for name in grades), query.text
            asked = {word for word in words(query.text) if len(word) > 3}
            answers = [set(words(dataset.passage(name).text)) for name, grade in grades.items() if grade == 2]
            shares.append(max(len(asked & answer) / len(asked) for answer in answers))
    assert sum(shares) / len(shares) < 0.25
    assert len({query.metadata["area"] for query in all_queries("apidocs")}) >= 30


def test_see_also():
    dataset = load_see_also()
    assert dataset.passages == SPLITS["apidocs"]["dev"].passages
    assert len({query.text.lower() for query in dataset.queries}) == len(dataset.queries) >= 200
    for query in dataset.queries:
        grades = dataset.qrels[query.id]
        assert query.type == "see-also"
        assert query.metadata["origin"] in dataset.ids
        assert set(grades) != {query.metadata["origin"]}
        assert set(grades.values()) == {2}
        for name in grades:
            assert name.rpartition(".")[2].lower() not in re.findall(r"\w+", query.text.lower())
    lines = [json.loads(line)["_id"] for line in (FOLDER / "queries.jsonl").read_bytes().splitlines()]
    asked = [*all_queries("apidocs"), *dataset.queries]
    assert [query.id for query in asked] == lines, "every question is judged"


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
