"""Manuals, dictionaries and docstrings cut into sections: a heading and the prose under it."""

from __future__ import annotations

import ast
import gzip
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6", "title", "dt", "term"}
_BLOCKS = {"p", "li", "dd", "para", "item", "listitem", "simpara", "blockquote", "div", "section", "sect1", "sect2"}
# What is no prose, or stands on every page. `header` and `aside` are left in: some manuals keep their text there.
_SKIPPED = {
    "head", "script", "style", "nav", "info", "pre", "screen", "programlisting", "code-block", "table", "tgroup",
    "form", "svg", "math", "mediaobject", "figure", "footer", "indexterm", "sect1info", "bookinfo", "desc", "button",
}  # fmt: skip
_SKIPPED_CLASSES = re.compile(
    r"(^|[\s-])(nav\w*|toc|sphinxsidebar|related|footer|footnotes?|breadcrumb|highlight\w*|headerlink|"
    r"docutils field-list|qandaset-toc|titlepage-toc|leftside|rightside|copyright)($|[\s-])"
)
_VOID = {"br", "hr", "img", "meta", "link", "input", "col", "area", "base", "wbr"}


@dataclass(frozen=True)
class Section:
    """A piece of a manual.

    Attributes:
        source: the package it comes from.
        page: file or entry: sections of one page are siblings.
        heading: its heading, or a dictionary's headword.
        text: the prose under it, paragraphs separated by newlines.
    """

    source: str
    page: str
    heading: str
    text: str


def squeeze(text: str) -> str:
    """`text` with every run of white space made one space, none at the ends."""
    return " ".join(text.split())


class _Sections(HTMLParser):
    """Collects (heading, paragraphs) from HTML, Mallard or DocBook, however badly nested."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, list[str]]] = [("", [])]
        self._text: list[str] = []
        self._skipping: list[str] = []
        self._heading: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID:
            self._text.append(" ")
            return
        if self._skipping:
            if tag == self._skipping[0]:
                self._skipping.append(tag)
            return
        classes = dict(attrs).get("class") or ""
        if tag in _SKIPPED or (tag != "body" and _SKIPPED_CLASSES.search(classes)):
            self._skipping = [tag]
        elif tag in _HEADINGS:
            self._flush()
            self._heading = tag
        elif tag in _BLOCKS:
            self._flush()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._text.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if self._skipping:
            if tag == self._skipping[0]:
                self._skipping.pop()
        elif tag == self._heading:
            heading = squeeze("".join(self._text))
            self._text, self._heading = [], None
            self.found.append((heading, []))
        elif tag in _BLOCKS:
            self._flush()

    def handle_data(self, data: str) -> None:
        if not self._skipping:
            self._text.append(data)

    def _flush(self) -> None:
        paragraph = squeeze("".join(self._text))
        self._text = []
        if paragraph and self._heading is None:
            self.found[-1][1].append(paragraph)

    def close(self) -> None:
        super().close()
        self._flush()


def markup_sections(source: str, page: str, text: str) -> Iterator[Section]:
    """Sections of an HTML, Mallard or DocBook file.

    Args:
        source: package.
        page: name of the file.
        text: its content.
    """
    text = re.sub(r"&(?!(?:amp|lt|gt|quot|apos|nbsp|#\w+);)([A-Za-z][\w.-]*);", _entity, text)
    parser = _Sections()
    parser.feed(text)
    parser.close()
    for heading, paragraphs in parser.found:
        if paragraphs:
            yield Section(source, page, _clean_heading(heading), "\n".join(paragraphs))


def _entity(match: re.Match[str]) -> str:
    """An HTML entity as it is; a DocBook file's own (`&kmymoney;`) as the name that it stands for."""
    return match[0] if html.unescape(match[0]) != match[0] else match[1]


def _clean_heading(heading: str) -> str:
    heading = re.sub(
        r"^(Chapter|Appendix|Section|Part)\s+\w+\.\s*|^[\dA-Z]+(\.\d+)*\.?\s+(?=[A-Z])|[¶#]+\s*$", "", heading
    )
    return heading.strip(" .:¶")


def pod_sections(source: str, page: str, text: str) -> Iterator[Section]:
    """Sections of a Perl manual (plain old documentation); indented code is left out."""
    for part in re.split(r"^=(?=head\d|item)", text, flags=re.MULTILINE)[1:]:
        first, _, body = part.partition("\n")
        kept = [
            squeeze(_pod_plain(block))
            for block in body.split("\n\n")
            if block.strip() and not block.strip("\n").startswith((" ", "\t", "="))
        ]
        if kept:
            yield Section(source, page, squeeze(_pod_plain(first.partition(" ")[2])), "\n".join(kept))


def _pod_plain(text: str) -> str:
    text = re.sub(r"X<<.*?>>|X<[^<>]*>|Z<>", "", text)
    for _ in range(3):  # codes nest
        text = re.sub(r"[IBCFSXE]<([^<>]*)>", r"\1", re.sub(r"L<(?:([^<>|]*)\|)?([^<>]*)>", r"\2", text))
    return text


def dictionary_sections(source: str, path: Path) -> Iterator[Section]:
    """Entries of a dictionary in dictd's format: headwords at the margin, definitions indented.

    Args:
        source: package.
        path: the `.dict.dz` file.
    """
    text = gzip.decompress(path.read_bytes()).decode("utf-8", errors="replace")
    for number, entry in enumerate(re.split(r"\n\n?(?=[^\s])", text)):
        first, _, body = entry.partition("\n")
        headword = squeeze(re.split(r"[\\,(\[]", first)[0])
        body = re.sub(r"\[[^\]]{0,60}\]|--[A-Z][\w. ()&]{1,25}\.?$", " ", body, flags=re.MULTILINE)
        body = re.sub(r"^\s*\([A-Z]?\d{4}[-\d]*\)|^ ?[nva]dj?v?\.$", " ", body, flags=re.MULTILINE)
        body = re.sub(r"[{}<>]|/[^/\s]{2,20}/", "", body)
        blocks = [re.sub(r"^\d+\.\s|^\([a-z]\)\s", "", squeeze(block)) for block in body.split("\n\n")]
        blocks = [block for block in blocks if block and not block.startswith(("Syn:", "Note:", "See "))]
        if headword and blocks:
            yield Section(source, f"{source}-{number // 8}", headword, "\n".join(blocks))


def docstring_sections(source: str, page: str, code: str) -> Iterator[Section]:
    """Docstrings of a Python file's modules, classes and functions, read from the syntax tree: nothing is imported.

    The heading is the summary line; the text is what follows, up to the first headline of a section.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            doc = ast.get_docstring(node) or ""
            summary, _, body = doc.partition("\n\n")
            body = re.split(
                r"^\s*(?:>>>|\.\.|[-=~]{4,}|"
                r"(?:Examples?|See Also|References|Args|Arguments|Parameters|Returns|Raises)\b)",
                body,
                flags=re.MULTILINE,
            )[0]
            body = re.sub(r"``?|:\w+:|\*\*", "", body)
            blocks = [squeeze(block) for block in body.split("\n\n") if not block.startswith("  ")]
            blocks = [block for block in blocks if block]
            if blocks and summary and "---" not in summary:
                yield Section(source, page, squeeze(summary.replace("``", "")), "\n".join(blocks))
