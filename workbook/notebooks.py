"""One notebook: execute it in a fresh kernel, and clean it so that it can be committed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
