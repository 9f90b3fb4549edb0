"""Set before any test is imported and before nbval starts a kernel: bundled profile, no model hub, no windows."""

import os

os.environ["LATEINT_PROFILE"] = "bundled"

from workbook.notebooks import kernel_environment

# nbval's kernels inherit this: notebooks are compared under the environment that their outputs were saved in.
os.environ.update(kernel_environment())

import matplotlib

matplotlib.use("agg")  # for the tests' own process; the kernels draw inline
