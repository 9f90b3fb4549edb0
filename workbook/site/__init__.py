"""The workbook as a static site: the notebooks as they are saved, the solutions, the READMEs, an index of functions.

Sphinx with MyST-NB and the Furo theme do the work: navigation, search, dark mode. Nothing is executed, and nothing is
fetched, neither while it is built nor while it is read: the MathJax that typesets formulas lies in the site.
"""

from __future__ import annotations

import argparse
import ast
import re
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import nbformat

from workbook.notebooks import copy_mathjax, find_notebooks, readme_numbers, title_and_question

ROOT = Path(__file__).resolve().parent.parent.parent
_MARKER = ".made-by-workbook-site"
_ASSETS = Path(__file__).parent


def main(command: str, arguments: Sequence[str]) -> int:
    """`python -m workbook site`: build the site, a warning counting as a failure."""
    parser = argparse.ArgumentParser(prog=f"python -m workbook {command}", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/site"), help="folder of the site (build/site)")
    out = parser.parse_args(arguments).out
    try:
        status = build(ROOT, out)
    except FileExistsError as error:
        print(error, file=sys.stderr)
        return 2
    if status == 0:
        print(f"Open {out / 'index.html'}")
    return status


def build(root: Path, out: Path) -> int:
    """Put the site's sources together in a temporary folder and build them.

    Args:
        root: the checkout.
        out: folder of the site. What an earlier build left there is replaced; any other folder that holds something
            is refused and stays as it is.

    Returns:
        Exit status: 0 where every page was built without a warning.

    Raises:
        ModuleNotFoundError: Sphinx, MyST-NB, Furo or MathJax is not installed.
        FileNotFoundError: no notebooks.
        FileExistsError: `out` holds what no build of the site made.
    """
    try:
        from sphinx.cmd.build import main as sphinx_build
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "Sphinx, which builds the site, is not installed: pip install -c constraints.txt -e '.[site]'"
        ) from error
    if out.exists() and not (out / _MARKER).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(
            f"{out} holds something that no earlier build of the site made, and a build replaces the whole folder: "
            "name a new one, or empty it yourself."
        )
    with tempfile.TemporaryDirectory() as name:
        sources = Path(name)
        write_sources(root, sources)
        copy_mathjax(sources / "_static" / "mathjax")
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        (out / _MARKER).touch()
        options = ["-q", "-W", "--keep-going", "-b", "html", "-d", str(sources / ".doctrees")]
        return int(sphinx_build([*options, str(sources), str(out)]))


def write_sources(root: Path, sources: Path) -> None:
    """Copy what the site shows, laid out as in the checkout, so that links between files hold."""
    notebooks = find_notebooks(root / "notebooks")
    readmes = sorted(path.relative_to(root) for path in (root / "data").rglob("README.md"))
    pages = [Path("README.md"), Path("notebooks/solutions/README.md"), Path("notebooks/glossary.md"), *readmes]
    for page in [*pages, Path("LICENSE")]:
        (sources / page).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / page, sources / page)
    for path in notebooks:
        shutil.copy(path, sources / "notebooks" / path.name)
        solution = root / "notebooks" / "solutions" / f"{path.stem[:2]}.py"
        if solution.is_file():
            page = sources / "notebooks" / "solutions" / f"{solution.stem}.md"
            page.write_text(solution_page(path, solution), encoding="utf-8")
    (sources / "notebooks" / "functions.md").write_text(functions_page(notebooks), encoding="utf-8")
    (sources / "index.md").write_text(index_page(notebooks, readmes), encoding="utf-8")
    (sources / "_static").mkdir()
    for name, folder in (("conf.py", ""), ("site.css", "_static"), ("icon.svg", "_static")):
        shutil.copy(_ASSETS / name, sources / folder / name)


def index_page(notebooks: Sequence[Path], readmes: Sequence[Path]) -> str:
    """The first page: what this is, the notebooks with questions and reading times, and the trees of the sidebar."""
    rows, entries, numbers = [], [], readme_numbers(notebooks[0].parent.parent)
    for path in notebooks:
        notebook = nbformat.read(path, as_version=4)
        title, question = title_and_question(notebook, path.stem)
        minutes = numbers.get(path.stem[:2], ("", ""))[0]
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
        + "\n\nMinutes are an estimate, exercises apart; the README says how it was made.\n\n"
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
