"""Checkers of notebook 01, bi, cross, late."""

from __future__ import annotations

from typing import Any

from workbook.exercises import Answer, NotYet, exercise, rule_out

MILLION = 1_000_000
PASSES = {
    "bi, all passages": 1,
    "late, all passages": 1,
    "cross, all passages": MILLION,
    "late, then cross on the best 100": 101,
}
_NIGHT = "the passages went through the network last night; only the query is new"
# What was counted and what is right.
WRONG_PASSES: dict[tuple[float, int], str] = {
    **{(0, wanted): "not quite nothing. The query has just come; it has no vectors yet" for wanted in PASSES.values()},
    (MILLION, 1): _NIGHT,
    (MILLION + 1, 1): _NIGHT,
    (100, 101): "the pairs are counted. The first stage needs the query's vectors, too",
    (MILLION + 1, MILLION): "the query has no pass of its own; it is read once with each passage",
}


@exercise("01-1", "One pass finds candidates among a million; reading together is paid for pair by pair.")
def _count(answer: Any) -> None:
    if not isinstance(answer, dict) or set(answer) != set(PASSES):
        raise NotYet(f"keep the four names: {', '.join(PASSES)}")
    for name, wanted in PASSES.items():
        got = answer[name]
        if got is Ellipsis:
            raise NotYet(f"{name}: no number yet")
        if isinstance(got, bool) or not isinstance(got, (int, float)):
            raise NotYet(f"{name}: a number is wanted, got {got!r}")
        if got != wanted:
            raise NotYet(f"{name}: {WRONG_PASSES.get((got, wanted), f'{got:,} is off')}")


ORDER = ["d4", "d1", "d9", "d2", "d7", "d3"]
SCORES = {"d4": 0.1, "d1": 0.3, "d9": 0.9, "d2": -0.5, "d7": 2.0, "d3": 1.0}


@exercise("01-2", "Reranking changes the order of the head and loses nothing of the tail.")
def _rerank(answer: Answer) -> None:
    asked: list[str] = []

    def score(query: str, ids: Any) -> list[float]:
        if query != "which?":
            raise NotYet(f"score takes the query first, then the ids; as query it got {query!r}")
        asked.extend(ids)
        return [SCORES[name] for name in ids]

    for depth in (3, 1, 6, 50):
        candidates = list(ORDER)
        asked.clear()
        result = list(answer("which?", candidates, score, depth))
        head, tail = ORDER[:depth], ORDER[depth:]
        best = sorted(head, key=lambda name: -SCORES[name])
        if candidates != ORDER:
            raise NotYet("the list of candidates was changed in place; its owner may need it. Make a new one")
        if result and not all(isinstance(item, str) for item in result):
            raise NotYet("return the ids, not their positions or scores")
        if set(tail) & set(asked):
            raise NotYet("passages beyond `depth` were scored: each is a pass through the network")
        if result != best + tail:
            gone = "the tail is gone: passages beyond `depth` belong behind the others, as they were"
            rule_out(result, [(best, gone), (best[::-1] + tail, "the lowest score came first; higher is better")])
            raise NotYet(f"with depth {depth}, expected {best + tail}, got {result}")


FIRST = {"q1": ["a", "b", "c", "d"], "q2": ["e", "f", "g", "h"], "q3": ["a", "e", "i", "o"]}
GRADES = {"q1": {"a": 1, "c": 2, "z": 2}, "q2": {"e": 2}, "q3": {"a": 1}}
CEILINGS = {1: 0.5, 2: 0.5, 3: 0.75, 4: 0.75}  # by depth
WRONG_CEILINGS = {
    (1, 7 / 9): "passages of grade 1 are counted; an answer has grade 2",
    (3, 8 / 9): "passages of grade 1 are counted; an answer has grade 2",
    (1, 1 / 3): "the query without an answer is counted as 0; leave it out",
    (3, 1 / 2): "the query without an answer is counted as 0; leave it out",
    (3, 2 / 3): "all answers are in one pot; take the share for each query, then the mean",
    (3, 1.0): "one answer found is counted as all found; q1 has two, and one of them is never found",
}


@exercise("01-3", "The first stage's recall is the ceiling of everything behind it.")
def _ceiling(answer: Answer) -> None:
    for depth, wanted in CEILINGS.items():
        try:
            got = float(answer(FIRST, GRADES, depth))
        except NotYet as fault:
            if "ZeroDivisionError" in str(fault):
                raise NotYet("division by zero: one query has no answer at all. It does not count") from None
            raise
        if not abs(got - wanted) < 1e-6:
            rule_out(got, [(value, words) for (at, value), words in WRONG_CEILINGS.items() if at == depth], 1e-6)
            raise NotYet(f"at depth {depth}, expected {wanted:.3f}, got {got:.3f}")
