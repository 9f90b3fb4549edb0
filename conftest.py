"""Set before any test is imported and before nbval starts a kernel: bundled profile, no model hub, no windows."""

import os
from pathlib import Path

os.environ["LATEINT_PROFILE"] = "bundled"

from workbook.notebooks import kernel_environment

# nbval's kernels inherit this: notebooks are compared under the environment that their outputs were saved in.
os.environ.update(kernel_environment())
if "LATEINT_PERTURB" in os.environ:  # see tests/portable.py
    os.environ["PYTHONSTARTUP"] = str(Path(__file__).parent / "tests" / "perturbed_startup.py")

import matplotlib

matplotlib.use("agg")  # for the tests' own process; the kernels draw inline


def pytest_addoption(parser):
    """`pytest -m elasticsearch --record`, with `ES_URL` set: see tests/elastic_record.py."""
    parser.addoption("--record", action="store_true", help="write what the cluster answers to data/measurements")
