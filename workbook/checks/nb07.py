"""Exercises of notebook 07, average vectors. Expected values come from counting, or from loops written out here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from workbook.checks._shared import judge_parts
from workbook.exercises import NotYet, exercise, expect_array, expect_close, expect_unit_length


@exercise(
    "07-1",
    hints=[
        "MaxSim adds one maximum a query vector. What are the two maxima?",
        "S has 2 rows and 100 columns. How many of its entries are not 0, and what do they add up to?",
        "New columns of zeros change no maximum that is 1. They do change the number of entries.",
    ],
    shows="Blank vectors cost MaxSim nothing and the mean a factor of ten.",
)
def _predict(answer: Any) -> None:
    given = expect_array(answer, shape=(4,), what="the prediction").astype(np.float64)
    wanted = (2.0, 2 / 200, 2.0, 2 / 2000)
    faults = {
        (0, 1.0): "MaxSim is a sum over the query's vectors, not their mean",
        (1, 0.02): "S has two rows: both count",
        (1, 0.005): "two entries of S are 1, one in each row",
        (2, 0.2): "a maximum does not care how many others there are",
        (2, 1.0): "MaxSim is a sum over the query's vectors, not their mean",
        (3, 0.01): "the mean is over all entries, those of the blank vectors too",
        (3, 2 / 1800): "the page now has 1000 vectors: 100 and 900",
    }
    judge_parts(given.tolist(), wanted, faults, "draw S and count its entries", rel_tol=1e-3)


@exercise(
    "07-2",
    hints=[
        "Multiply every vector by its weight and add up. The length of the sum is divided away in the end.",
        "(weights[:, None] * vectors).sum(axis=0), or weights @ vectors.",
        "Divide by np.linalg.norm of that.",
    ],
    shows="Because of the last division, only the weights' proportions matter.",
)
def _weigh(answer: Callable[..., Any]) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        vectors, weights = rng.standard_normal((5, 4)), rng.random(5)
        weights[seed] = 0.0
        total = np.zeros(4)
        for vector, weight in zip(vectors, weights, strict=True):
            total += weight * vector
        plain = vectors.mean(axis=0)
        got = expect_array(answer(vectors.copy(), weights.copy()), shape=(4,), what="the average")
        if np.allclose(got, plain / np.linalg.norm(plain), atol=1e-5):
            raise NotYet("the weights have no effect: this is the plain average")
        if np.allclose(got, total / weights.sum(), atol=1e-5):
            raise NotYet("the weighted mean is right, but its length is not 1 yet")
        expect_unit_length(got, what="the average")
        expect_close(got, total / np.linalg.norm(total), what="the average")


@exercise(
    "07-3",
    hints=[
        "Keep the point where you are. In a loop: which of its neighbours is nearest to the target?",
        "Stop as soon as that neighbour is not nearer than the point itself.",
        "min(neighbours[here], key=lambda i: np.linalg.norm(points[i] - target)) is the neighbour to compare with.",
    ],
    shows="Where it stops, no neighbour is nearer. Whether no point at all is, it cannot know.",
)
def _walk(answer: Callable[..., Any]) -> None:
    line = np.array([[0.0], [1.0], [2.0], [3.0], [10.0]])
    chain = [[1], [0, 2], [1, 3], [2], []]
    cases = [(line, chain, np.array([2.9]), 0, [0, 1, 2, 3]), (line, chain, np.array([0.4]), 3, [3, 2, 1, 0])]
    cases += [(line, chain, np.array([9.0]), 0, [0, 1, 2, 3]), (line, chain, np.array([2.0]), 2, [2])]
    for seed in range(4):
        rng = np.random.default_rng(seed)
        points = rng.random((30, 2))
        near = np.argsort(np.linalg.norm(points[:, None] - points[None], axis=2), axis=1)[:, 1:5]
        target, path = rng.random(2), [0]
        while True:
            far = {int(i): float(np.sum((points[i] - target) ** 2)) for i in (path[-1], *near[path[-1]])}
            best = min(far, key=lambda i: far[i])
            if far[best] >= far[path[-1]]:
                break
            path.append(best)
        cases.append((points, [row.tolist() for row in near], target, 0, path))
    for points, neighbours, target, start, wanted in cases:
        if not neighbours[start]:
            continue
        got = answer(points.copy(), [list(row) for row in neighbours], target.copy(), start)
        if not isinstance(got, (list, tuple, np.ndarray)):
            raise NotYet(f"the result should be a list of points, but is a {type(got).__name__}")
        path = [int(i) for i in got]
        if path == wanted:
            continue
        if path == wanted[1:]:
            raise NotYet("the list should begin with the start")
        if path and path[0] == start and set(path) >= set(wanted) and len(path) > len(wanted):
            raise NotYet(f"the walk should stop at {wanted[-1]}, where no neighbour is nearer, but goes on: {path}")
        raise NotYet(f"from point {start} the walk should go {wanted}, but goes {path}")


@exercise(
    "07-4",
    hints=[
        "With n levels there are n - 1 steps between the smallest and the largest value of w.",
        "width = (w.max() - w.min()) / (2**places - 1); np.rint((w - w.min()) / width) are the whole numbers.",
        "The bits stand for np.where(bits == 1, high, low), the rounded query for w.min() + width * whole.",
    ],
    shows="Whole numbers on one side and bits on the other: the rest is a handful of factors.",
)
def _estimate(answer: Callable[..., Any]) -> None:
    for seed, places in ((0, 4), (1, 1), (2, 2), (3, 7)):
        rng = np.random.default_rng(seed)
        w, bits = rng.standard_normal(16), rng.integers(0, 2, 16)
        low, high = -rng.random(), rng.random()
        steps = 2**places - 1
        width = (max(w) - min(w)) / steps
        stored = [high if bit else low for bit in bits]
        wanted = sum(s * (min(w) + width * round((x - min(w)) / width)) for s, x in zip(stored, w, strict=True))
        got = np.asarray(answer(bits.copy(), float(low), float(high), w.copy(), places), dtype=np.float64)
        exact = float(np.dot(stored, w))
        wide = (max(w) - min(w)) / 2**places
        off_by_one = sum(s * (min(w) + wide * round((x - min(w)) / wide)) for s, x in zip(stored, w, strict=True))
        floor = sum(s * (min(w) + width * ((x - min(w)) // width)) for s, x in zip(stored, w, strict=True))
        for value, words in (
            (exact, "the query was not rounded"),
            (off_by_one, "n levels have n - 1 steps between them: divide by 2**places - 1"),
            (floor, "the query's values should go to the nearest level, not to the one below"),
        ):
            if got.shape == () and not np.isclose(wanted, value) and np.isclose(got, value, atol=1e-6):
                raise NotYet(words)
        expect_close(got, wanted, what="the estimate", tolerance=1e-5)
