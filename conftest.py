"""For every run of pytest: the environment of the notebooks' outputs, and their solutions behind nbval's cells."""

import os
from collections import defaultdict
from pathlib import Path

# Set before any test is imported and before nbval starts a kernel: bundled profile, no model hub, no windows.
os.environ["LATEINT_PROFILE"] = "bundled"

from workbook.notebooks import kernel_environment

# nbval's kernels inherit this: notebooks are compared under the environment that their outputs were saved in.
os.environ.update(kernel_environment())
if "LATEINT_PERTURB" in os.environ:  # see tests/portable.py
    os.environ["PYTHONSTARTUP"] = str(Path(__file__).parent / "tests" / "perturbed_startup.py")

import matplotlib
import pytest
from nbformat.v4 import new_code_cell
from nbval.plugin import IPyNbCell, IPyNbFile

import notebook_rules as rules

matplotlib.use("agg")  # for the tests' own process; the kernels draw inline


class Notebook(IPyNbFile):
    """nbval's cells of a notebook and then, in the same kernel, the solutions of its exercises.

    After the last cell, not each at its exercise: no cell that is compared sees a name that a solution leaves.
    """

    def collect(self):
        yield from super().collect()
        solutions = rules.read_solutions(self.path.parent / "solutions" / f"{self.path.stem[:2]}.py")
        for number, cell in enumerate(rules.code_cells(self.nb)):
            for name in rules.CHECK.findall(cell.source):
                solved = new_code_cell(rules.solved(name, cell.source, solutions))
                name = f"Solution {name}"
                yield Solution.from_parent(self, name=name, cell_num=number, cell=solved, options=defaultdict(bool))


class Solution(IPyNbCell):
    """An exercise's solution and its check, which must pass."""

    def runtest(self):
        super().runtest()
        printed = "".join(output.get("text", "") for output in self.test_outputs)
        if f"{self.name.replace('Solution', 'Exercise')}: passed" not in printed:
            self.raise_cell_error(f"the solution does not pass its check: {printed}")

    def reportinfo(self):
        return self.path, 0, f"{self.path.name}::{self.name}"


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    found = yield
    return [Notebook.from_parent(parent, path=one.path) if isinstance(one, IPyNbFile) else one for one in found]


def pytest_addoption(parser):
    """`pytest -m elasticsearch --record`, with `ES_URL` set: see tests/elastic_record.py."""
    parser.addoption("--record", action="store_true", help="write what the cluster answers to data/measurements")
