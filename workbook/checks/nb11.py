"""Checkers of notebook 11, choose. Expected values come from counting, or from loops."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbook.checks._shared import judge_parts
from workbook.exercises import Answer, NotYet, exercise, expect_list, rule_out


@exercise(
    "11-1", "As bits, ten million passages are a small system to store, and millions of millions of operations to scan."
)
def _predict(answer: Any) -> None:
    operations = 20 * 10_000_000 * 100 * 128
    faults = {
        (0, 12800.0): "these are bits: eight of them make a byte",
        (0, 51200.0): "these are floats: a bit vector takes a 32nd",
        (0, 16.0): "that is one vector, and a passage has 100",
        (1, 1.6e10): "that is one copy, and a replica is another",
        (2, 2.0): "a primary shard does not hold the replica's bytes",
        (2, 0.0): "whatever there is needs at least one shard",
        (3, operations / 100): "a passage has 100 vectors, and the query meets each of them",
        (3, operations / 20): "each of the 20 query vectors meets all of them",
        (3, operations * 2): "one copy answers a query, the other is there for other queries",
        (3, operations / 128): "a pair of vectors meets in 128 dimensions, and each of them counts",
    }
    judge_parts(answer, (1600.0, 3.2e10, 1.0, operations), faults, "write down its factors", rel_tol=1e-3)


def _frontier(costs: Any, quality: Any) -> list[int]:
    rows = [(*cost, -good) for cost, good in zip(costs, quality, strict=True)]
    return [
        at
        for at, ours in enumerate(rows)
        if not any(theirs != ours and all(a <= b for a, b in zip(theirs, ours, strict=True)) for theirs in rows)
    ]


@exercise("11-2", "The more numbers count, the fewer systems are beaten: with many, nearly all are on the frontier.")
def _unbeaten(answer: Answer) -> None:
    cases = [
        (np.array([[1.0, 9.0], [2.0, 1.0], [3.0, 2.0]]), np.array([0.5, 0.5, 0.5])),
        (np.array([[1.0], [1.0], [2.0]]), np.array([0.4, 0.4, 0.4])),
    ]
    for seed in range(12):
        rng = np.random.default_rng(seed)
        cases.append((rng.integers(0, 5, (9, 1 + seed % 3)).astype(float), rng.integers(0, 5, 9) / 10))
    for costs, quality in cases:
        wanted = _frontier(costs, quality)
        found = [int(at) for at in expect_list(answer(costs.copy(), quality.copy()), "a list of positions")]
        if found == wanted:
            continue
        first, added = _frontier(costs[:, :1], quality), _frontier(costs.sum(axis=1)[:, None], quality)
        faults = [
            (first, "only the first cost counts so far: a system may be dear in one cost and cheap in another"),
            (added, "the costs were added up: they have no common unit"),
        ]
        if sorted(found) == wanted:
            raise NotYet("the positions are right, but should ascend")
        rule_out(found, faults)
        rows = np.column_stack([costs, quality])
        lost = [at for at in wanted if at not in found]
        if lost and (rows == rows[lost[0]]).all(axis=1).sum() > 1:
            raise NotYet("two systems that are equal in everything do not beat each other: both stay")
        raise NotYet(f"of costs {costs.tolist()} and quality {quality.tolist()}, {wanted} stay, but you return {found}")


WAYS = [
    {"name": "poor", "bytes": 10, "operations": 10, "quality": 0.5},
    {"name": "same size", "bytes": 100, "operations": 200, "quality": 0.74},
    {"name": "good", "bytes": 100, "operations": 300, "quality": 0.76},
    {"name": "best", "bytes": 1000, "operations": 1000, "quality": 0.8},
]
CHOICES = [
    (WAYS, 5000, 0.9, "good", "of equal bytes, the better one is wanted"),
    (WAYS, 250, 0.9, "same size", "'good' takes more operations than are allowed"),
    (WAYS, 5000, 0.99, "best", "only 'best' reaches 99% of the best quality"),
    (WAYS, 5000, 0.1, "poor", "the fewest bytes are wanted, not the best quality"),
    (WAYS, 300, 0.95, "good", "300 operations are at most 300, and 0.76 is at least 0.95 x 0.8"),
    (WAYS, 100, 0.9, "none", "the best of the whole list is 0.8, also where it is too slow: nothing fits, so 'none'"),
    ([], 100, 0.9, "none", "from an empty list, 'none'"),
]


@exercise("11-3", "A decision is a few lines, once the numbers are there. The numbers are the work.")
def _choose(answer: Answer) -> None:
    for ways, operations, share, wanted, words in CHOICES:
        got = answer([dict(way) for way in ways], operations, share)
        if isinstance(got, dict) and got.get("name") == wanted:
            raise NotYet("return the name, not the whole dictionary")
        if got != wanted:
            case = f"with at most {operations} operations and a share of {share}"
            raise NotYet(f"{case} you return {got!r} instead of {wanted!r}: {words}")
