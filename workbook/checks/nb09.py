"""Exercises of notebook 09, two stages. Expected values come from counting on paper, or from loops written out here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from workbook.checks._shared import judge_parts
from workbook.exercises import NotYet, exercise, expect_close


@exercise(
    "09-1",
    hints=[
        "At each depth, write down the candidates, then sort them by their exact scores.",
        "At depth 3 the candidates are D, B and A.",
        "The exact two best are A and C. At which place does the first stage have the later of the two?",
    ],
    shows="Depth is set by the worst-ranked document that you want to keep.",
)
def _predict(answer: Any) -> None:
    answer = answer.tolist() if isinstance(answer, np.ndarray) else answer
    given = list(answer) if isinstance(answer, (list, tuple)) else []
    if len(given) != 4:
        raise NotYet("the prediction should be three letters and a number")
    wanted = ("D", "A", "A", 5)
    faults = {
        (0, "A"): "at depth 1 there is one candidate, whatever its exact score",
        (1, "D"): "the second stage orders the candidates: the first stage's order is gone",
        (2, "D"): "the second stage orders the candidates: the first stage's order is gone",
        (3, 2): "C is among the two best, and is not a candidate at depth 2",
        (3, 3): "C is among the two best, and is not a candidate at depth 3",
        (3, 6): "one candidate fewer is enough",
    }
    parts = [got.strip().upper() if isinstance(got, str) else got for got in given]
    # In an array of letters the number is text, and in an array of numbers NumPy's own.
    if str(parts[3]).isdecimal():
        parts[3] = int(parts[3])
    judge_parts(parts, wanted, faults, "write the candidates down and sort them")


@exercise(
    "09-2",
    hints=[
        "For each query: which document is best by exact score, and how many documents have a higher cheap score?",
        "One more than that number is the depth that this query needs. Sort these depths.",
        "At least a share w of n queries is at least ceil(w * n) of them; the smallest such depth is in that place.",
    ],
    shows="The last few percent of the queries set the depth, and so the cost of all of them.",
)
def _enough(answer: Callable[..., Any]) -> None:
    for seed, wanted in ((0, 0.5), (1, 0.9), (2, 1.0), (3, 0.25), (4, 0.8)):
        rng = np.random.default_rng(seed)
        exact = rng.permuted(np.tile(np.arange(15.0), (20, 1)), axis=1)
        cheap = rng.permuted(np.tile(np.arange(15.0), (20, 1)), axis=1) + 0.3 * exact
        needed = []
        for e, c in zip(exact, cheap, strict=True):
            best = max(range(15), key=lambda i: e[i])
            needed.append(1 + sum(value > c[best] for value in c))
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


@exercise(
    "09-3",
    hints=[
        "Go through the rankings with enumerate(ranking, start=1), and keep a dictionary of sums.",
        "scores[name] = scores.get(name, 0) + weight / (c + rank).",
    ],
    shows="No score of either system appears anywhere: ranks are all that RRF knows.",
)
def _fuse(answer: Callable[..., Any]) -> None:
    cases = [
        ([["a", "b", "c"], ["c", "d"]], [1.0, 1.0], 60),
        ([["a", "b"], ["b", "c", "a"], ["z"]], [2.0, 0.5, 1.0], 1),
    ]
    for rankings, weights, c in cases:
        names = sorted({name for ranking in rankings for name in ranking})

        def formula(
            shift: int, weighted: bool, names: list[str] = names, case: Any = (rankings, weights, c)
        ) -> list[float]:
            lists, shares, constant = case
            return [
                sum(
                    (w if weighted else 1.0) / (constant + r.index(name) + shift)
                    for r, w in zip(lists, shares, strict=True)
                    if name in r
                )
                for name in names
            ]

        got = answer([list(ranking) for ranking in rankings], list(weights), c)
        if not isinstance(got, dict):
            raise NotYet(f"the result should be a dictionary from id to score, but is a {type(got).__name__}")
        if sorted(got) != names:
            raise NotYet(f"the dictionary should hold {names}, but holds {sorted(got)}")
        values = [float(got[name]) for name in names]
        if np.allclose(values, formula(0, True)) or np.allclose(values, formula(0, False)):
            raise NotYet("ranks count from 1, not from 0")
        if not np.allclose(formula(1, False), formula(1, True)) and np.allclose(values, formula(1, False)):
            raise NotYet("the weights have no effect")
        expect_close(values, formula(1, True), what="the scores", tolerance=1e-9)


@exercise(
    "09-4",
    hints=[
        "Loop over the cells. D[cells == cell] are the vectors inside; their mean, if there are any.",
        "For an empty cell, cell ^ c has a 1 wherever the two numbers differ; bin(x).count('1') counts them.",
        "np.argmin takes the first of several smallest values, which is the rule for ties.",
    ],
    shows="Side by side for several sets of planes, and with sums for the query, this is the whole encoding.",
)
def _block(answer: Callable[..., Any]) -> None:
    for seed, n, n_cells in ((0, 6, 4), (1, 3, 8), (2, 1, 4), (3, 12, 8)):
        rng = np.random.default_rng(seed)
        matrix, cells = rng.standard_normal((n, 3)), rng.integers(0, n_cells, n)
        wanted, sums, unfilled = (np.zeros((n_cells, 3)) for _ in range(3))
        for cell in range(n_cells):
            inside = [x for x, c in zip(matrix, cells, strict=True) if c == cell]
            differing = [bin(cell ^ int(c)).count("1") for c in cells]
            wanted[cell] = sum(inside) / len(inside) if inside else matrix[differing.index(min(differing))]
            unfilled[cell] = sum(inside) / len(inside) if inside else 0
            sums[cell] = sum(inside) if inside else wanted[cell]
        got = np.asarray(answer(matrix.copy(), cells.copy(), n_cells), dtype=np.float64)
        if got.shape == wanted.shape:
            if not np.allclose(wanted, unfilled) and np.allclose(got, unfilled):
                raise NotYet("the averages are right, but empty cells are not filled yet")
            if not np.allclose(wanted, sums) and np.allclose(got, sums):
                raise NotYet("cells hold sums; for a document they should hold averages")
            if np.isnan(got).any():
                raise NotYet("an empty cell has no mean: fill it instead")
        expect_close(got, wanted, what="the block", tolerance=1e-6)
