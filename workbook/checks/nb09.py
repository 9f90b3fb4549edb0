"""Checkers of notebook 09, two stages. Expected values come from counting on paper, or from loops."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbook.checks._shared import judge_parts
from workbook.exercises import Answer, NotYet, exercise, expect_close, expect_list


@exercise("09-1", "Depth is set by the worst-ranked document that you want to keep.")
def _predict(answer: Any) -> None:
    faults = {
        (0, "A"): "at depth 1 there is one candidate, whatever its exact score",
        (1, "D"): "the second stage orders the candidates: the first stage's order is gone",
        (2, "D"): "the second stage orders the candidates: the first stage's order is gone",
        (3, 2): "C is among the two best, and is not a candidate at depth 2",
        (3, 3): "C is among the two best, and is not a candidate at depth 3",
        (3, 6): "one candidate fewer is enough",
    }
    given = expect_list(answer, "a prediction of three letters and a number", 4)
    parts = [part.strip().upper() if isinstance(part, str) else part for part in given]
    # In an array of letters the number is text, and in an array of numbers NumPy's own.
    if str(parts[3]).isdecimal():
        parts[3] = int(parts[3])
    judge_parts(parts, ("D", "A", "A", 5), faults, "write the candidates down and sort them")


@exercise("09-2", "The last few percent of the queries set the depth, and so the cost of all of them.")
def _enough(answer: Answer) -> None:
    for seed, wanted in ((0, 0.5), (1, 0.9), (2, 1.0), (3, 0.25), (4, 0.8)):
        rng = np.random.default_rng(seed)
        exact = rng.permuted(np.tile(np.arange(15.0), (20, 1)), axis=1)
        cheap = rng.permuted(np.tile(np.arange(15.0), (20, 1)), axis=1) + 0.3 * exact
        needed = [1 + sum(value > c[list(e).index(14)] for value in c) for e, c in zip(exact, cheap, strict=True)]
        right = next(depth for depth in range(1, 16) if sum(n <= depth for n in needed) >= wanted * 20 - 1e-9)
        got = answer(exact.copy(), cheap.copy(), wanted)
        if np.shape(got) != () or float(got) != int(got):
            raise NotYet(f"the depth should be a whole number, got {got!r}")
        if int(got) == right - 1:
            raise NotYet("the depth is one too small: the best document's own place counts")
        if int(got) == max(needed) != right:
            raise NotYet("that is the depth for all queries; a share of them is enough")
        if int(got) != right:
            raise NotYet(f"for a share of {wanted} of the queries the depth should be {right}, but is {int(got)}")


RANKINGS = [
    ([["a", "b", "c"], ["c", "d"]], [1.0, 1.0], 60),
    ([["a", "b"], ["b", "c", "a"], ["z"]], [2.0, 0.5, 1.0], 1),
]


def _fused(rankings: list[list[str]], weights: list[float], c: int, first: int = 1) -> dict[str, float]:
    """The formula; `first` is the number of the first rank."""
    found: dict[str, float] = {}
    for ranking, weight in zip(rankings, weights, strict=True):
        for name in ranking:
            found[name] = found.get(name, 0.0) + weight / (c + first + ranking.index(name))
    return dict(sorted(found.items()))


@exercise("09-3", "No score of either system appears anywhere: ranks are all that RRF knows.")
def _fuse(answer: Answer) -> None:
    for rankings, weights, c in RANKINGS:
        got = answer([list(ranking) for ranking in rankings], list(weights), c)
        if not isinstance(got, dict):
            raise NotYet(f"the result should be a dictionary from id to score, but is a {type(got).__name__}")
        right, ones = _fused(rankings, weights, c), [1.0] * len(weights)
        if sorted(got) != list(right):
            raise NotYet(f"the dictionary should hold {list(right)}, but holds {sorted(got)}")
        faults = [
            (_fused(rankings, weights, c, first=0), "ranks count from 1, not from 0"),
            (_fused(rankings, ones, c, first=0), "ranks count from 1, not from 0"),
            (_fused(rankings, ones, c), "the weights have no effect"),
        ]
        values = np.array([float(got[name]) for name in right])
        tables = [(np.array(list(table.values())), words) for table, words in faults]
        expect_close(values, list(right.values()), what="the scores", tolerance=1e-9, faults=tables)


@exercise("09-4", "Side by side for several sets of planes, and with sums for the query, this is the whole encoding.")
def _block(answer: Answer) -> None:
    for seed, n, n_cells in ((0, 6, 4), (1, 3, 8), (2, 1, 4), (3, 12, 8)):
        rng = np.random.default_rng(seed)
        matrix, cells = rng.standard_normal((n, 3)), rng.integers(0, n_cells, n)
        wanted, sums, unfilled = (np.zeros((n_cells, 3)) for _ in range(3))
        for cell in range(n_cells):
            inside = [x for x, c in zip(matrix, cells, strict=True) if c == cell]
            differing = [bin(cell ^ int(c)).count("1") for c in cells]
            wanted[cell] = sum(inside) / len(inside) if inside else matrix[differing.index(min(differing))]
            unfilled[cell] = wanted[cell] if inside else 0
            sums[cell] = sum(inside) if inside else wanted[cell]
        got = np.asarray(answer(matrix.copy(), cells.copy(), n_cells), dtype=np.float64)
        if got.shape == wanted.shape and np.isnan(got).any():
            raise NotYet("an empty cell has no mean: fill it instead")
        faults = [
            (unfilled, "the averages are right, but empty cells are not filled yet"),
            (sums, "cells hold sums; for a document they should hold averages"),
        ]
        expect_close(got, wanted, what="the block", tolerance=1e-6, faults=faults)
