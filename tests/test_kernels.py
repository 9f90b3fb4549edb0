"""The compiled loops under threads, in forked processes and where nothing can be written."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lateint_ref
from helpers import in_threads, maxsim_by_loops, unit_vectors
from lateint_ref import MultiVectors, maxsim_scores

SCRIPT = """
import sys, threading
import numpy as np
from lateint_ref import MultiVectors, binarize, binarize_collection
from lateint_ref import maxsim_asymmetric_scores, maxsim_inv_hamming_scores, maxsim_scores

query = np.random.default_rng(0).standard_normal((5, 64))
documents = MultiVectors.from_list([np.random.default_rng(n).standard_normal((n, 64)) for n in range(1, 30)])
bits = binarize_collection(documents)

def scores():
    return [
        maxsim_scores(query, documents),
        maxsim_inv_hamming_scores(binarize(query), bits),
        maxsim_asymmetric_scores(query, bits),
    ]
"""


def run(script, **environment):
    return subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT + script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_threads_get_the_same_scores():
    query, documents = unit_vectors(5, 64), MultiVectors.from_list([unit_vectors(n, 64, n) for n in (1, 9, 40)])
    expected = [maxsim_by_loops(query, document) for document in documents]
    for scores in in_threads(lambda _: maxsim_scores(query, documents), 8):
        assert scores == pytest.approx(expected, rel=1e-5)


def test_threads_where_numba_has_its_own_threads_only():
    ran = run(
        "threads = [threading.Thread(target=lambda: [scores() for _ in range(20)]) for _ in range(4)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]; print('whole')",
        NUMBA_THREADING_LAYER="workqueue",
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, "whole"), ran.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_scores_after_its_parent_has():
    ran = run(
        "expected = maxsim_scores(query, documents)\n"
        "import multiprocessing\n"
        "with multiprocessing.get_context('fork').Pool(1) as pool:\n"
        "    found = pool.apply_async(maxsim_scores, (query, documents)).get(timeout=240)\n"
        "np.testing.assert_allclose(found, expected, rtol=1e-5)\n"
        "print('whole')"
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, "whole"), ran.stderr


def test_an_installation_that_cannot_be_written(tmp_path):
    """No folder beside the module or in the user's home takes the compiled code: it is compiled for this process."""
    package = tmp_path / "lateint_ref"
    shutil.copytree(Path(lateint_ref.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "__pycache__").write_text("a file, so that no folder of this name can be made")
    home = tmp_path / "no_home"
    home.write_text("likewise")
    ran = run(
        "import lateint_ref; print(lateint_ref.__file__); print(len(maxsim_scores(query, documents)))",
        PYTHONPATH=str(tmp_path),
        PYTHONDONTWRITEBYTECODE="1",
        HOME=str(home),
        XDG_CACHE_HOME=str(home),
        NUMBA_CACHE_DIR="",
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == [str(package / "__init__.py"), "29"]
