"""Checkers of notebook 06, residuals and PLAID. Expected values come from counting on paper, or from loops."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbook.checks._shared import judge_parts, random_vectors, unit
from workbook.exercises import Answer, NotYet, exercise, expect_array, expect_close, expect_list, rule_out, same


@exercise("06-1", "The number costs the same whatever the bits; the residual costs d * bits / 8.")
def _count(answer: Any) -> None:
    faults = {
        (0, 32): "the centroid's number is missing",
        (0, 260): "d times bits counts bits; divide by 8",
        (1, 12): "the centroid's number is missing",
        (1, 100): "d times bits counts bits; divide by 8",
        (2, 68): "the number takes 2 bytes here, not 4",
        (2, 64): "the centroid's number is missing",
        (3, 8192): "that is the nearest power of two; the rule rounds down",
        (3, 8000): "that is not a power of two yet",
    }
    judge_parts(answer, (36, 16, 66, 4096), faults, "write number and residual down one by one")


@exercise("06-2", "Quantiles give every bucket the same share of the values, so no code is wasted.")
def _buckets(answer: Answer) -> None:
    for bits, n, seed in ((2, 60, 0), (1, 31, 1), (4, 200, 2)):
        residuals = random_vectors(n, 8, seed) ** 3 / 10
        given = expect_list(answer(residuals.copy(), bits), "two things: the cutoffs, and the bucket numbers", 2)
        ordered = np.sort(residuals.ravel().astype(np.float64))
        positions = [(len(ordered) - 1) * share / 2**bits for share in range(1, 2**bits)]
        cutoffs = np.interp(positions, np.arange(len(ordered)), ordered)
        got, found = np.asarray(given[0], dtype=np.float64), np.asarray(given[1])
        if got.shape == (2**bits,):
            raise NotYet(f"there are {2**bits} cutoffs; {2**bits} buckets need one fewer to divide them")
        if got.shape == (2**bits - 1, 8):
            raise NotYet("each dimension has its own cutoffs; all dimensions share them: take all values together")
        evenly = np.linspace(ordered[0], ordered[-1], 2**bits + 1)[1:-1]
        even = "the cutoffs are spaced evenly; they should give every bucket the same share of the values"
        faults = [(evenly, even)] if bits > 1 else []
        expect_close(got, cutoffs, what="the cutoffs", tolerance=1e-3, faults=faults)
        numbers = np.array([[sum(value > cutoff for cutoff in got) for value in row] for row in residuals])
        from_one = "the bucket numbers begin at 1; the first bucket, below all cutoffs, is number 0"
        expect_close(found, numbers, what="the bucket numbers", faults=[(numbers + 1, from_one)])


@exercise("06-3", "Decoding is two look-ups and an addition, which is why it is fast.")
def _decode(answer: Answer) -> None:
    rng = np.random.default_rng(0)
    for n, dim, k in ((5, 8, 3), (1, 4, 2)):
        packed = rng.integers(0, 256, (n, dim // 4), dtype=np.uint8)
        weights = np.array([-0.3, -0.1, 0.05, 0.4], np.float32)
        centroids, numbers = rng.standard_normal((k, dim)).astype(np.float32), rng.integers(0, k, n)
        buckets = [[int(f"{byte:08b}"[at : at + 2], 2) for byte in row for at in (0, 2, 4, 6)] for row in packed]
        turned = [[row[at + 3 - place] for at in range(0, dim, 4) for place in range(4)] for row in buckets]
        added, reverse = (centroids[numbers] + weights[np.array(order)] for order in (buckets, turned))
        residual = weights[np.array(buckets)]
        in_reverse = "the dimensions within each byte come in reverse: the first is in the highest bits"
        missing = "the centroid is missing: what the buckets hold is only the difference from it"
        faults = [(added, "centroid and residual are added, but the length is not 1 yet")]
        faults += [(values, in_reverse) for values in (reverse, unit(reverse))]
        faults += [(values, missing) for values in (residual, unit(residual))]
        got = answer(packed.copy(), weights.copy(), centroids.copy(), numbers.copy())
        # Decoding in float16 is right, too.
        expect_close(got, unit(added), what="the decoded vectors", tolerance=3e-3, faults=faults)


@exercise("06-4", "Centroid interaction takes a look-up for each document vector, and pruning shortens the list.")
def _interaction(answer: Answer) -> None:
    rng = np.random.default_rng(3)
    S = rng.uniform(-0.2, 0.9, (4, 12)).astype(np.float32)
    S[:, 5] = -0.5  # never near the query
    documents = [rng.integers(0, 12, n) for n in (3, 8, 1, 5)] + [np.array([5]), np.array([5, 5, 2])]
    unpruned = np.array([sum(max(float(row[c]) for c in numbers) for row in S) for numbers in documents])
    for threshold in (0.7, 0.0, 0.85):
        wanted, rows_wrong = np.full(6, -np.inf), np.full(6, -np.inf)
        for place, numbers in enumerate(documents):
            left = [c for c in numbers if max(float(row[c]) for row in S) >= threshold]
            if left:
                wanted[place] = sum(max(float(row[c]) for c in left) for row in S)
            inner = [[float(row[c]) for c in numbers if row[c] >= threshold] for row in S]
            if any(inner):
                rows_wrong[place] = sum(max(values) for values in inner if values)
        got = expect_array(answer(S.copy(), [d.copy() for d in documents], threshold), shape=(6,), what="the scores")
        if same(got, wanted):
            continue
        own = "each query vector leaves out its own centroids. A centroid stays for all of them where any is similar"
        rule_out(got, [(unpruned, "no centroid is left out: compare with the threshold first"), (rows_wrong, own)])
        empty = ~np.isfinite(wanted)
        if same(got[~empty], wanted[~empty]):
            raise NotYet(f"a document without a centroid left scores {got[empty][0]:g}; it should be minus infinity")
        place = int(np.argmax(~np.isclose(got, wanted, 1e-4, 1e-4)))
        raise NotYet(f"document {place} scores {got[place]:.4g} at threshold {threshold}, not {wanted[place]:.4g}")
