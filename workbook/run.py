"""Execute the notebooks: into HTML (`run`), or in place with clean outputs (`execute_in_place`).

A notebook that fails does not keep the others from running.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from workbook.mathjax import SCRIPT, copy_mathjax
from workbook.notebooks import clean, end_kernels, execute
from workbook.workbook_html import index_page, notebook_page, title_and_question

# The longest first, as measured two at a time: a long one that starts late would run alone at the end.
_LONGEST_FIRST = ("13", "01", "11", "03", "06", "04", "08", "12", "00", "05", "10", "07", "02", "09")


@dataclass(frozen=True)
class Result:
    """What became of one notebook.

    Attributes:
        path: the notebook.
        title: its first heading.
        question: the first sentence below that heading.
        cells: number of code cells.
        seconds: wall-clock time of the execution, kernel start included.
        error: None where every cell ran, otherwise the last lines of the error.
    """

    path: Path
    title: str
    question: str
    cells: int
    seconds: float
    error: str | None

    @property
    def outcome(self) -> str:
        """`passed` or `FAILED`, as the table and the index print it."""
        return "passed" if self.error is None else "FAILED"


def find_notebooks(folder: str | Path | None = None, only: Sequence[str] = ()) -> list[Path]:
    """List the notebooks of a folder in reading order.

    Args:
        folder: where they are; by default `notebooks/` here, or else beside the package.
        only: beginnings of file names (`02`); empty for all notebooks.

    Returns:
        Paths, sorted by file name.

    Raises:
        FileNotFoundError: no notebook there, or none that `only` names.
    """
    if folder is None:
        beside_package = Path(__file__).resolve().parent.parent / "notebooks"
        folder = Path("notebooks") if Path("notebooks").is_dir() else beside_package
    paths = sorted(Path(folder).glob("*.ipynb"))
    if not paths:
        raise FileNotFoundError(f"no notebooks in {folder}: run this in a checkout of the workbook")
    for start in only:
        if not any(path.name.startswith(start) for path in paths):
            known = ", ".join(path.stem for path in paths)
            raise FileNotFoundError(f"no notebook's name starts with {start!r}; there are: {known}")
    return [path for path in paths if not only or path.name.startswith(tuple(only))]


def _read(path: Path) -> tuple[Any, Result]:
    """Read one notebook, with the result that it has before it was executed; None where it cannot be read."""
    import nbformat

    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:  # one broken file must not keep the others from running
        reason = f"not readable as a notebook: {error}".splitlines()[0]
        return None, Result(path, path.stem, "", 0, 0.0, reason)
    title, question = title_and_question(notebook, path.stem)
    cells = sum(cell.cell_type == "code" and bool(cell.source.strip()) for cell in notebook.cells)
    return notebook, Result(path, title, question, cells, 0.0, None)


def _executed(paths: Sequence[Path], jobs: int) -> Iterator[tuple[Any, Result]]:
    """Execute notebooks, `jobs` at a time, with one progress bar; yield each as it ends.

    A kernel loads modules and draws figures on one core. Two at a time keep two cores busy; each is then given its
    share of the cores, since kernels that all take every core wait for each other. One at a time, they run in the
    order of `paths`; otherwise the longest start first.
    """
    threads = None if jobs == 1 else max(1, (os.cpu_count() or 1) // jobs)
    read = [_read(path) for path in paths]
    cells = sum(result.cells for _, result in read)
    if jobs > 1:
        last = len(_LONGEST_FIRST)
        places = {start: place for place, start in enumerate(_LONGEST_FIRST)}
        read.sort(key=lambda found: places.get(found[1].path.name[:2], last))
    # Where nobody watches (a log file) the bar is off, and one plain line per notebook says the same.
    with tqdm(total=cells, unit="cell", disable=None, dynamic_ncols=True) as bar, ThreadPoolExecutor(jobs) as pool:

        def one(notebook: Any, result: Result) -> tuple[Any, Result]:
            if notebook is not None:
                start = time.perf_counter()
                error = execute(notebook, result.path.parent, on_cell=bar.update, threads=threads)
                result = replace(result, seconds=time.perf_counter() - start, error=error)
            bar.write(f"{result.path.stem}: {result.cells} cells, {result.seconds:.1f} s, {result.outcome}", sys.stdout)
            sys.stdout.flush()
            return notebook, result

        try:
            for future in as_completed([pool.submit(one, *found) for found in read]):
                yield future.result()
        except KeyboardInterrupt:  # which reaches this thread alone: the others would finish their notebooks first
            pool.shutdown(wait=False, cancel_futures=True)
            end_kernels()
            raise


def run(paths: Iterable[str | Path] | None = None, out: str | Path = "build", jobs: int = 1) -> list[Result]:
    """Execute notebooks into HTML pages with an index; the notebooks themselves stay as they are.

    Args:
        paths: notebooks; by default all of `notebooks/`.
        out: folder for the pages, made if need be.
        jobs: notebooks executed at a time, at least 1.

    Returns:
        One result per notebook, in order. A failed notebook has a page too: it ends at the error.
    """
    chosen = find_notebooks() if paths is None else [Path(path) for path in paths]
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    mathjax: str | None = f"mathjax/{SCRIPT}"
    try:
        copy_mathjax(folder / "mathjax")
    except ModuleNotFoundError as error:
        mathjax = None
        print(f"{error}. Until then the pages load it from the network.")
    start, results = time.perf_counter(), []
    for notebook, result in _executed(chosen, jobs):
        results.append(result)
        if notebook is not None:
            page = notebook_page(notebook, result, mathjax)
            (folder / f"{result.path.stem}.html").write_text(page, encoding="utf-8")
    seconds = time.perf_counter() - start
    results.sort(key=lambda result: chosen.index(result.path))
    (folder / "index.html").write_text(index_page(results, folder, seconds), encoding="utf-8")
    _print_report(results, seconds)
    print(f"Open {folder / 'index.html'}")
    return results


def execute_in_place(paths: Iterable[str | Path] | None = None) -> list[Result]:
    """Execute notebooks and save their outputs into the files, in a form that depends on the content alone.

    Args:
        paths: notebooks; by default all of `notebooks/`.

    Returns:
        One result per notebook, in order. A notebook that failed is not saved.
    """
    import nbformat

    chosen = find_notebooks() if paths is None else [Path(path) for path in paths]
    start, results = time.perf_counter(), []
    for notebook, result in _executed(chosen, jobs=1):
        results.append(result)
        if result.error is None:
            result.path.write_text(nbformat.writes(clean(notebook)) + "\n", encoding="utf-8")
    results.sort(key=lambda result: chosen.index(result.path))
    _print_report(results, time.perf_counter() - start)
    if any(result.error is not None for result in results):
        print("Notebooks that failed were not saved.")
    return results


def _print_report(results: Sequence[Result], seconds: float) -> None:
    """Print the errors, then the table that ends every run."""
    for result in results:
        if result.error is not None:
            print(f"\n{result.path.name} failed:\n{result.error}")
    width = max([len("notebook"), *(len(result.path.stem) for result in results)])
    print(f"\n{'notebook':<{width}}  cells  seconds  result")
    for result in results:
        print(f"{result.path.stem:<{width}}  {result.cells:>5}  {result.seconds:>7.1f}  {result.outcome}")
    failed = sum(result.error is not None for result in results)
    print(f"{len(results)} notebooks, {failed} failed, {seconds:.1f} s")


def main(command: str, arguments: Sequence[str]) -> int:
    """Carry out `python -m workbook run` and `python -m workbook notebooks`.

    Args:
        command: `run` or `notebooks`.
        arguments: what follows it on the command line.

    Returns:
        Exit status: 0 where every notebook ran, 1 where one failed, 2 where there was none to run, 130 where
        it was interrupted.
    """
    parser = argparse.ArgumentParser(prog=f"python -m workbook {command}")
    parser.add_argument("--only", nargs="+", default=[], metavar="NN", help="only notebooks whose names start so")
    if command == "run":
        parser.add_argument("--out", default="build", help="folder for the HTML pages (default: build)")
        parser.add_argument(
            "--jobs",
            type=int,
            default=min(2, os.cpu_count() or 1),
            help="notebooks executed at a time (default: %(default)s); 1 for times that nothing else disturbs",
        )
    options = parser.parse_args(arguments)
    if command == "run" and options.jobs < 1:
        parser.error(f"--jobs takes a number of at least 1, got {options.jobs}")
    try:
        paths = find_notebooks(only=options.only)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        results = run(paths, options.out, options.jobs) if command == "run" else execute_in_place(paths)
    except KeyboardInterrupt:
        print("Interrupted.")
        return 130
    return int(any(result.error is not None for result in results))
