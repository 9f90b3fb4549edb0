"""MathJax beside the pages that need it: formulas are typeset in the reader's browser, without a connection."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

SCRIPT = "tex-chtml.js"  # reads TeX, writes HTML
_FILES = (SCRIPT, "output/chtml/fonts/woff-v2")  # the script asks for its fonts beside itself


def copy_mathjax(folder: Path) -> None:
    """Copy what a page needs of MathJax 3 (Apache-2.0), out of the package `sphinx-mathjax-offline`.

    Args:
        folder: where to; what an earlier copy left there is replaced. About 1.6 MB; the package carries 24 MB of other
            forms and languages.

    Raises:
        ModuleNotFoundError: the package is not installed.
    """
    package = importlib.util.find_spec("sphinx-mathjax-offline")  # no import: a name with hyphens
    if package is None or package.origin is None:
        raise ModuleNotFoundError(
            "MathJax, which typesets the formulas, is not installed: pip install -c constraints.txt -e '.[site]'"
        )
    files = Path(package.origin).parent / "static" / "mathjax"
    for name in _FILES:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (files / name).is_dir():
            shutil.copytree(files / name, target, dirs_exist_ok=True)
        else:
            shutil.copy(files / name, target)
