"""Checkers of notebook 08, token pooling. Expected values come from counting on paper, or from loops."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbook.checks._shared import Matrix, judge_parts, unit_vectors
from workbook.exercises import Answer, NotYet, exercise, expect_close


def _mean(rows: Matrix) -> list[float]:
    total = [sum(float(row[axis]) for row in rows) for axis in range(rows.shape[1])]
    length = sum(value * value for value in total) ** 0.5
    return [value / length for value in total]


def _cosines(vectors: Matrix, other: Matrix) -> list[float]:
    return [sum(float(a) * float(b) for a, b in zip(row, other, strict=True)) for row in vectors]


@exercise("08-1", "Factors divide the number of vectors, bits the size of each, and the two savings multiply.")
def _count(answer: Any) -> None:
    faults = {
        (0, 344): "the division is rounded down",
        (1, 0): "at least one vector always stays",
        (2, 27): "the extra vectors are kept, too",
        (2, 33): "rows are pooled, not columns",
        (2, 28): "rows are pooled, not columns, and the extra vectors are kept",
        (3, 103): "that is the number of vectors; how many bytes has each?",
        (3, 13184): "that is the number of bits",
        (3, 52736): "those are the bytes of float32 vectors",
    }
    judge_parts(answer, (343, 1, 32, 1648), faults, "write the division down")


@exercise("08-2", "Sequential pooling needs nothing but positions, and no comparison of vectors.")
def _windows(answer: Answer) -> None:
    for n, factor in ((6, 2), (7, 2), (8, 3), (5, 5), (3, 10), (4, 1)):
        vectors = unit_vectors(n, 8, seed=n)
        starts = [i * factor for i in range(max(1, n // factor))]
        stops = [*starts[1:], n]
        wanted = [_mean(vectors[start:stop]) for start, stop in zip(starts, stops, strict=True)]
        short = [_mean(vectors[start : start + factor]) for start in starts]
        got = np.asarray(answer(vectors.copy(), factor))
        if got.ndim == 2 and got.shape[1] == 8 and len(got) == -(-n // factor) != len(starts):
            raise NotYet("there is one window too many: what remains joins the last one")
        lost = [(short, "what remains at the end is lost; the last window should take it")]
        expect_close(got, wanted, what=f"the windows of {n} vectors at factor {factor}", faults=lost)


@exercise("08-3", "One copy of the background is enough: MaxSim does not ask how often a vector is there.")
def _prune(answer: Answer) -> None:
    background, words = unit_vectors(1, 6, seed=1)[0], unit_vectors(4, 6, seed=2)
    slightly = background + 0.1 * words[0]
    slightly /= np.linalg.norm(slightly)
    cases = {
        "a page with words and blanks": np.stack([*words[:2], slightly, background, *words[2:], slightly]),
        "a page without blanks": words,
        "a blank page": np.stack([slightly, background, slightly]),
    }
    for name, vectors in cases.items():
        cosines = _cosines(vectors, background)
        best = cosines.index(max(cosines)) if max(cosines) >= 0.9 else None
        wanted = np.array([row for i, row in enumerate(vectors) if cosines[i] < 0.9 or i == best])
        got = np.asarray(answer(vectors.copy(), background.copy(), 0.9))
        if best is not None and got.ndim == 2 and len(got) == len(wanted) - 1:
            raise NotYet(f"{name}: of the vectors near the background, the nearest should stay")
        if best is None and got.ndim == 2 and len(got) == len(wanted) + 1:
            raise NotYet(f"{name}: a vector is kept twice; where nothing is near, nothing is left out or added")
        expect_close(got, wanted, what=name)


@exercise("08-4", "Entries compete, documents are returned: that is what nested kNN search does in an engine.")
def _nested(answer: Answer) -> None:
    for seed, k in ((1, 3), (2, 3), (3, 50), (4, 1)):  # of seed 2, the three nearest entries have one parent
        entries, query = unit_vectors(30, 6, seed), unit_vectors(1, 6, seed + 10)[0]
        parents = np.random.default_rng(seed).integers(0, 8, len(entries))
        best: dict[int, float] = {}
        for parent, value in zip(parents.tolist(), _cosines(entries, query), strict=True):
            best[parent] = max(best.get(parent, -np.inf), value)
        wanted = sorted(best, key=lambda parent: -best[parent])[:k]
        got = [int(parent) for parent in answer(query.copy(), entries.copy(), parents.copy(), k)]
        if len(set(got)) < len(got):
            raise NotYet("a document is returned twice; it should score as its best entry and come once")
        if len(got) < len(wanted):
            raise NotYet(f"documents returned: {len(got)}, wanted: {len(wanted)}; k counts documents, not entries")
        if got == wanted[::-1] and len(got) > 1:
            raise NotYet("the documents come worst first")
        if got != wanted:
            raise NotYet(f"the documents are {got}, but should be {wanted}")
