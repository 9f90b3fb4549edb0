"""Execute the notebooks: into HTML (`run`), or in place with clean outputs (`notebooks`).

A notebook that fails does not keep the others from running.
"""

from __future__ import annotations

import argparse
import copy
import html
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from workbook._files import write_whole
from workbook.notebooks import (
    MATHJAX,
    clean,
    copy_mathjax,
    end_kernels,
    execute,
    find_notebooks,
    readme_numbers,
    title_and_question,
)

# JupyterLab's page without the scripts that it would load from elsewhere for widgets and diagrams, which no
# notebook here has, and with the MathJax that lies beside the page (version 3, whose settings have another form).
_TEMPLATE = """\
{% extends 'lab/index.html.j2' %}
{% block html_head_js_requirejs %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
"""
_OWN_MATHJAX = f"""\
{{% block html_head_js_mathjax %}}
<script>MathJax = {{tex: {{inlineMath: [["$", "$"], ["\\\\(", "\\\\)"]], processEscapes: true}}}};</script>
<script defer src="mathjax/{MATHJAX}"></script>
{{% endblock %}}
"""
_INDEX = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Late interaction, step by step</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 60rem; margin: 2rem auto; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: 0.4rem 0.8rem; border-bottom: 1px solid #ccc; vertical-align: top; }}
.FAILED {{ font-weight: bold; color: #a00; }}
pre {{ white-space: pre-wrap; margin: 0.3rem 0 0; font-size: 0.8rem; }}
</style>
</head>
<body>
<h1>Late interaction, step by step</h1>
<p>{summary}</p>
<table>
<thead><tr><th>notebook</th><th>question</th><th>seconds</th><th>result</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</body>
</html>
"""


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
    if jobs > 1:  # a long one that starts late would run alone at the end
        known = readme_numbers(paths[0].resolve().parent.parent)
        read.sort(key=lambda found: -known.get(found[1].path.name[:2], (0, 0))[1])
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
    template = _TEMPLATE + _OWN_MATHJAX
    try:
        copy_mathjax(folder / "mathjax")
    except ModuleNotFoundError as error:
        template = _TEMPLATE
        print(f"{error}. Until then the pages load it from the network.")
    start, results, rows = time.perf_counter(), [], {}
    for notebook, result in _executed(chosen, jobs):
        results.append(result)
        if notebook is not None:
            (folder / f"{result.path.stem}.html").write_text(_page(notebook, result, template), encoding="utf-8")
        rows[result.path] = _row(result, linked=notebook is not None)
    seconds = time.perf_counter() - start
    results.sort(key=lambda result: chosen.index(result.path))
    failed = sum(result.error is not None for result in results)
    summary = f"{len(results)} notebooks, {failed} failed, {seconds:.0f} seconds."
    listed = "\n".join(rows[result.path] for result in results)
    (folder / "index.html").write_text(_INDEX.format(summary=summary, rows=listed), encoding="utf-8")
    _print_report(results, seconds)
    print(f"Open {folder / 'index.html'}")
    return results


def _page(notebook: Any, result: Result, template: str) -> str:
    """One HTML file with its images inside; links from notebook to notebook lead to the pages beside it."""
    from nbconvert import HTMLExporter

    page = copy.deepcopy(notebook)
    page.metadata.pop("widgets", None)
    for cell in page.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"(\]\([\w-]+)\.ipynb(#[^)\s]*)?\)", r"\1.html\2)", cell.source)
    exporter = HTMLExporter(raw_template=template, embed_images=True)
    # It cleans what the highlighter has escaped already, and raw cells, which there are none of: a third of the time.
    exporter.register_filter("clean_html", lambda text: text)
    resources = {"metadata": {"name": result.title, "path": str(result.path.parent)}}
    rendered: str = exporter.from_notebook_node(page, resources=resources)[0]
    return rendered


def _row(result: Result, linked: bool) -> str:
    """A notebook's row of the index."""
    title = html.escape(result.title)
    title = f'<a href="{result.path.stem}.html">{title}</a>' if linked else title
    error = f"<pre>{html.escape(result.error)}</pre>" if result.error is not None else ""
    return (
        f"<tr><td>{title}</td><td>{html.escape(result.question)}{error}</td>"
        f'<td>{result.seconds:.1f}</td><td class="{result.outcome}">{result.outcome}</td></tr>'
    )


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
            write_whole(result.path, nbformat.writes(clean(notebook)) + "\n")
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
    parser.add_argument("--folder", help="where the notebooks are (default: those of this clone)")
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
        paths = find_notebooks(options.folder, options.only)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        results = run(paths, options.out, options.jobs) if command == "run" else execute_in_place(paths)
    except KeyboardInterrupt:
        print("Interrupted.")
        return 130
    return int(any(result.error is not None for result in results))
