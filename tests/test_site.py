"""The site's sources, the glossary, and the index of functions."""

import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import lateint_ref
from helpers import refused
from workbook import notebooks, site
from workbook.notebooks import find_notebooks

ROOT = Path(__file__).resolve().parent.parent
# Sphinx and MyST call each other by names that are on their way out; no code of ours can change that.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")


def test_glossary_is_sorted_and_its_notebooks_are_in_the_map():
    text = (ROOT / "notebooks" / "glossary.md").read_text(encoding="utf-8")
    terms = [term.strip("`") for term in re.findall(r"^\*\*(.+?)\.\*\*", text, flags=re.MULTILINE)]
    assert len(terms) > 35
    assert terms == sorted(terms, key=lambda term: re.sub(r"[^a-z0-9 ]", "", term.lower()))
    in_map = set(re.findall(r"\d\d_\w+\.ipynb", (ROOT / "README.md").read_text(encoding="utf-8")))
    entries = text.split("\n**")[1:]
    for entry in entries:
        linked = re.findall(r"\[(\d\d)\]\((\S+?)\)", entry)
        assert linked, entry
        assert all(name in in_map and name.startswith(number) for number, name in linked), entry


def test_functions_are_those_that_notebooks_import():
    found = site.functions_by_notebook(find_notebooks(ROOT / "notebooks"))
    assert "02_maxsim.ipynb" in found["maxsim_scores"]
    assert set(found["encoders.load_late"]) >= {"01_bi_cross_late.ipynb", "03_colbert.ipynb"}
    page = site.functions_page(find_notebooks(ROOT / "notebooks"))
    row = next(line for line in page.splitlines() if line.startswith("| `maxsim` "))
    assert "MaxSim of one query and one document" in row
    assert "[02](02_maxsim.ipynb)" in row
    assert lateint_ref.maxsim.__doc__.startswith("MaxSim of one query and one document")


@pytest.fixture
def checkout(tmp_path):
    """A tiny workbook: one notebook with a solution, the pages that every checkout has."""
    (tmp_path / "notebooks" / "solutions").mkdir(parents=True)
    cells = [
        new_markdown_cell("# Twice\n\nWhat is twice one? See [data](../data/toy/README.md) and $x^2$."),
        new_code_cell("from lateint_ref import maxsim\nfrom lateint_ref.encoders import load_late"),
    ]
    language = {"language_info": {"name": "python", "pygments_lexer": "ipython3"}}
    nbformat.write(new_notebook(cells=cells, metadata=language), tmp_path / "notebooks" / "00_twice.ipynb")
    (tmp_path / "notebooks" / "solutions" / "00.py").write_text("# %% exercise-1\nx = 2\n\n# %% exercise-2\ny = 4\n")
    (tmp_path / "data" / "toy").mkdir(parents=True)
    for name in ("README.md", "notebooks/glossary.md", "notebooks/solutions/README.md", "data/toy/README.md"):
        (tmp_path / name).write_text(f"# {name}\n")
    with (tmp_path / "README.md").open("a") as readme:
        readme.write("\n| # | notebook | question | read | run |\n| --- | --- | --- | --: | --: |\n")
        readme.write("| 00 | [`00_twice.ipynb`](notebooks/00_twice.ipynb) | What? | 45 | 30 |\n")
    (tmp_path / "LICENSE").write_text("A licence.")
    return tmp_path


def test_sources(checkout):
    site.write_sources(checkout, checkout / "sources")
    index = (checkout / "sources" / "index.md").read_text()
    assert "| 00 | [Twice](notebooks/00_twice.ipynb) | What is twice one? | 45 |" in index
    assert "notebooks/solutions/00" in index
    assert "data/toy/README" in index
    solutions = (checkout / "sources" / "notebooks" / "solutions" / "00.md").read_text()
    assert "## Exercise 00-1\n\n```python\nx = 2\n```" in solutions
    assert "y = 4" in solutions
    functions = (checkout / "sources" / "notebooks" / "functions.md").read_text()
    assert re.search(r"\| `encoders.load_late` \| The late encoder: .* \| \[00\]\(00_twice.ipynb\) \|", functions)


class Loaded(HTMLParser):
    """What a page makes the browser load: scripts, styles, images, fonts; a link to click on is none of them."""

    def __init__(self):
        super().__init__()
        self.addresses = []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.addresses += [attributes[name] for name in ("src", "srcset", "data", "poster") if name in attributes]
        if tag == "link":
            self.addresses.append(attributes["href"])


def elsewhere(folder):
    """Addresses on other hosts that the pages, styles and inline scripts of a site load."""
    found = []
    for path in folder.rglob("*.html"):
        page = Loaded()
        text = path.read_text(encoding="utf-8")
        page.feed(text)
        inline = re.findall(r"<script[^>]*>(.+?)</script>", text, flags=re.DOTALL)
        page.addresses += re.findall(r"""\b(?:import|from)\s*\(?\s*["'](.+?)["']""", "\n".join(inline))
        found += [address for address in page.addresses if re.match(r"(?:[a-z]+:)?//", address)]
    for path in folder.rglob("*.css"):
        loaded = re.findall(r"""(?:url\(|@import)\s*["']?([^"')\s]+)""", path.read_text(encoding="utf-8"))
        found += [address for address in loaded if re.match(r"(?:[a-z]+:)?//", address)]
    return found


@pytest.mark.slow
def test_build_replaces_its_own_site_and_loads_nothing_from_elsewhere(checkout):
    pytest.importorskip("furo")
    out = checkout / "out" / "site"
    out.mkdir(parents=True)  # an empty folder is as good as none
    assert site.build(checkout, out) == 0
    (out / "old.html").touch()
    assert site.build(checkout, out) == 0
    assert not (out / "old.html").exists()
    assert (out / "searchindex.js").is_file()
    assert elsewhere(out) == []
    page = (out / "notebooks" / "00_twice.html").read_text()
    assert "What is twice one?" in page
    assert "../data/toy/README.html" in page
    assert '<span class="math notranslate nohighlight">\\(x^2\\)</span>' in page
    (script,) = re.findall(r'src="([^"]*mathjax[^"]*)"', page)
    script = out / "notebooks" / script.partition("?")[0]
    # The script that is loaded, with the fonts where it looks for them: beside itself.
    assert "chtml" in script.read_text(encoding="utf-8")
    fonts = {path.name for path in (script.parent / "output" / "chtml" / "fonts" / "woff-v2").iterdir()}
    assert {"MathJax_Main-Regular.woff", "MathJax_Math-Italic.woff", "MathJax_Size2-Regular.woff"} <= fonts


def test_a_folder_that_is_no_site_is_refused_and_stays_whole(checkout, capsys):
    pytest.importorskip("furo")
    before = sorted(checkout.rglob("*"))
    refused(FileExistsError, "no earlier build of the site made", site.build, checkout, checkout)
    assert site.main("site", ["--out", str(checkout)]) == 2
    assert "name a new one" in capsys.readouterr().err
    assert site.main("site", ["--out", str(checkout / "README.md")]) == 2
    assert sorted(checkout.rglob("*")) == before


def test_without_mathjax_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"MathJax.*not installed: pip install .*\[site\]"):
        notebooks.copy_mathjax(tmp_path / "mathjax")
    assert not (tmp_path / "mathjax").exists()


def test_a_broken_link_fails_the_build(checkout):
    pytest.importorskip("furo")
    (checkout / "data" / "toy" / "README.md").write_text("# Toy\n\nSee [nothing](nowhere.md).\n")
    assert site.build(checkout, checkout / "out" / "site") != 0
