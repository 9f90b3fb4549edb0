"""Counted work, fitted speeds, predicted times."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import refused
from lateint_ref.cost import Speed, Work, fit, predict, scan, total

rates = st.floats(1e-12, 1e-8)


def test_a_scan_counts_what_loops_would():
    operations = bytes_read = 0
    for _vector in range(50):
        bytes_read += 16 * 4
        for _query in range(3):
            for _dimension in range(16):
                operations += 1
    assert scan("maxsim", 3, 50, 16) == Work("maxsim", operations, bytes_read)
    assert scan("bits", 3, 50, 16, "bit") == Work("bits", operations, 50 * 2)
    assert scan("maxsim", 2.5, 50, 16).operations == 2000


@settings(deadline=None)
@given(st.floats(0, 1e-3), rates, rates)
def test_speeds_that_made_the_times_are_found_again(fixed, per_operation, per_byte):
    truth = Speed(fixed, per_operation, per_byte)
    works = [scan("maxsim", n_query, n, 128) for n_query in (1, 8, 32) for n in (1_000, 30_000, 200_000)]
    found = fit([(work, truth.seconds(work)) for work in works])["maxsim"]
    for work in [*works, scan("maxsim", 20, 77_777, 128), scan("maxsim", 4, 5, 128)]:
        assert found.seconds(work) == pytest.approx(truth.seconds(work), rel=1e-3)


def test_kinds_are_fitted_apart_and_stages_add_up():
    slow, fast = Speed(1e-4, 1e-9, 0.0), Speed(0.0, 1e-11, 0.0)
    samples = [(scan("slow", 4, n, 8), slow.seconds(scan("slow", 4, n, 8))) for n in (10, 1000, 100_000)]
    samples += [(scan("fast", 4, n, 8), fast.seconds(scan("fast", 4, n, 8))) for n in (10, 1000, 100_000)]
    speeds = fit(samples)
    stages = [scan("fast", 1, 5000, 8), scan("slow", 4, 300, 8)]
    assert predict(stages, speeds) == pytest.approx(fast.seconds(stages[0]) + slow.seconds(stages[1]), rel=1e-6)
    assert total(stages) == (5000 * 8 + 4 * 300 * 8, 5000 * 32 + 300 * 32)


@settings(deadline=None)
@given(st.lists(st.floats(1e-6, 1), min_size=3, max_size=3))
def test_no_speed_is_below_zero(seconds):
    works = [scan("maxsim", 4, n, 8) for n in (10, 20, 30)]
    speed = fit(list(zip(works, seconds, strict=True)))["maxsim"]
    assert min(speed.fixed, speed.per_operation, speed.per_byte) >= 0


def test_refusals():
    work, other = scan("maxsim", 4, 10, 8), scan("maxsim", 4, 20, 8)
    refused(ValueError, "samples is empty", fit, [])
    refused(ValueError, "'maxsim' has samples of one size only", fit, [(work, 1.0), (work, 1.1)])
    for seconds in (0.0, -1.0, float("nan"), "1"):
        refused(ValueError, "the time of 'maxsim' must be a number above 0", fit, [(work, 1.0), (other, seconds)])
    refused(KeyError, r"no speed for 'maxsim': .*\['dot'\]", predict, [work], {"dot": Speed(0, 1, 1)})
    refused(ValueError, "at least one stage", predict, [], {})
    refused(ValueError, "at least one stage", total, [])
    for counts in ((-1, 0), (0, float("nan")), ("1", 0)):
        refused(ValueError, "must be a finite number, 0 or more", Work, "maxsim", *counts)
    for n_query in (0, -1, float("inf"), "4"):
        refused(ValueError, "n_query must be a number above 0", scan, "maxsim", n_query, 10, 8)
    refused(ValueError, "representation must be one of", scan, "maxsim", 1, 10, 8, "float64")
