"""Exercises of notebook 01, bi, cross, late."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbook.exercises import NotYet, exercise

MILLION = 1_000_000
PASSES = {
    "bi, all passages": 1,
    "late, all passages": 1,
    "cross, all passages": MILLION,
    "late, then cross on the best 100": 101,
}


@exercise(
    "01-1",
    hints=[
        "The passages' vectors are there. What of the query is there?",
        "Dot products and maxima are not passes through the network.",
        "A cross-encoder takes a pair. How many pairs are there, and how many if only 100 passages are left?",
    ],
    shows="One pass finds candidates among a million; reading together is paid for pair by pair.",
)
def _count(answer: Any) -> None:
    if not isinstance(answer, dict) or set(answer) != set(PASSES):
        raise NotYet(f"keep the four names: {', '.join(PASSES)}")
    for name, wanted in PASSES.items():
        got = answer[name]
        if got is Ellipsis:
            raise NotYet(f"{name}: no number yet")
        if isinstance(got, bool) or not isinstance(got, (int, float)):
            raise NotYet(f"{name}: a number is wanted, got {got!r}")
        if got == wanted:
            continue
        if got == 0:
            raise NotYet(f"{name}: not quite nothing. The query has just come; it has no vectors yet")
        if name.endswith("100") and got == 100:
            raise NotYet(f"{name}: the pairs are counted. The first stage needs the query's vectors, too")
        if got in (MILLION, MILLION + 1) and wanted == 1:
            raise NotYet(f"{name}: the passages went through the network last night; only the query is new")
        if name.startswith("cross") and got == MILLION + 1:
            raise NotYet(f"{name}: the query has no pass of its own; it is read once with each passage")
        raise NotYet(f"{name}: {got:,} is off")


ORDER = ["d4", "d1", "d9", "d2", "d7", "d3"]
SCORES = {"d4": 0.1, "d1": 0.3, "d9": 0.9, "d2": -0.5, "d7": 2.0, "d3": 1.0}


@exercise(
    "01-2",
    hints=[
        "Split the list: head = candidates[:depth], tail = candidates[depth:]. Only the head is scored.",
        "Call score once with all of the head: values = score(query, head).",
        "best = sorted(zip(values, head), reverse=True) puts the highest first; then the ids of it, and the tail.",
    ],
    shows="Reranking changes the order of the head and loses nothing of the tail.",
)
def _rerank(answer: Callable[..., Any]) -> None:
    for depth in (3, 1, 6, 50):
        asked: list[list[str]] = []

        def score(query: str, ids: Any, asked: list[list[str]] = asked) -> list[float]:
            if query != "which?":
                raise NotYet(f"score takes the query first, then the ids; as query it got {query!r}")
            asked.append(list(ids))
            return [SCORES[name] for name in ids]

        candidates = list(ORDER)
        got = answer("which?", candidates, score, depth)
        head, tail = ORDER[:depth], ORDER[depth:]
        wanted = sorted(head, key=lambda name: -SCORES[name]) + tail
        if candidates != ORDER:
            raise NotYet("the list of candidates was changed in place; its owner may need it. Make a new one")
        result = list(got)
        if result and not all(isinstance(item, str) for item in result):
            raise NotYet("return the ids, not their positions or scores")
        if any(name in tail for names in asked for name in names):
            raise NotYet("passages beyond `depth` were scored: each is a pass through the network")
        if result == wanted:
            continue
        if result == wanted[: len(head)]:
            raise NotYet("the tail is gone: passages beyond `depth` belong behind the others, as they were")
        if result == sorted(head, key=lambda name: SCORES[name]) + tail:
            raise NotYet("the lowest score came first; higher is better")
        raise NotYet(f"with depth {depth}, expected {wanted}, got {result}")


FIRST = {"q1": ["a", "b", "c", "d"], "q2": ["e", "f", "g", "h"], "q3": ["a", "e", "i", "o"]}
GRADES = {"q1": {"a": 1, "c": 2, "z": 2}, "q2": {"e": 2}, "q3": {"a": 1}}


@exercise(
    "01-3",
    hints=[
        "For one query: answers = {name for name, grade in qrels[q].items() if grade == 2}.",
        "Its share: len(answers & set(first_stage[q][:depth])) / len(answers).",
        "Skip the queries whose set of answers is empty, and average over the others.",
    ],
    shows="The first stage's recall is the ceiling of everything behind it.",
)
def _ceiling(answer: Callable[..., Any]) -> None:
    wanted = {1: 0.5, 2: 0.5, 3: 0.75, 4: 0.75}
    any_grade = {1: (1 / 3 + 1 + 1) / 3, 3: (2 / 3 + 1 + 1) / 3}
    with_empty = {1: 1 / 3, 3: 0.5}
    hit = {3: 1.0}
    pooled = {1: 1 / 3, 3: 2 / 3}
    for depth, value in wanted.items():
        try:
            got = answer(FIRST, GRADES, depth)
        except NotYet as fault:
            if "ZeroDivisionError" in str(fault):
                raise NotYet("division by zero: one query has no answer at all. It does not count") from None
            raise
        if abs(float(got) - value) < 1e-6:
            continue
        faults = [
            (any_grade, "passages of grade 1 are counted; an answer has grade 2"),
            (with_empty, "the query without an answer is counted as 0; leave it out"),
            (pooled, "all answers are in one pot; take the share for each query, then the mean"),
            (hit, "one answer found is counted as all found; q1 has two, and one of them is never found"),
        ]
        for values, words in faults:
            if depth in values and abs(float(got) - values[depth]) < 1e-6:
                raise NotYet(words)
        raise NotYet(f"at depth {depth}, expected {value:.3f}, got {float(got):.3f}")
