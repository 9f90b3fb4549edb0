"""Exercises of notebook 11, choose. Expected values come from counting, or from loops written out here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from workbook.checks._shared import judge_parts
from workbook.exercises import NotYet, exercise, expect_array


@exercise(
    "11-1",
    hints=[
        "A bit vector of 128 dimensions takes 16 bytes.",
        "Disk: bytes of one passage, times the passages, times the copies. One replica makes two copies.",
        "Shards are counted on one copy. Every query vector meets every stored vector in 128 dimensions.",
    ],
    shows="As bits, ten million passages are a small system to store, and millions of millions of operations to scan.",
)
def _predict(answer: Any) -> None:
    given = expect_array(answer, shape=(4,), what="the prediction").astype(np.float64)
    wanted = (1600.0, 2 * 10_000_000 * 1600, 1.0, 20 * 10_000_000 * 100 * 128)
    faults = {
        (0, 12800.0): "these are bits: eight of them make a byte",
        (0, 51200.0): "these are floats: a bit vector takes a 32nd",
        (0, 16.0): "that is one vector, and a passage has 100",
        (1, 1.6e10): "that is one copy, and a replica is another",
        (2, 2.0): "a primary shard does not hold the replica's bytes",
        (2, 0.0): "whatever there is needs at least one shard",
        (3, 20 * 1e7 * 128): "a passage has 100 vectors, and the query meets each of them",
        (3, 1e7 * 100 * 128): "each of the 20 query vectors meets all of them",
        (3, 2 * 20 * 1e7 * 100 * 128): "one copy answers a query, the other is there for other queries",
        (3, 20 * 1e7 * 100): "a pair of vectors meets in 128 dimensions, and each of them counts",
    }
    judge_parts(given.tolist(), wanted, faults, "write down its factors", rel_tol=1e-3)


@exercise(
    "11-2",
    hints=[
        "Start from frontier_loops: only the two comparisons change.",
        "No worse in all costs: (costs[j] <= costs[i]).all(). Better in one of them: (costs[j] < costs[i]).any().",
        "For all pairs at once: (costs[None] <= costs[:, None]).all(axis=2) has shape (n, n).",
    ],
    shows="The more numbers count, the fewer systems are beaten: with many, nearly all are on the frontier.",
)
def _frontier(answer: Callable[..., Any]) -> None:
    cases = [(np.array([[1.0, 9.0], [2.0, 1.0], [3.0, 2.0]]), np.array([0.5, 0.5, 0.5]))]
    cases.append((np.array([[1.0], [1.0], [2.0]]), np.array([0.4, 0.4, 0.4])))
    for seed in range(12):
        rng = np.random.default_rng(seed)
        columns = 1 + seed % 3
        cases.append((rng.integers(0, 5, (9, columns)).astype(float), rng.integers(0, 5, 9) / 10))
    for costs, quality in cases:
        wanted = [i for i in range(len(costs)) if not _beaten(i, costs, quality)]
        got = answer(costs.copy(), quality.copy())
        if not isinstance(got, (list, tuple, np.ndarray)):
            raise NotYet(f"the result should be a list of positions, but is a {type(got).__name__}")
        found = [int(at) for at in got]
        if found == wanted:
            continue
        if sorted(found) == wanted:
            raise NotYet("the positions are right, but should ascend")
        if found == [i for i in range(len(costs)) if not _beaten(i, costs[:, :1], quality)]:
            raise NotYet("only the first cost counts so far: a system may be dear in one cost and cheap in another")
        if found == [i for i in range(len(costs)) if not _beaten(i, costs.sum(axis=1)[:, None], quality)]:
            raise NotYet("the costs were added up: they have no common unit")
        lost = [i for i in wanted if i not in found]
        if lost and any(
            (costs[lost[0]] == costs[j]).all() and quality[lost[0]] == quality[j]
            for j in range(len(costs))
            if j != lost[0]
        ):
            raise NotYet("two systems that are equal in everything do not beat each other: both stay")
        raise NotYet(f"of costs {costs.tolist()} and quality {quality.tolist()}, {wanted} stay, but you return {found}")


def _beaten(i: int, costs: Any, quality: Any) -> bool:
    for j in range(len(costs)):
        pairs = [*zip(costs[j], costs[i], strict=True), (-quality[j], -quality[i])]
        if all(theirs <= ours for theirs, ours in pairs) and any(theirs < ours for theirs, ours in pairs):
            return True
    return False


@exercise(
    "11-3",
    hints=[
        "Two conditions leave a list; from it take the smallest by bytes. max and min take a default= for empty lists.",
        "The best quality is that of the whole list, of those that are too slow as well.",
        'min(fine, key=lambda way: (way["bytes"], -way["quality"])) takes the better of equal bytes.',
    ],
    shows="A decision is a few lines, once the numbers are there. The numbers are the work.",
)
def _choose(answer: Callable[..., Any]) -> None:
    best = {"name": "best", "bytes": 1000, "operations": 1000, "quality": 0.8}
    good = {"name": "good", "bytes": 100, "operations": 300, "quality": 0.76}
    same = {"name": "same size", "bytes": 100, "operations": 200, "quality": 0.74}
    poor = {"name": "poor", "bytes": 10, "operations": 10, "quality": 0.5}
    ways = [poor, same, good, best]
    cases = [
        (ways, 5000, 0.9, "good", "of equal bytes, the better one is wanted"),
        (ways, 250, 0.9, "same size", "'good' takes more operations than are allowed"),
        (ways, 5000, 0.99, "best", "only 'best' reaches 99% of the best quality"),
        (ways, 5000, 0.1, "poor", "the fewest bytes are wanted, not the best quality"),
        (ways, 300, 0.95, "good", "300 operations are at most 300, and 0.76 is at least 0.95 x 0.8"),
        (
            ways,
            100,
            0.9,
            "none",
            "the best of the whole list is 0.8, also where it is too slow: nothing fits, so 'none'",
        ),
        ([], 100, 0.9, "none", "from an empty list, 'none'"),
    ]
    for given, operations, share, wanted, words in cases:
        got = answer([dict(way) for way in given], operations, share)
        if got != wanted:
            if isinstance(got, dict) and got.get("name") == wanted:
                raise NotYet("return the name, not the whole dictionary")
            raise NotYet(
                f"with at most {operations} operations and a share of {share} you return {got!r} instead of "
                f"{wanted!r}: {words}"
            )
