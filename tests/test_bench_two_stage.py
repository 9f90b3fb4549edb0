"""The benchmark of two stages: its data are what it says, and its contenders answer alike."""

import numpy as np
import pytest

from lateint_ref.quantize import unpack
from workbook import bench, bench_two_stage


@pytest.fixture(scope="module")
def data():
    return bench_two_stage.synthetic(n_docs=450, n_vectors=40, n_queries=6)


def test_pages_lean_towards_directions_of_their_own(data):
    assert (len(data.pages), data.pages.dim, len(data.queries)) == (450, 128, 6)
    assert set(data.pages.lengths) == {40}
    for position in (0, 199, 200, 449):
        signs = 2 * unpack(data.pages[position]).astype(np.float64) - 1
        mean = signs.mean(axis=0)
        np.testing.assert_allclose(data.averages[position], mean / np.linalg.norm(mean), atol=1e-5)
        assert np.abs(mean).mean() == pytest.approx(0.5, abs=0.05)


def test_two_stages_find_what_the_scan_finds(data):
    for number in range(len(data.queries)):
        found = {name: list(search()) for name, search in bench_two_stage.contenders(data, number).items()}
        assert found[bench_two_stage.SCAN][0] == found["two stages, inverse Hamming"][0] == found["scan, asymmetric"][0]
        assert all(len(positions) == 10 for positions in found.values())


def test_the_table_says_what_was_read(data):
    seconds = bench.measure(bench_two_stage.contenders(data), rounds=1)
    table = bench_two_stage.table(seconds, data)
    assert table.loc[bench_two_stage.SCAN, "times as fast"] == 1
    assert table.loc[bench_two_stage.SCAN, "MB read"] == pytest.approx(450 * 40 * 16 / 1e6, abs=0.05)
    assert table.loc["two stages, asymmetric", "MB read"] == pytest.approx((450 * 512 + 100 * 640) / 1e6, abs=0.05)
    assert table.loc["two stages, asymmetric", "same first hit"] == "6 of 6"
