"""The API documentation of the installed NumPy, SciPy and scikit-learn as a collection to search.

The passages are read from docstrings at run time: text that nobody wrote for a retrieval test. Questions and
judgments lie in `data/apidocs/`. A second judged set comes from the docstrings themselves: what the "See Also" of
one function says about another.

Source: the docstrings follow the numpydoc style guide (https://numpydoc.readthedocs.io/en/latest/format.html).
"""

from __future__ import annotations

import importlib
import inspect
import itertools
import re
import sys
import warnings
from collections import Counter
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np

from lateint_ref.datasets import (
    Dataset,
    Passage,
    Qrels,
    Query,
    data_folder,
    metadata_of,
    read_jsonl,
    read_qrels,
    text_of,
)

# Public modules with a list of their public names. The rest (numpy.ma, numpy.random, scipy.linalg, scipy.special,
# sklearn.datasets, sklearn.utils ...) is left out so that two cores encode the whole in about half a minute.
MODULES = {
    "numpy": "linalg polynomial",
    "scipy": """cluster.hierarchy cluster.vq differentiate fft integrate interpolate io ndimage optimize signal sparse
        sparse.csgraph spatial spatial.distance spatial.transform stats""",
    "sklearn": """cluster compose covariance cross_decomposition decomposition discriminant_analysis ensemble
        feature_extraction feature_extraction.image feature_extraction.text feature_selection gaussian_process impute
        inspection isotonic linear_model manifold metrics mixture model_selection multiclass multioutput naive_bayes
        neighbors neural_network pipeline preprocessing random_projection semi_supervised svm tree""",
}
PACKAGES = {"numpy": "numpy", "scipy": "scipy", "sklearn": "scikit-learn"}
JUDGED_WITH = "numpy 2.4.6, scipy 1.17.1, scikit-learn 1.9.1"
MAX_WORDS = 120  # of the description, which ends with the last sentence that fits
MAX_WORDS_WITH_DETAILS = 90  # parameters and results follow as long as the passage stays below
MIN_WORDS = 12  # less is not documentation
EXPERIMENTAL = {"HalvingGridSearchCV", "HalvingRandomSearchCV", "IterativeImputer"}  # appear on a special import
# Parameters described alike everywhere, which say nothing about what a function does.
SHARED = re.compile(r"out|where|subok|like|copy|\*args|\*\*kwargs|check_finite|n_jobs|verbose|workers")
# Sentences that lead elsewhere or stand in dozens of docstrings alike.
BOILERPLATE = re.compile(
    r"For (more|further|a detailed|an example)|See |Refer to|.*sphx_glr|The documentation is written assuming array|"
    r"However, array argument\(s\)|In this case, the array is treated|Note that calls with zero-size batches"
)
# A "See Also" text with one of these words speaks of the page it stands on.
RELATIVE = re.compile(r"(?i)\b(this|same|similar(ly)?|alias|equivalent|inverse|opposite|counterpart|above|like|also)\b")
TEX = re.compile(r"\\(?:left|right|math\w\w|text|operatorname)?|[{}]")
KEPT_DIRECTIVES = {"note", "warning", "tip", "important", "caution"}


def load_apidocs(split: str = "dev") -> Dataset:
    """The documentation passages with the questions of `data/apidocs/`.

    Args:
        split: `"dev"` for choices, `"test"` for reporting. They share no answer.

    Raises:
        FileNotFoundError: no such data folder or split.
        ValueError: a broken file, or a judged name that the installed versions do not have.
        ModuleNotFoundError, RuntimeError: as `api_passages`.
    """
    folder = data_folder() / "apidocs"
    judgments = folder / "qrels" / f"{split}.tsv"
    if not judgments.is_file():
        known = sorted(path.stem for path in judgments.parent.glob("*.tsv"))
        raise FileNotFoundError(f"{judgments} does not exist. Splits of this collection: {', '.join(known) or 'none'}.")
    queries = [
        Query(text_of(record, "_id", where), text_of(record, "text", where), metadata_of(record, where))
        for where, record in read_jsonl(folder / "queries.jsonl")
    ]
    passages = api_passages()
    left_out: Counter[str] = Counter()
    qrels = read_qrels(judgments, {query.id for query in queries}, {passage.id for passage in passages}, left_out)
    if left_out:
        here = ", ".join(f"{package} {version(package)}" for package in PACKAGES.values())
        told = ", ".join(f"{count} {what}" for what, count in left_out.items())
        raise ValueError(f"{judgments}: {told}. The questions were judged with {JUDGED_WITH}; installed are {here}.")
    return Dataset("apidocs", split, passages, [query for query in queries if query.id in qrels], qrels)


def load_see_also() -> Dataset:
    """A judged set that nobody here wrote: `see_also_queries` over the documentation passages.

    Raises:
        ModuleNotFoundError, RuntimeError: as `api_passages`.
    """
    queries, qrels = see_also_queries()
    return Dataset("apidocs-see-also", "test", api_passages(), queries, qrels)


def api_passages() -> list[Passage]:
    """One passage for each public function and class: what it does, what goes in, what comes out.

    Returns:
        about 1,550 passages, sorted by id. Id and title are the shortest public name ("numpy.linalg.svd"); the text
        is prose of at most 120 words (90 where it reaches the parameters) without markup, examples and
        references; `metadata` holds `package` and `version`. Left out are what is deprecated or hardly
        documented, number types, exceptions, and the single probability distributions of `scipy.stats`; of
        functions documented in the same words the shortest name is kept.

    Raises:
        ModuleNotFoundError: one of the three packages is not installed.
        RuntimeError: Python runs with `-OO`, which drops docstrings.
    """
    return list(_read_all()[0])


def see_also_queries() -> tuple[list[Query], Qrels]:
    """What "See Also" sections say about other functions, as queries whose answer is that function's passage.

    An entry such as "stack : Join a sequence of arrays along a new axis." in the documentation of another function
    makes a query of its description, judged 2 for `numpy.stack`. Left out are entries for several names, of fewer
    than three words, those with the name they describe in them, and those that share more than 60 % of their words
    with the first sentence they point to (most are copies of it). One description used for several functions is
    one query with several answers.

    Returns:
        queries with `metadata` `type` "see-also" and `origin`, the id of the first passage that says so; qrels.

    Raises:
        ModuleNotFoundError, RuntimeError: as `api_passages`.
    """
    passages, see_also = _read_all()
    by_id = {passage.id: passage for passage in passages}
    answers: dict[str, dict[str, int]] = {}
    origins: dict[str, tuple[str, str]] = {}
    for origin, entries in see_also.items():
        for name, description in entries:
            target = _resolve(name, origin, by_id)
            words = _words(description)
            if target is None or target == origin or len(words) < 3 or RELATIVE.search(description):
                continue
            copied = words & _words(_sentences(by_id[target].text)[0])
            if len(copied) <= 0.6 * len(words) and target.rpartition(".")[2].lower() not in words:
                key = " ".join(re.findall(r"\w+", description.lower()))
                origins.setdefault(key, (origin, description))
                answers.setdefault(key, {})[target] = 2
    queries, qrels = [], {}
    for number, (key, (origin, description)) in enumerate(origins.items(), start=1):
        queries.append(Query(f"see-{number}", description, {"type": "see-also", "origin": origin}))
        qrels[f"see-{number}"] = answers[key]
    return queries, qrels


@cache
def _read_all() -> tuple[tuple[Passage, ...], dict[str, list[tuple[str, str]]]]:
    """Passages, and for each passage id the `(name, description)` entries of its "See Also"."""
    if sys.flags.optimize > 1:
        raise RuntimeError("Python was started with -OO, which drops docstrings: run it without to read them.")
    passages: list[Passage] = []
    see_also: dict[str, list[tuple[str, str]]] = {}
    seen: set[str] = set()
    for name, value in _public_objects():
        sections = _sections(inspect.cleandoc(value.__doc__ or ""))
        text = _prose(sections, isinstance(value, type))
        same = re.sub("array|matrix|matrices", "", text.replace(name.rpartition(".")[2], ""))
        old = ".. deprecated::" in sections[""] or "is an alias of" in text
        if len(text.split()) < MIN_WORDS or same in seen or old:
            continue
        seen.add(same)
        package = PACKAGES[name.partition(".")[0]]
        passages.append(Passage(name, name, text, {"package": package, "version": version(package)}))
        see_also[name] = _entries(sections.get("See Also", ""), inline=True)
    passages.sort(key=lambda passage: (list(PACKAGES).index(passage.id.partition(".")[0]), passage.id))
    return tuple(passages), see_also


def _public_objects() -> list[tuple[str, Any]]:
    """Each function and class once, under its shortest name; of equally short ones, the first in the alphabet."""

    def length(name: str) -> tuple[int, int, str]:
        return name.count("."), len(name), name

    found: dict[int, tuple[str, Any]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names on their way out warn when they are touched
        modules = [f"{package}.{name}" for package, names in MODULES.items() for name in names.split()]
        for module_name in ["numpy", *modules]:
            module = importlib.import_module(module_name)
            for attribute in set(module.__all__) - EXPERIMENTAL:
                value = getattr(module, attribute, None)
                if not attribute.startswith("_") and _is_function_or_class(value):
                    name = f"{module_name}.{attribute}"
                    known = found[id(value)][0] if id(value) in found else name
                    found[id(value)] = (min(known, name, key=length), value)
    # The shortest first, so that of two documented in the same words the shorter name is kept.
    return sorted(found.values(), key=lambda item: length(item[0]))


def _is_function_or_class(value: Any) -> bool:
    if isinstance(value, type):
        return not issubclass(value, (np.generic, BaseException))
    return callable(value) and not hasattr(value, "rvs")  # what draws random variates is a distribution


def _sections(docstring: str) -> dict[str, str]:
    """Split at underlined headings. What stands before the first has the key "", without the signature."""
    lines = [line.rstrip() for line in docstring.splitlines()]
    rules = [i for i, line in enumerate(lines) if i and re.fullmatch("[-=]{3,}", line)]
    starts = [i - 1 for i in rules if re.fullmatch(r"[A-Z][A-Za-z ]+", lines[i - 1])]
    description = "\n".join(lines[: starts[0] if starts else None]).strip()
    while signature := re.match(r"[\w.]+\([^\n]*(\n[^\n]+)*\n\n", description):
        if signature.group().rstrip()[-1] in ".,":
            break
        description = description[signature.end() :].strip()
    sections = {"": description}
    for start, end in itertools.pairwise([*starts, len(lines)]):
        sections.setdefault(lines[start], "\n".join(lines[start + 2 : end]).strip("\n"))
    return sections


def _prose(sections: dict[str, str], is_class: bool) -> str:
    """Description, then one sentence on each parameter and returned value, as far as the limits on words let them."""
    description = _sentences(sections[""])
    details = [
        f"{name}: {meaning}"
        for name, meaning in _entries(sections.get("Parameters", ""))
        if meaning and not SHARED.fullmatch(name)
    ]
    returned = [meaning for _, meaning in _entries(sections.get("Returns", "")) if meaning and not is_class]
    details += [f"Returns: {' '.join(returned)}"] if returned else []
    ends = itertools.accumulate(len(sentence.split()) for sentence in description + details)
    limits = [MAX_WORDS] * len(description) + [MAX_WORDS_WITH_DETAILS] * len(details)
    fitting = sum(end <= limit for end, limit in zip(ends, limits, strict=True))
    return " ".join((description + details)[: max(1, fitting)])


def _entries(section: str, inline: bool = False) -> list[tuple[str, str]]:
    """The `(name, first sentence)` entries of a section; `inline`: the text may stand on the line of the name."""
    entries = []
    for block in re.split(r"\n(?=\S)", section):
        head, _, body = block.partition("\n")
        name, _, rest = head.partition(":") if inline and not head.startswith(":") else head.partition(" :")
        sentences = _sentences(f"{rest.strip()}\n{inspect.cleandoc(body)}" if inline else inspect.cleandoc(body))
        entries.append((_plain(name).strip(), sentences[0] if sentences else ""))
    return entries


def _sentences(markup: str) -> list[str]:
    """Sentences of reStructuredText, as plain text: no directives, literal blocks, tables, examples, references."""
    blocks = re.split(r"\n\s*\n", markup)
    markup = "\n\n".join(block for block in blocks if not re.search(r"(?m)^\s*[=+][=+-]+[ =+-]*$", block))  # tables
    lines: list[str] = []
    skip_deeper_than: int | None = None
    for line in markup.splitlines():
        indent = len(line) - len(line.lstrip())
        stripped = line.strip()
        if skip_deeper_than is not None and (not stripped or indent > skip_deeper_than):
            continue
        skip_deeper_than = None
        directive = re.match(r"\.\. *(\w*)", stripped)
        if directive:
            if directive.group(1) not in KEPT_DIRECTIVES:
                skip_deeper_than = indent
                lines.append("")
                continue
            stripped = stripped.partition("::")[2].strip()
        elif stripped.endswith("::"):
            skip_deeper_than = indent
            stripped = stripped[:-1]
        if re.match(r">>>|\.\.\. |[-=+|^~]{2}|\|.*\|$", stripped):
            continue
        lines += ["", re.sub(r"^[-*•] +", "", stripped)] if re.match(r"[-*•] ", stripped) else [stripped]
    sentences = []
    for paragraph in re.split(r"\n\s*\n", "\n".join(lines)):
        text = _plain(" ".join(paragraph.split()))
        text = re.sub(r"\s*Read more in the [^.]*(?:\.|$)|[:,;]$", "", text)
        if re.search(r"\w", text):
            text = text if text[-1] in ".!?" else text + "."
            parts = re.split(r"(?<!e\.g\.)(?<!i\.e\.)(?<!etc\.)(?<! vs\.)(?<! cf\.)(?<=[.!?]) +(?=[A-Z\d(])", text)
            sentences += [part for part in parts if not BOILERPLATE.match(part)]
    return sentences


def _plain(text: str) -> str:
    """Text without inline markup."""
    text = re.sub(r":(?:[\w-]+:)?math:`([^`]*)`", lambda match: TEX.sub("", match.group(1)), text)
    text = re.sub(r"(?::[\w:-]+:)?`+~?([^`]*?)(?:\s*<[^`<> ]*>)?`+_*", r"\1", text)
    text = re.sub(r"\s*\[[\w.-]*\]_", "", text)
    text = re.sub(r"(?<![\w*])\*{1,2}([A-Za-z][^*]*)\*{1,2}(?![\w*])", r"\1", text)
    return re.sub(r"[\\`]", "", text)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def _resolve(name: str, origin: str, known: dict[str, Passage]) -> str | None:
    """The passage that a name in the documentation of `origin` means, or None."""
    module, package = origin.rpartition(".")[0], origin.partition(".")[0]
    return next((full for full in (f"{module}.{name}", f"{package}.{name}", name) if full in known), None)
