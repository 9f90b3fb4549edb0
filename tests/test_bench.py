"""The benchmarks: synthetic data are what they say, contenders answer alike, and tables hold what they promise."""

import numpy as np
import pytest

from lateint_ref.quantize import unpack
from workbook import bench


def test_pages_lean_towards_directions_of_their_own():
    data = bench.synthetic(n_docs=450, n_vectors=40, n_queries=6)
    assert (len(data.pages), data.pages.dim, len(data.queries)) == (450, 128, 6)
    assert set(data.pages.lengths) == {40}
    for position in (0, 199, 200, 449):
        signs = 2 * unpack(data.pages[position]).astype(np.float64) - 1
        mean = signs.mean(axis=0)
        np.testing.assert_allclose(data.averages[position], mean / np.linalg.norm(mean), atol=1e-5)
        assert np.abs(mean).mean() == pytest.approx(0.5, abs=0.05)


def test_two_stages_find_what_the_scan_finds_and_say_what_they_read():
    benchmarks = list(bench.two_stages(n_docs=450, n_vectors=40, n_queries=6))
    assert [benchmark.against for benchmark in benchmarks] == ["scan", "scan"]
    table = benchmarks[1].times(rounds=1)
    assert table.loc["scan", "times as fast"] == 1
    assert table.loc["scan", "MB read"] == pytest.approx(450 * 40 * 16 / 1e6, abs=0.05)
    assert table.loc["two stages", "MB read"] == pytest.approx((450 * 512 + 100 * 640) / 1e6, abs=0.05)
    assert table.loc["two stages", "same first hit"] == "6 of 6"
    assert all(len(call()) == 10 for benchmark in benchmarks for call in benchmark.calls.values())


@pytest.mark.parametrize(
    "make",
    [
        lambda: bench.equal_lengths(4, 10),
        lambda: bench.ragged(6),
        lambda: bench.forms(4, 10),
        lambda: bench.local_node(3, 5),
        lambda: bench.pooling(60),
    ],
    ids=["equal lengths", "ragged", "forms", "local node", "pooling"],
)
def test_contenders_do_the_same_work(make):
    """Each benchmark compares the answers itself before it times them."""
    for benchmark in make():
        table = benchmark.times(rounds=1)
        assert list(table.index) == list(benchmark.calls)
        assert table.loc[benchmark.against, "times as fast"] == 1
        assert (table["ms"] >= 0).all()
    if "memory" in benchmark.columns:
        assert list(benchmark.columns["memory"].values()) == ["1/1", "1/32", "1/32", "1/32", "1/4"]


def test_peak_memory_of_a_call():
    found = bench.peak_memory(lambda: np.ones(50_000_000, np.uint8).sum())
    assert np.isnan(found) or 20e6 < found < 200e6
