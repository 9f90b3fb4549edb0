"""What keeps the reference module a reference: what it imports, in which direction, how large a file may be."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import lateint_ref

PACKAGE = Path(lateint_ref.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
FLAT = sorted(PACKAGE.glob("*.py"))
NOT_HERE = {"workbook", "argparse", "IPython", "ipywidgets", "matplotlib", "nbclient", "nbconvert", "nbformat"}
# Two encoders whose weights are fitted by a command.
FITTED = {"lateint_ref.encoders.late", "lateint_ref.encoders.single"}
# In the order in which they are read; encoders and elastic come after all of them.
# fmt: off
ORDER = [
    "checks", "ragged", "multivectors", "kernels", "scores", "quantize", "bbq", "residual", "plaid", "pooling",
    "pruning", "muvera", "pages", "ranking", "cost", "datasets", "evaluation", "page_io", "ocr",
]
# fmt: on


def module(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {module(path) for path in FILES}


def imported(path, everywhere=True):
    """Modules that a file imports; with `everywhere`, also inside functions, but never for type checks alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inside = {f"{node.module}.{alias.name}" for alias in node.names} & NAMES
            found |= inside or {node.module}
        elif everywhere or not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            waiting += list(ast.iter_child_nodes(node))
    return found


@pytest.mark.parametrize("path", FILES, ids=module)
def test_imports_nothing_that_serves_notebooks(path):
    allowed = {"argparse"} if module(path) in FITTED else set()
    assert not {name.split(".")[0] for name in imported(path)} & NOT_HERE - allowed


def test_flat_modules_import_downwards_alone():
    assert {path.stem for path in FLAT} == {*ORDER, "__init__"}
    for path in FLAT:
        if path.stem == "__init__":
            continue
        mine = {name.split(".")[1] for name in imported(path) if name.startswith("lateint_ref.")}
        assert mine <= set(ORDER[: ORDER.index(path.stem)]), path.stem


def test_no_import_goes_in_a_circle():
    graph = {module(path): imported(path, everywhere=False) & NAMES - {module(path)} for path in FILES}
    assert len(list(TopologicalSorter(graph).static_order())) >= len(FILES)


def test_no_function_hides_a_module():
    assert not set(lateint_ref.__all__) & {path.stem for path in FLAT}
    assert all(hasattr(lateint_ref, name) for name in lateint_ref.__all__)


@pytest.mark.parametrize("path", FLAT, ids=module)
def test_a_file_is_read_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_importing_is_cheap():
    heavy = ["torch", "numba", "scipy", "sklearn", "pandas", "transformers", "PIL", "ir_measures", "elasticsearch"]
    heavy += ["sentence_transformers", "pylate", "matplotlib", "nbclient"]
    script = (
        "import sys, time, numpy; start = time.process_time(); import lateint_ref; "
        f"print(time.process_time() - start, [name for name in {heavy} if name in sys.modules])"
    )
    # The best of three: the processor may be busy with something else.
    runs = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True) for _ in range(3)
    ]
    seconds, loaded = min(run.stdout.strip().split(" ", 1) for run in runs)
    assert loaded == "[]"
    assert float(seconds) < 0.3
