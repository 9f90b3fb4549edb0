"""The workbook as a static site: the notebooks as they are saved, the solutions, the READMEs, an index of functions.

Sphinx with MyST-NB and the Furo theme do the work: navigation, search, dark mode. Nothing is executed, and nothing is
fetched, neither while it is built nor while it is read: the MathJax that typesets formulas lies in the site.
"""

from __future__ import annotations

import argparse
import ast
import re
import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import nbformat

from workbook.mathjax import SCRIPT, copy_mathjax
from workbook.reading_time import LINES_A_MINUTE, WORDS_A_MINUTE, rounded_minutes
from workbook.run import find_notebooks
from workbook.workbook_html import title_and_question

_CONF = """\
project = "Late interaction, step by step"
author = "The authors of the workbook"
copyright = "the authors; text and code under the Apache License 2.0"
extensions = ["myst_nb"]
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
nb_execution_mode = "off"
nb_merge_streams = True
html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/icon.svg"
html_theme_options = {"navigation_with_keys": True}
html_copy_source = False
html_show_sourcelink = False
exclude_patterns = []
suppress_warnings = ["mystnb.unknown_mime_type"]
"""

# Figures are drawn on white; in the dark theme they keep that ground, with a margin, instead of glaring edge to edge.
_CSS = """\
.cell_output img { background: #fff; padding: 0.5rem; border-radius: 0.25rem; max-width: 100%; height: auto; }
.cell_output { overflow-x: auto; }
.cell_output table { font-size: 0.85rem; white-space: nowrap; border-collapse: collapse; border: none; }
.cell_output th, .cell_output td { border: none; padding: 0.2rem 0.6rem; text-align: right; }
.cell_output tr { border-bottom: 1px solid var(--color-background-border); }
div.cell_output pre { white-space: pre; overflow-x: auto; }
div.cell_input pre, div.cell_output pre { font-size: 0.8rem; }
.table-wrapper { overflow-x: auto; }
"""

# Two query vectors meet a document's: the maximum of each row is filled.
_ICON = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#0072b2"/>
<g fill="#fff"><rect x="3" y="4" width="3" height="3" opacity=".4"/><rect x="7" y="4" width="3" height="3"/>
<rect x="11" y="4" width="3" height="3" opacity=".4"/><rect x="3" y="9" width="3" height="3"/>
<rect x="7" y="9" width="3" height="3" opacity=".4"/><rect x="11" y="9" width="3" height="3" opacity=".4"/></g></svg>
"""


def main(command: str, arguments: Sequence[str]) -> int:
    """`python -m workbook site`: build the site, a warning counting as a failure."""
    parser = argparse.ArgumentParser(prog=f"python -m workbook {command}", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/site"), help="folder of the site (build/site)")
    out = parser.parse_args(arguments).out
    status = build(Path(), out)
    if status == 0:
        print(f"Open {out / 'index.html'}")
    return status


def build(root: Path, out: Path) -> int:
    """Write the site's sources beside `out` and build them.

    Args:
        root: the checkout.
        out: folder of the site; what an earlier build left there is replaced.

    Returns:
        Exit status: 0 where every page was built without a warning.

    Raises:
        ModuleNotFoundError: Sphinx, MyST-NB, Furo or MathJax is not installed.
        FileNotFoundError: no notebooks.
    """
    try:
        from sphinx.cmd.build import main as sphinx_build
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "Sphinx, which builds the site, is not installed: pip install -c constraints.txt -e '.[site]'"
        ) from error
    sources = out.parent / f"{out.name}-source"
    for folder in (sources, out):
        shutil.rmtree(folder, ignore_errors=True)
    write_sources(root, sources)
    copy_mathjax(sources / "_static" / "mathjax")
    return int(sphinx_build(["-q", "-W", "--keep-going", "-b", "html", str(sources), str(out)]))


def write_sources(root: Path, sources: Path) -> None:
    """Copy what the site shows, laid out as in the checkout, so that links between files hold."""
    notebooks = find_notebooks(root / "notebooks")
    readmes = sorted(path.relative_to(root) for path in (root / "data").rglob("README.md"))
    pages = [Path("README.md"), Path("notebooks/solutions/README.md"), Path("notebooks/glossary.md"), *readmes]
    for page in pages:
        (sources / page).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / page, sources / page)
    shutil.copy(root / "LICENSE", sources / "LICENSE")
    for path in notebooks:
        shutil.copy(path, sources / "notebooks" / path.name)
        solution = root / "notebooks" / "solutions" / f"{path.stem[:2]}.py"
        if solution.is_file():
            page = sources / "notebooks" / "solutions" / f"{solution.stem}.md"
            page.write_text(solution_page(path, solution), encoding="utf-8")
    (sources / "notebooks" / "functions.md").write_text(functions_page(notebooks), encoding="utf-8")
    (sources / "index.md").write_text(index_page(notebooks, readmes), encoding="utf-8")
    (sources / "conf.py").write_text(f'{_CONF}mathjax_path = "mathjax/{SCRIPT}"\n', encoding="utf-8")
    (sources / "_static").mkdir()
    (sources / "_static" / "site.css").write_text(_CSS, encoding="utf-8")
    (sources / "_static" / "icon.svg").write_text(_ICON, encoding="utf-8")


def index_page(notebooks: Sequence[Path], readmes: Sequence[Path]) -> str:
    """The first page: what this is, the notebooks with questions and reading times, and the trees of the sidebar."""
    rows, entries = [], []
    for path in notebooks:
        notebook = nbformat.read(path, as_version=4)
        title, question = title_and_question(notebook, path.stem)
        minutes = rounded_minutes(notebook)
        rows.append(f"| {path.stem[:2]} | [{title}](notebooks/{path.name}) | {question} | {minutes} |")
        entries.append(f"{path.stem[:2]} {title} <notebooks/{path.stem}>")
    solutions = [f"notebooks/solutions/{path.stem[:2]}" for path in notebooks]
    trees = {
        "Notebooks": entries,
        "Reference": ["How to run it <README>", "notebooks/glossary", "notebooks/functions"],
        "Solutions": ["notebooks/solutions/README", *solutions],
        "Data": [path.with_suffix("").as_posix() for path in readmes],
    }
    told = "\n\n".join(
        "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```"])
        for caption, pages in trees.items()
    )
    return (
        "# Late interaction, step by step\n\n"
        "Retrieval with one vector a token or image patch: how it works, what it buys, and how to make it affordable. "
        "Begin with notebook 00 and go on in order, or look a technique up.\n\n"
        "| | notebook | the question it answers | minutes to read |\n| --- | --- | --- | --: |\n"
        + "\n".join(rows)
        + f"\n\nMinutes are an estimate: {WORDS_A_MINUTE} words and {LINES_A_MINUTE} lines of code a minute, half a "
        "minute for each figure and table, exercises apart.\n\n"
        "[Glossary](notebooks/glossary.md) · [Functions by notebook](notebooks/functions.md) · "
        "[How to run it](README.md)\n\n" + told + "\n"
    )


def solution_page(notebook: Path, solution: Path) -> str:
    """A notebook's solutions as a page of their own: one section an exercise."""
    title, _ = title_and_question(nbformat.read(notebook, as_version=4), notebook.stem)
    parts = re.split(r"^# %% +exercise-(\d+).*$", solution.read_text(encoding="utf-8"), flags=re.MULTILINE)
    sections = [
        f"## Exercise {notebook.stem[:2]}-{number}\n\n```python\n{code.strip()}\n```"
        for number, code in zip(parts[1::2], parts[2::2], strict=True)
    ]
    head = f"# Solutions {notebook.stem[:2]}: {title}\n\nThe exercises are in [the notebook](../{notebook.name})."
    return "\n\n".join([head, *sections]) + "\n"


def functions_by_notebook(notebooks: Sequence[Path]) -> dict[str, list[str]]:
    """Which notebooks use which public name of `lateint_ref`.

    Args:
        notebooks: paths, in reading order.

    Returns:
        Dotted name without the leading `lateint_ref.` to file names, both in order.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for path in notebooks:
        used: dict[str, None] = {}
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                used |= dict.fromkeys(_used(cell.source))
        for name in used:
            found[name].append(path.name)
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def functions_page(notebooks: Sequence[Path]) -> str:
    """The index of functions: one row a name, what it does, and the notebooks that use it."""
    rows = []
    for name, users in functions_by_notebook(notebooks).items():
        links = ", ".join(f"[{user[:2]}]({user})" for user in users)
        rows.append(f"| `{name}` | {_summary(name)} | {links} |")
    return (
        "# Functions by notebook\n\nWhat the notebooks import from `lateint_ref`, and where. The name without its "
        "module where the package itself exports it.\n\n| name | what it does | notebooks |\n| --- | --- | --- |\n"
        + "\n".join(rows)
        + "\n"
    )


def _used(source: str) -> list[str]:
    """Names that a cell imports from `lateint_ref`."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "lateint_ref":
            prefix = (node.module or "").removeprefix("lateint_ref").lstrip(".")
            names += [f"{prefix}.{alias.name}".lstrip(".") for alias in node.names]
    return names


def _summary(name: str) -> str:
    """First sentence of the docstring of what a name stands for."""
    import importlib

    value: object = importlib.import_module("lateint_ref")
    walked = "lateint_ref"
    for part in name.split("."):
        walked = f"{walked}.{part}"
        # A function before a module of the same name; a submodule that nothing has imported yet is no attribute.
        value = getattr(value, part) if hasattr(value, part) else importlib.import_module(walked)
    text = " ".join((value.__doc__ or "").strip().split("\n\n")[0].split())
    sentence = re.match(r".+?[.?](?=\s|$)", text)
    return (sentence.group(0) if sentence else text).rstrip(":").replace("|", "\\|")
