"""Judged training questions, written for this project: families of siblings, and questions on API documentation.

`data/training/` holds the families' passages with their questions, and questions on the documentation of packages
that the evaluation leaves out (its passages are read from the installed packages' docstrings). No family is on a
subject of the handbook.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lateint_ref.checks import Float32Array
from workbook.apidocs import _prose, _sections
from workbook.training_guard import Guard

LABELS = {2: 1.0, 1: 0.2}
FAR = 3  # candidates from other families, for each question on a family
NEAR = 12  # unjudged candidates, for each question on API documentation


@dataclass(frozen=True)
class Question:
    """A judged question.

    Attributes:
        text: the query.
        kind: conditions, detail, keyword, negation, number, paraphrase; howto, concept, symptom.
        grades: passage id to 2 (answers it) or 1 (partly).
        family: its family's name, or "api".
    """

    text: str
    kind: str
    grades: dict[str, int]
    family: str


def read_judged(folder: Path) -> tuple[dict[str, str], list[Question]]:
    """The passages, id to text, and the questions.

    Args:
        folder: `data/training`.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a broken line.
    """
    passages: dict[str, str] = {}
    questions: list[Question] = []
    for record in _lines(folder / "families.jsonl"):
        for passage in record["passages"]:
            passages[passage["id"]] = f"{passage['title']} {passage['text']}"
        for query in record["queries"]:
            questions.append(Question(query["text"], query["type"], query["grades"], record["family"]))
    documented = docstrings((folder / "api_passages.txt").read_text(encoding="utf-8").split())
    passages |= documented
    for record in _lines(folder / "api_questions.jsonl"):
        grades = {name: grade for name, grade in record["grades"].items() if name in documented}
        if 2 in grades.values():
            questions.append(Question(record["text"], record["type"], grades, "api"))
    return passages, questions


def docstrings(names: Sequence[str]) -> dict[str, str]:
    """Qualified names to name and documentation as prose; names that the installed versions lack are left out."""
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            value = _resolve(name)
            text = inspect.getdoc(value) if value is not None else None
            if text:
                prose = _prose(_sections(inspect.cleandoc(text)), isinstance(value, type))
                found[name] = f"{name} {' '.join(prose.split())}"
    return found


def _resolve(name: str) -> Any:
    parts = name.split(".")
    for size in range(len(parts) - 1, 0, -1):
        try:
            value: Any = importlib.import_module(".".join(parts[:size]))
        except ImportError:
            continue
        for part in parts[size:]:
            value = getattr(value, part, None)
        return value
    return None


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            yield json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}, line {number}, is not JSON ({error}): restore the file.") from error


def guarded(passages: dict[str, str], questions: Sequence[Question], guard: Guard) -> list[Question]:
    """The questions of which neither text nor judged passages share a run of words with an evaluation text."""
    stained = {name for name, text in passages.items() if guard.overlap(text)}
    return [q for q in questions if not guard.overlap(q.text) and not stained & q.grades.keys()]


def candidates(
    question: Question, names: Sequence[str], families: Sequence[str], cosines: Float32Array
) -> list[tuple[int, float]]:
    """Rows of a question's candidates and their labels, an answer first.

    A question on a family has all its siblings, and the likest three passages of other families. One on API
    documentation has what was judged, and the likest twelve of the rest: nobody read those for it; a few may be right.

    Args:
        question: the question.
        names: every passage's id.
        families: every passage's family.
        cosines: of the question with every passage, `(len(names),)`.
    """
    row_of = {name: row for row, name in enumerate(names)}
    judged = {row_of[name]: LABELS[grade] for name, grade in question.grades.items()}
    order = [int(row) for row in np.lexsort((np.arange(len(cosines)), -cosines)) if int(row) not in judged]
    own = [row for row in order if families[row] == question.family]
    if question.family == "api":
        rest = own[:NEAR]
    else:
        rest = own + [row for row in order if families[row] not in (question.family, "api")][:FAR]
    ranked = sorted(judged.items(), key=lambda item: (-item[1], item[0]))
    return ranked + [(row, 0.0) for row in rest]


def family_of(name: str) -> str:
    """The family of a passage: what stands before its number; "api" for a qualified name."""
    return "api" if "." in name else re.sub(r"-\d+$", "", name)
