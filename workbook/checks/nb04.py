"""Checkers of notebook 04, pages. Expected values come from counting on paper, or from loops."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbook.checks._shared import Matrix, judge_parts, unit_vectors
from workbook.exercises import Answer, NotYet, exercise, expect_close, rule_out

Place = tuple[int, int]


@exercise("04-1", "ColPali's count is fixed, ColQwen2's follows the page, and one bit a dimension is 32 times smaller.")
def _predict(answer: Any) -> None:
    faults = {
        (0, 1030): "patches only: the 6 prompt tokens are no patches",
        (0, 768): "768 is ColQwen2's limit",
        (0, 10626): "ColPali stretches the image to 448 x 448 before it cuts it",
        (0, 10549): "ColPali stretches the image to 448 x 448 before it cuts it",
        (1, 800): "four patches of 14 pixels become one token",
        (1, 768): "768 is a limit, not a target: this image needs no scaling",
        (1, 1024): "only ColPali has a fixed number",
        (2, 98304): "those are bits: a byte has 8 of them",
        (2, 393216): "that is float32",
        (2, 96): "count the dimensions, too",
        (3, 4): "4 is the bytes of a float32 number; how many bits are that?",
        (3, 8): "a float32 number has more bits than a byte has",
        (3, 16): "that is float16",
    }
    judge_parts(answer, (1024, 200, 12288, 32), faults)


BOXES: list[tuple[tuple[int, int, int, int], Place, int, int]] = [
    ((0, 0, 5, 5), (4, 4), 40, 40),
    ((9, 11, 31, 12), (4, 4), 40, 40),
    ((10, 10, 20, 20), (4, 4), 40, 40),  # ends on borders
    ((35, 0, 40, 40), (4, 4), 40, 40),  # the last column, to the page's edge
    ((97, 136, 394, 160), (32, 32), 910, 1287),  # patches that are no whole pixels
    ((97, 136, 394, 160), (32, 23), 910, 1287),  # ColQwen2's grid of the same page
]


@exercise(
    "04-2", "A word and its patches: this is how the stand-in gives patches their vectors, and how a hit is read."
)
def _boxes(answer: Answer) -> None:
    for box, grid, width, height in BOXES:
        got = answer(box, grid, width, height)
        (x0, y0, x1, y1), (rows, columns) = box, grid
        inside = [(row, column) for row in range(rows) for column in range(columns)]
        wanted = [
            (row, column)
            for row, column in inside
            if x0 * columns < (column + 1) * width
            and x1 * columns > column * width
            and y0 * rows < (row + 1) * height
            and y1 * rows > row * height
        ]
        told = f"of box {box} on a {rows} x {columns} grid over {width} x {height} pixels"
        try:
            given = [(int(row), int(column)) for row, column in got]
        except (TypeError, ValueError):
            raise NotYet("return a list of pairs (row, column)") from None
        if given == wanted:
            continue
        if sorted(given) == wanted:
            raise NotYet("these are the right patches in another order: row by row, from the left")
        if sorted((column, row) for row, column in given) == wanted:
            raise NotYet("rows and columns are exchanged: y tells the row, x the column")
        if len(set(given)) < len(given):
            raise NotYet(f"a patch {told} is listed twice")
        if lost := sorted(set(wanted) - set(given)):
            raise NotYet(f"{lost[0]} {told} is missing: the box touches {len(wanted)} patches")
        if outside := sorted(set(given) - set(inside)):
            raise NotYet(f"{outside[0]} {told} is outside the grid")
        raise NotYet(f"{min(set(given) - set(wanted))} {told} is not touched: does the box end on a border?")


@exercise(
    "04-3",
    "Not every token lands on the page: some choose a vector that belongs to no patch, and a heatmap hides that.",
)
def _chosen(answer: Answer) -> None:
    for (rows, columns), before, after, seed in (((2, 3), 0, 2, 1), ((3, 2), 2, 1, 2), ((4, 4), 1, 3, 3)):
        count = rows * columns
        page, query = unit_vectors(before + count + after, 8, seed), unit_vectors(12, 8, seed + 10)
        # Some that surely choose an extra vector, and one that surely chooses the last patch.
        query[:2] = page[-1]
        query[2] = page[before + count - 1]
        best = [max(range(len(page)), key=lambda at: float(np.dot(q, page[at]))) for q in query]

        def places(first: int, divisor: int, best: list[int] = best, count: int = count) -> list[Place | None]:
            return [divmod(at - first, divisor) if 0 <= at - first < count else None for at in best]

        got = answer(query.copy(), page.copy(), np.arange(before, before + count), (rows, columns))
        try:
            given = [None if entry is None else (int(entry[0]), int(entry[1])) for entry in got]
        except (TypeError, ValueError, IndexError):
            raise NotYet("return a list with an entry for each query vector: (row, column) or None") from None
        wanted = places(before, columns)
        if given == wanted:
            continue
        if len(given) != len(wanted):
            raise NotYet(f"{len(given)} entries for {len(wanted)} query vectors")
        if None not in given:
            raise NotYet("no token chose an extra vector: take the maximum over all vectors of the page, not patches")
        if [entry and entry[::-1] for entry in given] == wanted:
            raise NotYet("rows and columns are exchanged")
        if given == places(0, columns):
            raise NotYet("the first patch need not be the first vector: look positions up in patches")
        if [entry and entry[0] for entry in given] == [entry and entry[0] for entry in places(before, rows)]:
            raise NotYet("the row is the patch's number divided by the number of columns, not of rows")
        place = next(i for i, (a, b) in enumerate(zip(given, wanted, strict=True)) if a != b)
        raise NotYet(f"token {place} chose {wanted[place]}, but the answer says {given[place]}")


def _greedy(vectors: Matrix, threshold: float) -> list[int]:
    kept: list[int] = []
    for place, vector in enumerate(vectors):
        if all(float(np.dot(vector, vectors[other])) < threshold for other in kept):
            kept.append(place)
    return kept


@exercise(
    "04-4", "What is left out is at least as near to a kept vector as the threshold says; is that near enough? Measure."
)
def _prune(answer: Answer) -> None:
    base = unit_vectors(6, 8, 4)
    # A chain in the plane, 20 degrees a step: each is near its neighbours, and the ends are far apart.
    turn = np.deg2rad(20) * np.arange(6)
    chain = np.zeros((6, 8), dtype=np.float32)
    chain[:, 0], chain[:, 1] = np.cos(turn), np.sin(turn)
    copies = base[[0, 0, 1, 2, 1, 3, 0, 4]]
    for vectors, threshold in ((copies, 0.99), (chain, 0.9), (chain, 0.7), (np.concatenate([chain, base]), 0.5)):
        kept, places = _greedy(vectors, threshold), range(len(vectors))
        got = np.asarray(answer(vectors.copy(), threshold))
        if got.ndim != 2 or got.shape[1] != vectors.shape[1]:
            raise NotYet(f"the result has shape {got.shape}, but should hold vectors: (kept, {vectors.shape[1]})")
        if len(got) != len(kept):
            close = (vectors @ vectors.T) >= threshold
            all_before = vectors[[i for i in places if not close[i, :i].any()]]
            neighbour = vectors[[i for i in places if i == 0 or not close[i, i - 1]]]
            faults = [
                (all_before, "a vector that was left out must not push out another: compare with the kept ones only"),
                (neighbour, "compare with every vector kept so far, not only with the one before"),
            ]
            rule_out(got, faults, 1e-5)
            if len(got) == sum(close.sum(axis=1) == 1):
                raise NotYet("of a group of near copies, the first is kept; here all of them are gone")
            raise NotYet(f"{len(got)} of {len(vectors)} vectors are kept at {threshold}, but should be {len(kept)}")
        expect_close(got, vectors[kept], what="the kept vectors")
