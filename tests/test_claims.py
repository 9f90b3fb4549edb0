"""Verdicts on published claims: rules against plain loops, the list, stored measurements and their freshness."""

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import refused
from lateint_ref import MultiVectors
from lateint_ref.encoders import load_late
from workbook import claims, claims_measure, load_testbed
from workbook import claims as rules
from workbook.claims import Claim, Condition, Measurement
from workbook.quality import weights

NUMBERS = st.floats(-100, 100, allow_nan=False)
EVERY = [claim for part in claims.load_claims().values() for claim in part]


def at(value, low=None, high=None):
    return Measurement(value, "a test", low, high)


def by_points(rule, low, high):
    """What a rule should say: look at many points of the interval, each on its own."""
    points = np.linspace(low, high, 201)
    good = {
        rules.AtLeast: points >= rule.target,
        rules.AtMost: points <= rule.target,
        rules.Above: points > rule.target,
    }[type(rule)]
    return "met" if good.all() else "undecided" if good.any() else "missed"


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([rules.AtLeast, rules.AtMost, rules.Above]), NUMBERS, NUMBERS, NUMBERS)
def test_bounds_look_at_the_whole_interval(kind, bound, one, other):
    low, high = min(one, other), max(one, other)
    assert kind(bound).judge(at((low + high) / 2, low, high)) == by_points(kind(bound), low, high)


@pytest.mark.parametrize(
    ("rule", "found", "outcome"),
    [
        (rules.AtLeast(0.95), at(0.95), "met"),
        (rules.AtLeast(0.95), at(0.94), "missed"),
        (rules.Above(0), at(0, 0, 0), "missed"),  # equal on every query: no better
        (rules.Above(0), at(0.01, 0, 0.02), "undecided"),
        (rules.Above(0), at(-0.01, -0.02, 0), "missed"),
        (rules.Near(1000, 0.05), at(1050), "met"),
        (rules.Near(1000, 0.05), at(949), "missed"),
        (rules.Near(36, 0), at(36), "met"),
        (rules.Near(36, 0), at(36.001), "missed"),
        (rules.Near(-2, 0.5), at(-3), "met"),
        (rules.Between(5, 10), at(10), "met"),
        (rules.Between(5, 10), at(4.9, 4, 6), "missed"),
        (rules.Compatible(0.978), at(0.9, 0.8, 0.98), "met"),
        (rules.Compatible(0.978), at(1.0, 0.979, 1.02), "missed"),
        (rules.NoSignificantLoss(), at(-0.01, -0.03, 0.01), "met"),
        (rules.NoSignificantLoss(), at(-0.02, -0.03, -0.01), "missed"),
        (rules.NoSignificantLoss(), at(0, 0, 0), "met"),
    ],
)
def test_rules(rule, found, outcome):
    assert rule.judge(found) == outcome
    assert math.isfinite(rule.target)


def test_measurements():
    assert at(np.float32(0.5)).ends == (0.5, 0.5), "a number without an interval is its own"
    assert isinstance(at(np.float32(0.5)).value, float)
    for value in (math.nan, "0.5", True):
        refused(ValueError, "value of a measurement must be a finite number", at, value)
    refused(ValueError, "low of a measurement must be a finite number", at, 1, math.inf, math.inf)
    refused(ValueError, "both ends of a measurement's interval or none", at, 1, 0.5)
    refused(ValueError, "low must not be above high", at, 1, 2, 1)
    refused(ValueError, "where is empty", Measurement, 1, " ")


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ([], "not testable offline"),
        (["met", "met"], "holds"),
        (["missed", "undecided"], "not here"),
        (["met", "undecided"], "holds partly"),
    ],
)
def test_verdicts(outcomes, verdict):
    assert claims.verdict_of(outcomes) == verdict
    refused(ValueError, "'yes'", claims.verdict_of, [*outcomes, "yes"])


@pytest.fixture
def claim():
    conditions = (Condition("kept", rules.AtLeast(0.95)), Condition("bytes", rules.Near(36, 0)))
    return Claim("a", "It keeps all.", "all", "a paper", "https://example.org", conditions, remark="why")


def test_check_says_what_was_found(claim):
    checked = claims.check_claim(claim, {"kept": at(0.96, 0.9, 1.0), "bytes": at(36), "other": at(1)})
    assert [finding.outcome for finding in checked.findings] == ["undecided", "met"]
    assert checked.verdict == "holds partly"
    assert checked.reason == "1 of 2 conditions met; why"
    assert str(checked.findings[0]) == "kept: 0.96 (0.9 to 1), undecided"
    table = claims.verdict_table([checked])
    assert table.loc["a", "verdict"] == "holds partly"
    assert table.loc["a", "where"] == "a test"
    report = claims.report([checked], width=60)
    assert all(len(line) <= 60 for line in report.splitlines())
    for words in ("A: holds partly", "published: all (a paper)", "- bytes: 36, met; a test"):
        assert words in report


def test_claims_and_checks_reject(claim):
    refused(KeyError, "'bytes', which was not measured", claims.check_claim, claim, {"kept": at(1)})
    wrong = {"kept": 0.96, "bytes": at(36)}
    refused(TypeError, "'kept' must be a Measurement", claims.check_claim, claim, wrong)
    for change in ({"conditions": ()}, {"needs": "a cluster"}):
        refused(ValueError, "either conditions or what it needs", replace, claim, **change)
    refused(ValueError, "statement of a claim is empty", replace, claim, statement="")
    refused(ValueError, "source of a claim is empty", replace, claim, source=" ")
    refused(ValueError, "two conditions on one measurement", replace, claim, conditions=claim.conditions * 2)


def test_what_cannot_be_measured_says_what_it_needs():
    checked = claims.check_claim(Claim("b", "Fast.", "45 times", "a paper", needs="a cluster"), {})
    assert (checked.verdict, checked.reason) == ("not testable offline", "needs a cluster")
    assert claims.verdict_table([checked]).loc["b", "measured"] == "nothing"


def test_no_claim_is_decided_by_its_list():
    """There are measurements that make it hold, and others that leave no part of it standing."""
    assert len({claim.key for claim in EVERY}) == len(EVERY) >= 25
    for claim in EVERY:
        assert claim.url.startswith("https://") or claim.source.startswith("often stated")
        above = {c.what: c.rule.target + 1e-6 * isinstance(c.rule, rules.Above) for c in claim.conditions}
        wrong = {c.what: at(1e9 if isinstance(c.rule, rules.AtMost) else -1e9) for c in claim.conditions}
        if claim.conditions:
            right = {what: at(value) for what, value in above.items()}
            assert claims.check_claim(claim, right).verdict == "holds", claim.key
            assert claims.check_claim(claim, wrong).verdict == "not here", claim.key


def row(values, quality=None):
    per_query = {f"q{number}": value for number, value in enumerate(values)}
    return SimpleNamespace(
        per_query=per_query, quality=float(np.mean(values)) if quality is None else quality, name="x"
    )


def test_gain_and_kept():
    rng = np.random.default_rng(0)
    one, other = rng.random(30), rng.random(30)
    gained, share = (f(row(one), row(other), "here") for f in (claims_measure.gain, claims_measure.kept))
    assert np.isclose(gained.value, one.mean() - other.mean())
    assert np.isclose(share.value, one.mean() / other.mean())
    assert gained.ends[0] < gained.value < gained.ends[1]
    assert share.ends[0] < share.value < share.ends[1]
    assert claims_measure.kept(row(one), row(one), "here").ends == (1.0, 1.0)


def test_mean_gain_is_a_bootstrap():
    rng = np.random.default_rng(1)
    first, second = rng.random(25), rng.random(25)
    found = claims_measure.mean_gain(first, second, "here", resamples=500, seed=3)
    drawn = np.random.default_rng(3).integers(0, 25, (500, 25))
    means = [sum(first[i] - second[i] for i in sample) / 25 for sample in drawn]
    assert np.isclose(found.value, sum(first - second) / 25)
    assert np.allclose(found.ends, np.percentile(means, [2.5, 97.5]))

    for pair in (([1.0], [2.0]), ([1, 2], [1, 2, 3]), ([[1, 2]], [[1, 2]]), ([1, math.nan], [1, 2])):
        refused(ValueError, "first and second must be", claims_measure.mean_gain, *pair, "here")


def test_fewer_dimensions_are_the_encoder_with_fewer():
    texts = ["a hut at 2400 metres, open until October", "the ferry does not sail on Sundays"]
    cut = claims_measure.fewer_dimensions(load_late().encode_documents(texts), 64)
    assert np.allclose(cut.vectors, load_late(dim=64).encode_documents(texts).vectors, atol=1e-5)

    three = MultiVectors.from_list([np.eye(3, dtype=np.float32)])
    for dim in (0, 4, 2.0, True, "2"):
        refused(ValueError, "dim must be a whole number from 1 to 3", claims_measure.fewer_dimensions, three, dim)
    refused(ValueError, "vector 2 is zero in its first 2", claims_measure.fewer_dimensions, three, 2)


def test_pair_gain_turns_round():
    pair = {"first": "a", "second": "b", "difference": 0.1, "low": 0.05, "high": 0.2}
    report = {"sets": {"s": {"pairs": [pair]}}}
    assert claims_measure.pair_gain(report, "s", "a", "b").ends == (0.05, 0.2)
    turned = claims_measure.pair_gain(report, "s", "b", "a")
    assert (turned.value, *turned.ends) == (-0.1, -0.2, -0.05)
    refused(KeyError, "were not compared", claims_measure.pair_gain, report, "s", "a", "c")


@pytest.fixture(scope="module")
def few():
    bed = load_testbed("handbook", "dev")
    queries = bed.dataset.queries[:6]
    judged = {query.id: bed.dataset.qrels[query.id] for query in queries}
    return replace(bed, questions=bed.questions[:6], dataset=replace(bed.dataset, queries=queries, qrels=judged))


def test_masked_queries_begin_as_the_plain_ones(few):
    masked = claims_measure.masked_queries(few, 40)
    for plain, filled in zip(few.questions, masked, strict=True):
        assert (plain.id, plain.text) == (filled.id, filled.text)
        assert len(filled.vectors) == 40
        assert np.allclose(filled.vectors[: len(plain.vectors)], plain.vectors, atol=1e-4)  # words do not see masks
    refused(ValueError, "has .* tokens: take length", claims_measure.masked_queries, few, 4)


def test_the_same_queries_gain_nothing(few):
    assert claims_measure.query_augmentation(few, few.questions).ends == (0.0, 0.0)
    backwards = [question._replace(vectors=-question.vectors) for question in few.questions]
    assert claims_measure.query_augmentation(few, backwards).value < 0


def test_the_stored_measurements_belong_to_the_weights():
    stored = json.loads(claims_measure.measurements_file().read_text(encoding="utf-8"))
    assert stored["weights"] == weights()
    found = claims_measure.load_measurements()
    needed = {condition.what for claim in EVERY for condition in claim.conditions}
    assert found
    assert set(found) <= needed


def test_stored_measurements_are_checked(tmp_path, monkeypatch):
    path = tmp_path / "claims.json"
    monkeypatch.setattr(claims_measure, "measurements_file", lambda: path)
    refused(FileNotFoundError, "python -m workbook claims", claims_measure.load_measurements)
    real = json.loads((claims_measure.data_folder() / "measurements" / "claims.json").read_text(encoding="utf-8"))
    path.write_text(json.dumps(real | {"weights": {"late-128/projection.safetensors": "0"}}), encoding="utf-8")
    refused(ValueError, "other weights", claims_measure.load_measurements)
    for damaged in ("{", "[]", '{"measurements": {"a": {"value": "x", "where": "y"}}}', '{"measurements": {"a": 1}}'):
        path.write_text(damaged, encoding="utf-8")
        refused(ValueError, "is damaged", claims_measure.load_measurements)


def test_the_command_writes_what_is_loaded(tmp_path, monkeypatch, capsys):
    out = tmp_path / "new" / "claims.json"
    monkeypatch.setattr(claims_measure, "measure_slow", lambda: {"x": at(0.123456, 0.1, 0.2)})
    assert claims_measure.main("claims", ["--out", str(out)]) == 0
    assert "x: +0.123 (+0.100 to +0.200)" in capsys.readouterr().out
    monkeypatch.setattr(claims_measure, "measurements_file", lambda: out)
    assert claims_measure.load_measurements() == {"x": Measurement(0.1235, "a test", 0.1, 0.2)}
