"""Checkers of notebook 07, average vectors. Expected values come from counting on paper, or from loops."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbook.checks._shared import judge_parts, unit
from workbook.exercises import Answer, NotYet, exercise, expect_close, expect_list


@exercise("07-1", "Blank vectors cost MaxSim nothing and the mean a factor of ten.")
def _predict(answer: Any) -> None:
    faults = {
        (0, 1.0): "MaxSim is a sum over the query's vectors, not their mean",
        (1, 0.02): "S has two rows: both count",
        (1, 0.005): "two entries of S are 1, one in each row",
        (2, 0.2): "a maximum does not care how many others there are",
        (2, 1.0): "MaxSim is a sum over the query's vectors, not their mean",
        (3, 0.01): "the mean is over all entries, those of the blank vectors too",
        (3, 2 / 1800): "the page now has 1000 vectors: 100 and 900",
    }
    judge_parts(answer, (2.0, 2 / 200, 2.0, 2 / 2000), faults, "draw S and count its entries", rel_tol=1e-3)


@exercise("07-2", "Because of the last division, only the weights' proportions matter.")
def _weigh(answer: Answer) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        vectors, weights = rng.standard_normal((5, 4)), rng.random(5)
        weights[seed] = 0.0
        total = np.zeros(4)
        for vector, weight in zip(vectors, weights, strict=True):
            total += weight * vector
        faults = [(unit(vectors.mean(axis=0)), "the weights have no effect: this is the plain average")]
        faults += [(total / by, "the weights are right, but the length is not 1 yet") for by in (1, 5, weights.sum())]
        got = answer(vectors.copy(), weights.copy())
        expect_close(got, unit(total), what="the average", faults=faults)


@exercise("07-3", "Where it stops, no neighbour is nearer. Whether no point at all is, it cannot know.")
def _walk(answer: Answer) -> None:
    line = np.array([[0.0], [1.0], [2.0], [3.0], [10.0]])
    chain = [[1], [0, 2], [1, 3], [2], []]
    walks = ((2.9, [0, 1, 2, 3]), (0.4, [3, 2, 1, 0]), (9.0, [0, 1, 2, 3]), (2.0, [2]))
    cases = [(line, chain, np.array([target]), path) for target, path in walks]
    for seed in range(4):
        rng = np.random.default_rng(seed)
        points = rng.random((30, 2))
        near = np.argsort(np.linalg.norm(points[:, None] - points[None], axis=2), axis=1)[:, 1:5].tolist()
        target, here, path = rng.random(2), -1, [0]
        far = [float(np.sum((point - target) ** 2)) for point in points]
        while here != path[-1]:
            here = path[-1]
            nearest = min(near[here], key=far.__getitem__)
            path += [nearest] if far[nearest] < far[here] else []
        cases.append((points, near, target, path))
    for points, neighbours, target, wanted in cases:
        start = wanted[0]
        got = answer(points.copy(), [list(row) for row in neighbours], target.copy(), start)
        path = [int(i) for i in expect_list(got, "a list of points")]
        if path == wanted:
            continue
        if path == wanted[1:]:
            raise NotYet("the list should begin with the start")
        if path and path[0] == start and set(path) >= set(wanted) and len(path) > len(wanted):
            raise NotYet(f"the walk should stop at {wanted[-1]}, where no neighbour is nearer, but goes on: {path}")
        raise NotYet(f"from point {start} the walk should go {wanted}, but goes {path}")


@exercise("07-4", "Whole numbers on one side and bits on the other: the rest is a handful of factors.")
def _estimate(answer: Answer) -> None:
    for seed, places in ((0, 4), (1, 1), (2, 2), (3, 7)):
        rng = np.random.default_rng(seed)
        w, bits = rng.standard_normal(16), rng.integers(0, 2, 16)
        low, high = -rng.random(), rng.random()
        stored, least = [high if bit else low for bit in bits], min(w)

        def product(steps: int, whole: Any = round, w: Any = w, stored: Any = stored, least: Any = least) -> float:
            width = (max(w) - least) / steps
            return float(sum(s * (least + width * whole((x - least) / width)) for s, x in zip(stored, w, strict=True)))

        wanted = product(2**places - 1)
        below = product(2**places - 1, lambda x: x // 1)
        faults = [
            (float(np.dot(stored, w)), "the query was not rounded"),
            (product(2**places), "n levels have n - 1 steps between them: divide by 2**places - 1"),
            (below, "the query's values should go to the nearest level, not to the one below"),
        ]
        got = answer(bits.copy(), float(low), float(high), w.copy(), places)
        expect_close(got, wanted, what="the estimate", tolerance=1e-5, faults=faults)
