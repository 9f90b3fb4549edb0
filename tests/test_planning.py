"""The capacity planner, against numbers worked out on paper and against collections that exist."""

import numpy as np
import pytest

from helpers import refused
from lateint_ref import MultiVectors, average_vectors, collection_bytes
from lateint_ref.cost import Speed, first_stage_bytes
from lateint_ref.planning import plan


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
