"""Exercises of notebook 14, engines. Expected values come from paper, or from loops written out here."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbook.checks._shared import judge_parts, score_by_loops, unit_vectors
from workbook.exercises import Answer, NotYet, exercise, expect_close, expect_list


@exercise("14-1", "Before two engines' scores are compared, write down what each of them adds up.")
def _predict(answer: Any) -> None:
    given = expect_list(answer, "a prediction of four numbers", 4)
    faults = {
        (0, 7.5): "that is the distance; a document with a small distance has a large MaxSim",
        (0, -7.5): "a distance is no negated score: each of the 20 query vectors adds 1 minus its cosine",
        (1, 22.5): "LanceDB's metric is the cosine, which does not see the query's length",
        (2, 12.5): "a dot product grows with the query: every one of the 20 terms is three times as large",
        (3, 1_048_576): "that is how many numbers; a vector has 128 of them",
        (3, 1_048_575): "that is how many numbers; a vector has 128 of them",
        (3, 8192): "8,192 vectors of 128 numbers are exactly 1,048,576, and the server wants fewer",
    }
    judge_parts(given, (12.5, 7.5, 37.5, 8191), faults, "work with 20 query vectors of length 1", rel_tol=1e-6)


@exercise(
    "14-2", "A maximum over parts comes before the sum, and no engine that returns one number a part can do that."
)
def _joined(answer: Answer) -> None:
    for seed, sizes in ((0, (7, 5)), (10, (4, 1, 6)), (20, (9,))):
        query = unit_vectors(6, 8, seed)
        parts = [unit_vectors(n, 8, seed + place) for place, n in enumerate(sizes, 1)]
        each = [score_by_loops(query, part) for part in parts]
        whole = score_by_loops(query, np.concatenate(parts))
        got = float(answer(query.copy(), [part.copy() for part in parts]))
        if len(parts) > 1 and np.isclose(got, max(each)):
            raise NotYet("that is the best part's score; the whole document may match each query vector elsewhere")
        if len(parts) > 1 and np.isclose(got, sum(each)):
            raise NotYet("the parts' scores are added up: each query vector counts once, for its best match anywhere")
        if len(parts) > 1 and np.isclose(got, np.mean(each)):
            raise NotYet("that is the mean of the parts' scores; take each query vector's best match anywhere")
        expect_close(got, whole, what="the score", count=len(query))


def _named(part: Any, what: str) -> dict[str, Any]:
    if not isinstance(part, dict):
        raise NotYet(f"{what} should be a dictionary, but is a {type(part).__name__}")
    return part


@exercise("14-3", "The first stage chooses, so the filter and the depth are its; the second stage orders.")
def _request(answer: Answer) -> None:
    vectors, mean = unit_vectors(3, 4, 0), unit_vectors(1, 4, 1)[0]
    body = _named(answer(vectors.copy(), mean.copy(), "tents", 40, 10), "the request")
    prefetch = body.get("prefetch")
    if prefetch is None:
        raise NotYet("there is no `prefetch`: the first stage is missing")
    first = _named(prefetch[0] if isinstance(prefetch, list) and len(prefetch) == 1 else prefetch, "`prefetch`")
    if body.get("using") == "average" and first.get("using") == "tokens":
        raise NotYet("the stages are swapped: the outer query is the one that orders")
    for part, name, field, limit in ((first, "the prefetch", "average", 40), (body, "the outer query", "tokens", 10)):
        if part.get("using") != field:
            raise NotYet(f"{name} should search the vectors named {field!r}, but `using` is {part.get('using')!r}")
        if part.get("limit") != limit:
            raise NotYet(f"{name} should have the limit {limit}, but has {part.get('limit')!r}")
    expect_close(first.get("query"), mean, what="the prefetch's query", tolerance=1e-5)
    expect_close(body.get("query"), vectors, what="the outer query's vectors", tolerance=1e-5)
    condition = {"key": "family", "match": {"value": "tents"}}
    if first.get("filter") is None and body.get("filter") is not None:
        raise NotYet("the filter comes too late: put it where the candidates are chosen")
    if _named(first.get("filter"), "the prefetch's `filter`").get("must") not in ([condition], condition):
        raise NotYet(f"the filter should hold {condition} under `must`")
