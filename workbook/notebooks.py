"""The notebooks as files: where they are, how one is run in a fresh kernel, and cleaned so that it can be committed.

Execution is nbclient's, which `jupyter nbconvert --execute` runs as well. Called from here it reports progress cell by
cell, starts this interpreter whatever kernels are registered, and leaves the outputs of a notebook that fails.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

MATHJAX = "tex-chtml.js"  # reads TeX, writes HTML, and asks for its fonts beside itself
CELL_TIMEOUT_S = 600
ERROR_LINES = 8
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
_running: set[Any] = set()  # kernel managers
_WIDGET = "application/vnd.jupyter.widget-view+json"


def kernel_environment() -> dict[str, str]:
    """Environment variables under which notebooks are executed, saved and compared.

    Returns:
        The additions to `os.environ`: inline figures, no progress bars in outputs, and no model hub unless
        `LATEINT_PROFILE` is `hub`.
    """
    profile = os.environ.get("LATEINT_PROFILE", "bundled")
    environment = {
        "LATEINT_PROFILE": profile,
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONSTARTUP": str(Path(__file__).with_name("_kernel_startup.py")),  # no progress bars, see there
        "TQDM_DISABLE": "1",
        "TOKENIZERS_PARALLELISM": "false",  # otherwise tokenizers warns whenever a kernel forks
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # the debugger's warning about frozen modules
    }
    if profile != "hub":
        environment["HF_HUB_OFFLINE"] = "1"
    return environment


def execute(
    notebook: Any,
    folder: str | Path,
    on_cell: Callable[[], object] = lambda: None,
    timeout: int = CELL_TIMEOUT_S,
    threads: int | None = None,
) -> str | None:
    """Execute a notebook in a fresh kernel of this interpreter; its outputs are replaced.

    Args:
        notebook: an nbformat 4 notebook, changed in place.
        folder: the kernel's working directory.
        on_cell: called after every code cell.
        timeout: seconds allowed for one cell.
        threads: threads that one kernel may compute with, where the environment does not say; by default all cores.

    Returns:
        None, or the last lines of the error that ended the execution.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellControlSignal, DeadKernelError

    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    environment = {**os.environ, **kernel_environment()}
    for name in _THREADS if threads else ():
        environment.setdefault(name, str(threads))
    manager = _kernel_manager()
    client = NotebookClient(
        notebook,
        km=manager,
        timeout=timeout,
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],  # no word on unencrypted messages: they stay on this machine
        resources={"metadata": {"path": str(folder)}},
        on_cell_executed=lambda **_: on_cell(),
    )
    _running.add(manager)
    try:
        # cleanup_kc: a kernel manager that is handed in is otherwise left running, with all that it loaded.
        client.execute(env=environment, cleanup_kc=True)
    except (CellControlSignal, DeadKernelError) as error:
        lines = _ANSI.sub("", str(error)).strip().splitlines() or [type(error).__name__]
        return "\n".join(line for line in lines[-ERROR_LINES:] if line.strip())
    finally:
        _running.discard(manager)
    return None


def end_kernels() -> None:
    """End the kernels of every `execute` that another thread is in: each returns the error of a dead kernel."""
    for manager in list(_running):
        with contextlib.suppress(OSError, AttributeError):  # already gone, or not yet started
            os.kill(manager.provisioner.pid, signal.SIGKILL)


def _kernel_manager() -> Any:
    """Make a kernel manager that starts `sys.executable`: no kernel has to be registered on the machine."""
    from ipykernel.kernelspec import RESOURCES, get_kernel_dict
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

    class ThisInterpreter(KernelSpecManager):  # type: ignore[misc]
        def get_kernel_spec(self, kernel_name: str) -> Any:
            return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())

    return AsyncKernelManager(kernel_name="python3", kernel_spec_manager=ThisInterpreter())


def clean(notebook: Any) -> Any:
    """Remove from an executed notebook whatever two runs, or two machines, would write differently.

    Args:
        notebook: an nbformat 4 notebook, changed in place.

    Returns:
        The same notebook: fixed metadata, no timestamps or widget state, cell ids derived from the sources.
    """
    from nbformat import from_dict

    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"file_extension": ".py", "name": "python", "pygments_lexer": "ipython3"},
        }
    )
    used: set[str] = set()
    for cell in notebook.cells:
        cell.metadata = from_dict({key: cell.metadata[key] for key in ("tags",) if cell.metadata.get(key)})
        repeat = 0
        while not repeat or cell.id in used:  # the same text may stand in two cells
            repeat += 1
            cell.id = hashlib.sha256(f"{cell.cell_type}\n{cell.source}\n{repeat}".encode()).hexdigest()[:8]
        used.add(cell.id)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if _WIDGET not in output.get("data", {})]
    return notebook


def find_notebooks(folder: str | Path | None = None, only: Sequence[str] = ()) -> list[Path]:
    """List the notebooks of a folder in reading order.

    Args:
        folder: where they are; by default `notebooks/` beside the package, as in a clone. Never the current folder,
            which may belong to another project: these notebooks are executed, and rewritten.
        only: beginnings of file names (`02`); empty for all notebooks.

    Returns:
        Paths, sorted by file name.

    Raises:
        FileNotFoundError: no notebook there, or none that `only` names.
    """
    folder = Path(__file__).resolve().parent.parent / "notebooks" if folder is None else Path(folder)
    paths = sorted(folder.glob("*.ipynb"))
    if not paths:
        raise FileNotFoundError(f"no notebooks in {folder}: work in a clone of the project, or name their folder.")
    for start in only:
        if not any(path.name.startswith(start) for path in paths):
            known = ", ".join(path.stem for path in paths)
            raise FileNotFoundError(f"no notebook's name starts with {start!r}; there are: {known}")
    return [path for path in paths if not only or path.name.startswith(tuple(only))]


def title_and_question(notebook: Any, default: str) -> tuple[str, str]:
    """Read a notebook's title and the question it answers.

    Args:
        notebook: an nbformat 4 notebook.
        default: the title where the first cell has no `# ` heading.

    Returns:
        The first heading, and the first sentence of the first paragraph below it ("" where there is none).
    """
    first = notebook.cells[0].source if notebook.cells and notebook.cells[0].cell_type == "markdown" else ""
    heading = re.search(r"^# +(.+?) *$", first, flags=re.MULTILINE)
    below = first[heading.end() :] if heading else first
    paragraph = " ".join(re.split(r"\n\s*\n", below.strip())[0].split())
    sentence = re.match(r".+?[.?!](?=\s|$)", paragraph)
    return heading.group(1) if heading else default, sentence.group(0) if sentence else paragraph


def readme_numbers(root: Path) -> dict[str, tuple[int, int]]:
    """Number of a notebook to the minutes it takes to read and the seconds it takes to run, from the README's map."""
    path = root / "README.md"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    rows = re.findall(r"^\| (\d\d) \|.*\| (\d+) \| (\d+) \|$", text, re.MULTILINE)
    return {number: (int(minutes), int(seconds)) for number, minutes, seconds in rows}


def copy_mathjax(folder: Path) -> None:
    """Copy what a page needs to typeset formulas without a connection: MathJax 3 from `sphinx-mathjax-offline`.

    Args:
        folder: where to; what an earlier copy left there is replaced. About 1.6 MB of the 24 MB in the package, the
            rest of which are other forms and languages.

    Raises:
        ModuleNotFoundError: the package is not installed.
    """
    package = importlib.util.find_spec("sphinx-mathjax-offline")  # no import: a name with hyphens
    if package is None or package.origin is None:
        raise ModuleNotFoundError(
            "MathJax, which typesets the formulas, is not installed: pip install -c constraints.txt -e '.[site]'"
        )
    files = Path(package.origin).parent / "static" / "mathjax"
    fonts = Path("output") / "chtml" / "fonts" / "woff-v2"
    shutil.copytree(files / fonts, folder / fonts, dirs_exist_ok=True)
    shutil.copy(files / MATHJAX, folder / MATHJAX)
