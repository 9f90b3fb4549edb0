"""Where the training text comes from: documentation packages of Debian, WordNet, docstrings of Python packages.

Nothing is installed and nothing is committed: packages are fetched by `apt-get download` and unpacked side by
side. All are free software or free documentation; each package's `copyright` file says how.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbook.training_markup import Section, dictionary_sections, docstring_sections, markup_sections, pod_sections


@dataclass(frozen=True)
class Source:
    """A package with English text in it.

    Attributes:
        package: its name in Debian 12 (and, but for version numbers in names, in any other release).
        files: glob pattern under its root.
        reader: how the files are read: `markup`, `pod`, `dictd` or `wordnet`.
        share: of all pairs, the largest part that may come from it. Text about everyday matters may give more than
            programmers' manuals.
    """

    package: str
    files: str
    reader: str
    share: float


SOURCES = (
    Source("wordnet-base", "usr/share/wordnet/data.*", "wordnet", 0.18),
    Source("dict-gcide", "usr/share/dictd/gcide.dict.dz", "dictd", 0.16),
    Source("gnome-user-docs", "usr/share/help/C/**/*.page", "markup", 0.12),
    Source("gnucash-docs", "usr/share/doc/gnucash-docs/gnucash-*-en/*.html", "markup", 0.10),
    Source("kmymoney-common", "usr/share/doc/HTML/en/kmymoney/*.docbook", "markup", 0.06),
    Source("homebank-data", "usr/share/doc/homebank-data/help/*.html", "markup", 0.04),
    Source("evolution-common", "usr/share/help/C/**/*.page", "markup", 0.04),
    Source("tellico-doc", "usr/share/doc/HTML/en/tellico/*.docbook", "markup", 0.04),
    Source("dict-foldoc", "usr/share/dictd/foldoc.dict.dz", "dictd", 0.06),
    Source("dict-jargon", "usr/share/dictd/jargon.dict.dz", "dictd", 0.06),
    Source("debian-handbook", "usr/share/doc/debian-handbook/html/en-US/*.html", "markup", 0.08),
    Source("debian-edu-doc-en", "usr/share/doc/debian-edu-doc-en/*-bookworm-manual.html", "markup", 0.04),
    Source("debian-faq", "usr/share/doc/debian/FAQ/*.html", "markup", 0.03),
    Source("developers-reference", "usr/share/developers-reference/*.html", "markup", 0.03),
    Source("debian-reference-en", "usr/share/debian-reference/*.en.html", "markup", 0.03),
    Source("libreoffice-help-en-us", "usr/share/libreoffice/help/en-US/text/s[!b]*/**/*.html", "markup", 0.08),
    Source("gimp-help-en", "usr/share/gimp/2.0/help/en/*.html", "markup", 0.08),
    Source("gnumeric-doc", "usr/share/help/C/gnumeric/*.xml", "markup", 0.04),
    Source("python3.11-doc", "usr/share/doc/python3.11/html/*/*.html", "markup", 0.05),
    Source("perl-doc", "usr/share/perl/5*/pod/*.pod", "pod", 0.05),
    Source("postgresql-doc-15", "usr/share/doc/postgresql-doc-15/html/*.html", "markup", 0.05),
    Source("apache2-doc", "usr/share/doc/apache2-doc/manual/en/**/*.html", "markup", 0.04),
    Source("git-doc", "usr/share/doc/git-doc/**/*.html", "markup", 0.04),
    Source("octave-doc", "usr/share/doc/octave/octave.html/*.html", "markup", 0.03),
)
DOCSTRINGS_SHARE = 0.08
# The API documentation of these is an evaluation collection; the project's own docstrings are no training text either.
EXCLUDED_PYTHON = {"numpy", "scipy", "sklearn", "lateint_ref"}
PYTHON_PACKAGES = (
    "pandas", "matplotlib", "sympy", "networkx", "PIL", "IPython", "requests", "httpx", "bs4", "jinja2", "tornado",
    "nbformat", "huggingface_hub", "joblib", "seaborn", "click", "rich", "pydantic",
)  # fmt: skip


def fetch(sources: Sequence[Source], folder: Path) -> None:
    """Download the packages that are not in `folder` yet. `apt-get download` needs no root and installs nothing.

    Raises:
        FileNotFoundError: no apt here: the message says what to put where by hand.
        RuntimeError: apt could not fetch a package.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [source.package for source in sources if not list(folder.glob(f"{source.package}_*.deb"))]
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise FileNotFoundError(
            "the training text comes in Debian packages, and apt-get, which fetches them, is not here. Run this on "
            f"Debian or Ubuntu (a container will do), or put these packages' .deb files into {folder} by hand: "
            f"{', '.join(missing)}."
        )
    for package in missing:
        done = subprocess.run(["apt-get", "download", package], cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(
                f"apt-get download {package} failed: {(done.stderr or done.stdout).strip()[-300:]} Refresh the lists "
                "(apt-get update) or, where this release has no such package, edit SOURCES in training_sources.py."
            )


def unpack(sources: Sequence[Source], packages: Path, folder: Path) -> None:
    """Unpack each package into `folder/<package>`, whole or not at all.

    Raises:
        FileNotFoundError: no dpkg-deb here, or no package to unpack.
        subprocess.CalledProcessError: a damaged package.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for source in sources:
        target = folder / source.package
        if target.is_dir():
            continue
        found = sorted(packages.glob(f"{source.package}_*.deb"))
        if not found or shutil.which("dpkg-deb") is None:
            raise FileNotFoundError(f"cannot unpack {source.package}: no .deb in {packages}, or no dpkg-deb here.")
        partial = folder / f".{source.package}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        subprocess.run(["dpkg-deb", "-x", str(found[-1]), str(partial)], check=True, capture_output=True)
        partial.replace(target)


def read(source: Source, folder: Path) -> Iterator[Section]:
    """Sections of an unpacked package, in the order of its file names.

    Raises:
        FileNotFoundError: the package holds no file of that pattern.
    """
    files = sorted(path for path in (folder / source.package).glob(source.files) if path.is_file())
    if not files:
        raise FileNotFoundError(f"{source.package} holds no {source.files}: another release? Edit SOURCES.")
    for path in files:
        if source.reader == "wordnet":
            yield from wordnet_sections(path)
        elif source.reader == "dictd":
            yield from dictionary_sections(source.package, path)
        else:
            reader = markup_sections if source.reader == "markup" else pod_sections
            page = f"{source.package}/{path.name}"
            yield from reader(source.package, page, path.read_text(encoding="utf-8", errors="replace"))


def wordnet_sections(path: Path) -> Iterator[Section]:
    """Synonym sets of WordNet, as `heading: the synonyms; text: the gloss`; a page is a dozen neighbours in the file.

    Neighbours belong to one lexicographer's file, so they are often about like things.

    Args:
        path: one of the `data.*` files (format: WordNet's wndb(5WN)).
    """
    lines = [line for line in path.read_text(encoding="latin-1").splitlines() if line[:1].isdigit() and " | " in line]
    for number, line in enumerate(lines):
        head, gloss = line.split(" | ", 1)
        fields = head.split()
        count = int(fields[3], 16)
        words = [re.sub(r"\(\w+\)$", "", word).replace("_", " ") for word in fields[4 : 4 + 2 * count : 2]]
        yield Section("wordnet-base", f"{path.name}-{fields[1]}-{number // 12}", ", ".join(words), gloss.strip())


def python_sections() -> Iterator[Section]:
    """Docstrings of the standard library and of installed packages, without NumPy, SciPy and scikit-learn."""
    roots = [("python", Path(sysconfig.get_path("stdlib")))]
    for name in PYTHON_PACKAGES:
        spec = importlib.util.find_spec(name) if name not in EXCLUDED_PYTHON else None
        if spec is not None and spec.submodule_search_locations:
            roots.append((name, Path(next(iter(spec.submodule_search_locations)))))
    for name, root in roots:
        for path in sorted(root.rglob("*.py")):
            parts = set(path.relative_to(root).parts)
            if (
                parts & {"site-packages", "dist-packages", "tests", "test", "_vendor", "externals"}
                or parts & EXCLUDED_PYTHON
            ):
                continue
            page = f"{name}/{path.relative_to(root)}"
            yield from docstring_sections("docstrings", page, path.read_text(encoding="utf-8", errors="replace"))
