"""Measures against their definitions, and the significance test against cases with a known answer."""

import itertools
import math

import numpy as np
import pytest

from helpers import refused
from lateint_ref import by_type, compare, evaluate, make_run, paired_test, per_query
from lateint_ref.datasets import Dataset, Passage, Query
from lateint_ref.evaluation import bootstrap_interval

QRELS = {"q1": {"a": 2, "b": 1}, "q2": {"c": 2}, "q3": {"d": 1}}
RUN = {"q1": {"b": 3.0, "x": 2.0, "a": 1.0}, "q2": {"x": 9.0, "c": 8.0}}


def test_measures_by_hand():
    # q1 ranks grades 1, 0, 2; the ideal order is 2, 1. q2 finds its answer at rank 2. q3 found nothing.
    dcg = 1 / math.log2(2) + 2 / math.log2(4)
    ideal = 2 / math.log2(2) + 1 / math.log2(3)
    assert per_query(RUN, QRELS, "nDCG@10") == pytest.approx({"q1": dcg / ideal, "q2": 1 / math.log2(3), "q3": 0.0})
    assert per_query(RUN, QRELS, "RR@10") == pytest.approx({"q1": 1.0, "q2": 0.5, "q3": 0.0})
    assert per_query(RUN, QRELS, "RR(rel=2)@10") == pytest.approx({"q1": 1 / 3, "q2": 0.5, "q3": 0.0})
    assert evaluate(RUN, QRELS, ["R@100"]) == pytest.approx({"R@100": (1 + 1 + 0) / 3})


def test_a_query_without_results_counts_zero():
    assert evaluate({}, QRELS)["nDCG@10"] == 0
    assert evaluate({"q1": {}}, QRELS)["RR@10"] == 0


@pytest.fixture
def dataset():
    passages = [Passage(name, "", f"text {name}") for name in "abcdx"]
    queries = [
        Query("q1", "one", {"type": "keyword"}),
        Query("q2", "two", {"type": "number"}),
        Query("q3", "three"),
    ]
    return Dataset("toy", "test", passages, queries, QRELS)


def test_run_keeps_the_collection_order_of_ties(dataset):
    run = make_run(dataset, lambda text: np.zeros(5), depth=3)
    assert run["q1"] == {"a": 3.0, "b": 2.0, "c": 1.0}
    reverse = make_run(dataset, lambda text: np.arange(5), depth=100)
    assert sorted(reverse["q2"], key=reverse["q2"].get, reverse=True) == list("xdcba")


def test_tables(dataset):
    runs = {
        "good": make_run(dataset, lambda text: [2, 1, 2, 2, 0]),
        "bad": make_run(dataset, lambda text: [0, 0, 0, 0, 1]),
    }
    table = compare(runs, dataset, ["RR@10", "R@100"])
    assert list(table.columns) == ["RR@10", "R@100"]
    assert table.loc["good", "RR@10"] > table.loc["bad", "RR@10"]
    kinds = by_type(runs, dataset, "RR@10")
    assert kinds["queries"].to_dict() == {"keyword": 1, "number": 1, "unlabelled": 1, "all": 3}
    assert kinds.loc["all", "good"] == pytest.approx(table.loc["good", "RR@10"])


def test_paired_test_equals_all_sign_flips():
    """Five queries have 2^5 sign patterns: the p-value is the exact share at least as far from zero."""
    first = {f"q{i}": value for i, value in enumerate([0.9, 0.8, 0.7, 0.4, 0.6])}
    second = {f"q{i}": value for i, value in enumerate([0.5, 0.7, 0.75, 0.1, 0.4])}
    differences = np.array([first[q] - second[q] for q in first])
    flips = [abs(np.mean(differences * signs)) for signs in itertools.product([1, -1], repeat=5)]
    expected = np.mean([flip >= abs(differences.mean()) - 1e-12 for flip in flips])
    result = paired_test(first, second)
    assert result.difference == pytest.approx(differences.mean())
    assert result.p_value == pytest.approx(expected, abs=1e-9)
    assert (result.wins, result.losses, result.ties) == (4, 1, 0)
    assert result.low <= result.difference <= result.high


def test_paired_test_extremes():
    same = {f"q{i}": 0.5 for i in range(30)}
    better = {f"q{i}": 0.6 + 0.001 * i for i in range(30)}
    assert paired_test(same, same).p_value == 1.0
    assert paired_test(better, same).p_value < 0.001
    assert "better on 30, worse on 0" in str(paired_test(better, same))
    constant = paired_test(dict.fromkeys(same, 1.0), dict.fromkeys(same, 0.0))
    assert constant.p_value < 1e-6
    assert (constant.low, constant.high) == (1, 1)


def test_ties_are_broken_in_one_way_for_every_measure():
    """Three documents score alike and the relevant one was returned first: every measure must see it first."""
    run = {"q": {"z": 1.0, "m": 1.0, "a": 1.0}}
    for first, expected in (("z", 1.0), ("m", 0.5), ("a", 1 / 3)):
        assert per_query(run, {"q": {first: 1}}, "RR@10") == pytest.approx({"q": expected})
        discounted = 1 / math.log2(1 + 1 / expected)
        assert per_query(run, {"q": {first: 1}}, "nDCG@10") == pytest.approx({"q": discounted})
    assert per_query(run, {"q": {"z": 1}}, "R@1") == {"q": 1.0}


def test_scores_of_any_number_type():
    for kind in (np.float32, np.float64, np.int64, float):
        run = {"q1": {"b": kind(3), "x": kind(2), "a": kind(1)}, "q2": {"x": kind(9), "c": kind(8)}}
        assert per_query(run, QRELS) == per_query(RUN, QRELS)


def test_bootstrap_interval():
    values = np.random.default_rng(0).normal(3, 1, 400)
    low, high = bootstrap_interval(np.mean, values)
    assert (low, high) == pytest.approx((3 - 1.96 / 20, 3 + 1.96 / 20), abs=0.1)
    # Of two samples the same queries are drawn, so the ratio of a sample and its double is always 2.
    ends = bootstrap_interval(lambda a, b, axis=-1: a.mean(axis=axis) / b.mean(axis=axis), 2 * values, values)
    assert ends == pytest.approx((2, 2))


def test_refusals(dataset):
    for name in ("nDCG", "P", "R", "AP", "Success", "RR"):
        refused(ValueError, "cut-off", per_query, RUN, QRELS, f"{name}@0")
    refused(ValueError, "measure must be an ir-measures name .* got 'nDGC@10'", per_query, RUN, QRELS, "nDGC@10")
    refused(ValueError, "'q1' in run holds a NaN", per_query, {"q1": {"a": float("nan"), "b": 1.0}}, QRELS)
    refused(TypeError, "ids in run must be strings", per_query, {"q1": {3: 1.0}}, QRELS)
    refused(ValueError, "qrels is empty", evaluate, RUN, {})
    refused(ValueError, "1 queries without judgments, first 'q9'.*another split", evaluate, {"q9": {"a": 1.0}}, QRELS)
    refused(ValueError, "query 'q1' must hold one number for each of 5", make_run, dataset, lambda text: [1, 2, 3])
    refused(ValueError, "same queries; 1 .* first 'q2'", paired_test, {"q1": 1.0, "q2": 0.0}, {"q1": 1.0})
    refused(ValueError, "at least two queries, got 1", paired_test, {"q1": 1.0}, {"q1": 0.5})
