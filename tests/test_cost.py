"""Counted work, fitted speeds, predicted times; the planner, against numbers on paper and collections that exist."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import refused
from lateint_ref import MultiVectors, average_vectors, collection_bytes, plan
from lateint_ref.cost import Speed, Work, first_stage_bytes, fit, predict, scan, total

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


# The planner


def test_a_million_pages_of_bits_on_paper():
    found = plan(1_000_000, 1030, 128, "bit", query_vectors=20, replicas=0)
    assert found.disk_bytes == found.memory_bytes == found.bytes_read == 1_000_000 * 1030 * 16
    assert found.operations == 20 * 1_000_000 * 1030 * 128
    assert found.first_stage_bytes == 0
    assert found.shards == 1  # 16.5 GB
    assert found.seconds is found.cores is None


def test_floats_take_32_times_that_and_a_replica_doubles_it():
    bits, floats = (plan(10**6, 1030, 128, kind, replicas=1) for kind in ("bit", "float32"))
    assert floats.disk_bytes == 32 * bits.disk_bytes == 2 * 10**6 * 1030 * 512
    assert floats.shards == 11  # 527 GB of primaries, 50 GB each


def test_two_stages_on_paper():
    found = plan(1000, 100, 128, "float32", rescored=50, first_stage="bbq", compared=200, query_vectors=10, replicas=0)
    # 128 bits and 14 bytes, a graph of 16 neighbours at 4 bytes; on disk the floats as well.
    assert found.memory_bytes == 1000 * (16 + 14 + 64)
    assert found.first_stage_bytes == found.memory_bytes + 1000 * 512
    assert found.multivector_bytes == 1000 * 100 * 512
    assert found.operations == 200 * 128 + 10 * 50 * 100 * 128
    assert found.bytes_read == 200 * 30 + 50 * 100 * 512
    nested = plan(1000, 100, 128, rescored=50, first_stage_vectors=8, replicas=0)
    assert nested.operations == 8000 * 128 + 32 * 50 * 100 * 128


def test_document_limit_of_shards():
    assert plan(10**9, 1, 8, "bit", replicas=0).shards == 5
    assert plan(10**9, 1, 8, "bit", rescored=1, first_stage_vectors=4, replicas=0).shards == 25


def test_sizes_are_those_of_collections():
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 30, 40)
    documents = MultiVectors.from_list([rng.standard_normal((n, 16)).astype(np.float32) for n in lengths])
    for kind in ("float32", "float16", "int8", "bit", "residual-2bit"):
        assert plan(40, float(lengths.mean()), 16, kind, replicas=0).disk_bytes == collection_bytes(documents, kind)
    two = plan(40, float(lengths.mean()), 16, rescored=5, replicas=0)
    assert two.memory_bytes == average_vectors(documents).nbytes


def test_time_and_cores():
    speeds = {"maxsim": Speed(0.001, 1e-10, 0), "first stage": Speed(0, 0, 1e-9)}
    found = plan(10_000, 100, 128, rescored=100, queries_per_second=50, speeds=speeds)
    seconds = 0.001 + 1e-10 * 32 * 100 * 100 * 128 + 1e-9 * 10_000 * 512
    assert found.seconds == pytest.approx(seconds)
    assert found.cores == pytest.approx(50 * seconds)
    refused(KeyError, "no speed for 'first stage'", plan, 10, 10, 128, rescored=5, speeds={"maxsim": speeds["maxsim"]})


def test_printing_says_what_is_assumed():
    text = str(plan(10**6, 1030, 128, "bit", rescored=100, compared=2000))
    for words in ("1,000,000", "34.1 GB in 2 copies", "primary shards", "assumed:", "2,000 of its 1,000,000 vectors"):
        assert words in text
    assert "core-seconds" not in text
    assert "in 1 copy\n" in str(plan(10, 10, 128, replicas=0))
    assert "cores busy" in str(plan(10, 10, 128, speeds={"maxsim": Speed(0, 1e-9, 0)}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vectors_per_document": 0}, "vectors_per_document"),
        ({"vectors_per_document": float("nan")}, "vectors_per_document"),
        ({"dim": 12, "representation": "bit"}, "whole bytes"),
        ({"representation": "float8"}, "representation"),
        ({"queries_per_second": -1}, "queries_per_second"),
        ({"query_vectors": 0}, "n_query"),
        ({"rescored": 101}, "more than the 100 documents"),
        ({"rescored": 5, "compared": 101}, "more than the 100 vectors"),
        ({"rescored": 5, "first_stage": "int2"}, "first_stage must be one of"),
        ({"first_stage": "bbq"}, "give rescored"),
        ({"first_stage_vectors": -3}, "first_stage_vectors"),
        ({"compared": 5}, "give rescored"),
    ],
)
def test_bad_arguments(changes, words):
    refused(ValueError, words, plan, **{"documents": 100, "vectors_per_document": 10, "dim": 128} | changes)


def test_first_stage_bytes():
    assert [first_stage_bytes(128, kind) for kind in ("float32", "int8", "int4", "bbq")] == [512, 132, 68, 30]
