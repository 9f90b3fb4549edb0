"""Kernel startup of the setting "perturbed" (tests/portable.py): every encoder differs in its last bits."""

import os
import runpy

import torch

from workbook import notebooks

runpy.run_path(notebooks.kernel_environment()["PYTHONSTARTUP"])


def _perturb(exact=torch.nn.functional.layer_norm, phase=float(os.environ["LATEINT_PERTURB"])):
    def layer_norm(*args, **kwargs):
        found = exact(*args, **kwargs)
        # A function of the value alone: equal texts keep equal vectors, as on any one processor.
        return found * (1 + 3e-7 * torch.sin(1e6 * found + phase)) if not found.requires_grad else found

    torch.nn.functional.layer_norm = layer_norm


_perturb()
del _perturb
