"""HTML of the executed workbook: one page per notebook, and the index that leads to them."""

from __future__ import annotations

import copy
import html
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbook.run import Result

# JupyterLab's page without the scripts that it would load from elsewhere for widgets and diagrams, which no
# notebook here has, and with the MathJax that lies beside the page (version 3, whose settings have another form).
_TEMPLATE = """\
{% extends 'lab/index.html.j2' %}
{% block html_head_js_requirejs %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
"""
_OWN_MATHJAX = """\
{% block html_head_js_mathjax %}
<script>MathJax = {tex: {inlineMath: [["$", "$"], ["\\\\(", "\\\\)"]], processEscapes: true}};</script>
<script defer src="MATHJAX"></script>
{% endblock %}
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
td.number {{ text-align: right; }}
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


def notebook_page(notebook: Any, result: Result, mathjax: str | None = None) -> str:
    """Render an executed notebook as one HTML file with its images inside.

    Args:
        notebook: an nbformat 4 notebook; it is not changed.
        result: what became of it.
        mathjax: where the script of MathJax 3 lies, seen from the page; by default the page loads MathJax from
            the network, and without a connection a formula is read as its TeX source.

    Returns:
        The page. Links from notebook to notebook lead to the pages beside it.
    """
    from nbconvert import HTMLExporter

    page = copy.deepcopy(notebook)
    page.metadata.pop("widgets", None)
    for cell in page.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"(\]\([\w-]+)\.ipynb(#[^)\s]*)?\)", r"\1.html\2)", cell.source)
    template = _TEMPLATE if mathjax is None else _TEMPLATE + _OWN_MATHJAX.replace("MATHJAX", mathjax, 1)
    exporter = HTMLExporter(raw_template=template, embed_images=True)
    # It cleans what the highlighter has escaped already, and raw cells, which there are none of: a third of the time.
    exporter.register_filter("clean_html", lambda text: text)
    resources = {"metadata": {"name": result.title, "path": str(result.path.parent)}}
    rendered: str = exporter.from_notebook_node(page, resources=resources)[0]
    return rendered


def index_page(results: Sequence[Result], folder: Path, seconds: float) -> str:
    """Write the index: title and link, question, seconds and result of every notebook.

    Args:
        results: what became of the notebooks, in reading order.
        folder: where their pages are; a notebook without a page gets no link.
        seconds: wall-clock time of all together; less than their sum where several ran at a time.

    Returns:
        The page.
    """
    rows = []
    for result in results:
        title, name = html.escape(result.title), f"{result.path.stem}.html"
        linked = f'<a href="{name}">{title}</a>' if (folder / name).exists() else title
        error = f"<pre>{html.escape(result.error)}</pre>" if result.error is not None else ""
        rows.append(
            f'<tr><td>{linked}</td><td>{html.escape(result.question)}{error}</td><td class="number">'
            f'{result.seconds:.1f}</td><td class="{result.outcome}">{result.outcome}</td></tr>'
        )
    failed = sum(result.error is not None for result in results)
    summary = f"{len(results)} notebooks, {failed} failed, {seconds:.0f} seconds."
    return _INDEX.format(summary=summary, rows="\n".join(rows))
