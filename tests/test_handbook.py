"""The bundled text collection: size, ids, splits, no passage twice, no answer given away by rare words."""

import itertools
import re
from collections import Counter

import pytest

from helpers import given_away, words
from lateint_ref import load_handbook

TYPES = {"keyword", "paraphrase", "detail", "number", "negation", "conditions"}


@pytest.fixture(scope="module")
def splits():
    return {split: load_handbook(split) for split in ("dev", "test")}


@pytest.fixture(scope="module")
def passages(splits):
    return splits["dev"].passages


@pytest.fixture(scope="module")
def queries(splits):
    return splits["dev"].queries + splits["test"].queries


def test_counts(passages, queries, splits):
    families = Counter(passage.metadata["family"] for passage in passages)
    assert len(passages) >= 320
    assert len(families) >= 40
    assert set(families.values()) == {8}
    assert len(queries) >= 200
    assert len(splits["dev"].queries) >= 100
    assert len(splits["test"].queries) >= 200


def test_lengths(passages):
    for passage in passages:
        assert 60 <= len(passage.text.split()) <= 140, passage.id
        assert passage.title, passage.id


def test_ids(passages, queries):
    for passage in passages:
        assert re.fullmatch(rf"{passage.metadata['family']}-[1-8]", passage.id)
    for query in queries:
        assert re.fullmatch(rf"{query.metadata['family']}-q[1-8]", query.id)
    assert len({query.text for query in queries}) == len(queries)


def test_splits_share_no_family(splits):
    """What is chosen on dev has seen nothing of test: neither its queries nor the passages that answer them."""
    families = {}
    for split, dataset in splits.items():
        assert {query.metadata["split"] for query in dataset.queries} == {split}
        families[split] = {query.metadata["family"] for query in dataset.queries}
    assert not families["dev"] & families["test"]
    assert len(families["dev"] | families["test"]) == 40


def test_types(splits):
    for dataset in splits.values():
        counts = Counter(query.type for query in dataset.queries)
        assert set(counts) == TYPES
        assert min(counts.values()) >= len(dataset.queries) // 8


def test_judgments(splits, passages):
    for dataset in splits.values():
        for query in dataset.queries:
            grades = dataset.qrels[query.id]
            assert set(grades.values()) <= {1, 2}, query.id
            assert 1 <= sum(grade == 2 for grade in grades.values()) <= 3, query.id
            for passage_id in grades:
                assert dataset.passage(passage_id).metadata["family"] == query.metadata["family"]
    answers = {name for dataset in splits.values() for g in dataset.qrels.values() for name, v in g.items() if v == 2}
    assert len(answers) > 0.8 * len(passages), "nearly every passage should be somebody's answer"


def test_no_passage_twice(passages):
    """Not even nearly: no two passages share a fifth of their runs of five words."""
    runs = {}
    for passage in passages:
        tokens = words(passage.text)
        runs[passage.id] = {tuple(tokens[i : i + 5]) for i in range(len(tokens) - 4)}
    for (a, runs_a), (b, runs_b) in itertools.combinations(runs.items(), 2):
        assert len(runs_a & runs_b) <= 0.2 * min(len(runs_a), len(runs_b)), (a, b)


@pytest.mark.parametrize("rare", [1, 2, 4, 8])
def test_answers_are_not_given_away_by_rare_words(splits, passages, queries, rare):
    """A query is given away where the words it shares with at most `rare` passages single out its answer."""
    found = given_away(passages, queries, splits["dev"].qrels | splits["test"].qrels, rare)
    assert len(found) <= len(queries) / 2, f"{len(found)} of {len(queries)}: {found}"
    print(f"{len(found)} of {len(queries)} given away by words in at most {rare} passages")
