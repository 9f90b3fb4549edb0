"""Exercises of notebook 06, residuals and PLAID. Expected values come from counting on paper, or from loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from workbook.checks._shared import judge_parts
from workbook.exercises import NotYet, exercise, expect_array, expect_close


@exercise(
    "06-1",
    hints=[
        "A vector takes the bytes of its centroid's number, and d times bits of residual. Eight bits are a byte.",
        "For (d): the root of 250,000 is 500. 16 times that is 8,000.",
        "The powers of two near 8,000 are 4,096 and 8,192. Down, not to the nearest.",
    ],
    shows="The number costs the same whatever the bits; the residual costs d * bits / 8.",
)
def _count(answer: Any) -> None:
    given = expect_array(answer, shape=(4,), what="the prediction")
    wanted = (36, 16, 66, 4096)
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
    judge_parts(given.tolist(), wanted, faults, "write number and residual down one by one")


@exercise(
    "06-2",
    hints=[
        "For 2 bits, the cutoffs are the quantiles at 1/4, 1/2 and 3/4 of all values together.",
        "np.quantile(residuals, np.arange(1, 2**bits) / 2**bits) gives the cutoffs.",
        "np.searchsorted(cutoffs, residuals) counts, for every value, the cutoffs below it.",
    ],
    shows="Quantiles give every bucket the same share of the values, so no code is wasted.",
)
def _buckets(answer: Callable[..., Any]) -> None:
    for bits, n, seed in ((2, 60, 0), (1, 31, 1), (4, 200, 2)):
        residuals = np.random.default_rng(seed).standard_normal((n, 8)).astype(np.float32) ** 3 / 10
        given = answer(residuals.copy(), bits)
        if not isinstance(given, (tuple, list)) or len(given) != 2:
            raise NotYet("return two things: the cutoffs, and the bucket numbers")
        ordered = np.sort(residuals.ravel().astype(np.float64))
        positions = [(len(ordered) - 1) * share / 2**bits for share in range(1, 2**bits)]
        cutoffs = np.array([np.interp(at, np.arange(len(ordered)), ordered) for at in positions])
        got = np.asarray(given[0], dtype=np.float64)
        if got.shape == (2**bits,):
            raise NotYet(f"there are {2**bits} cutoffs; {2**bits} buckets need one fewer to divide them")
        if got.shape == (2**bits - 1, 8):
            raise NotYet("each dimension has its own cutoffs; all dimensions share them: take all values together")
        evenly = np.linspace(ordered[0], ordered[-1], 2**bits + 1)[1:-1]
        if got.shape == evenly.shape and bits > 1 and np.allclose(got, evenly, 1e-3, 1e-4):
            raise NotYet("the cutoffs are spaced evenly; they should give every bucket the same share of the values")
        expect_close(got, cutoffs, what="the cutoffs", tolerance=1e-3)
        numbers = np.array([[sum(value > cutoff for cutoff in got) for value in row] for row in residuals])
        found = np.asarray(given[1])
        if found.shape == numbers.shape and np.array_equal(found, numbers + 1):
            raise NotYet("the bucket numbers begin at 1; the first bucket, below all cutoffs, is number 0")
        expect_close(found, numbers, what="the bucket numbers")


@exercise(
    "06-3",
    hints=[
        "Four values come out of each byte: (packed >> 6) & 3 is the first, (packed >> 4) & 3 the second.",
        "np.stack([(packed >> shift) & 3 for shift in (6, 4, 2, 0)], axis=2) has shape (n, d / 4, 4); reshape it.",
        "vectors = centroids[numbers] + weights[buckets]; then divide every row by its length.",
    ],
    shows="Decoding is two look-ups and an addition, which is why it is fast.",
)
def _decode(answer: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    tolerance = 3e-3  # decoding in float16 is right, too
    for n, dim, k in ((5, 8, 3), (1, 4, 2)):
        packed = rng.integers(0, 256, (n, dim // 4), dtype=np.uint8)
        weights = np.array([-0.3, -0.1, 0.05, 0.4], np.float32)
        centroids, numbers = rng.standard_normal((k, dim)).astype(np.float32), rng.integers(0, k, n)
        buckets = [[int(f"{byte:08b}"[at : at + 2], 2) for byte in row for at in (0, 2, 4, 6)] for row in packed]
        before = np.array([centroids[number] + weights[row] for number, row in zip(numbers, buckets, strict=True)])
        wanted = before / np.array([[float(row @ row) ** 0.5] for row in before])
        got = np.asarray(answer(packed.copy(), weights.copy(), centroids.copy(), numbers.copy()))
        if got.shape == wanted.shape and not np.allclose(got, wanted, tolerance, tolerance):
            turned = [[row[at + 3 - place] for at in range(0, dim, 4) for place in range(4)] for row in buckets]
            reverse = np.array([centroids[c] + weights[row] for c, row in zip(numbers, turned, strict=True)])
            residual = weights[np.array(buckets)]
            for values, words in (
                (before, "centroid and residual are added, but the length is not 1 yet"),
                (reverse, "the dimensions within each byte come in reverse: the first is in the highest bits"),
                (residual, "the centroid is missing: what the buckets hold is only the difference from it"),
            ):
                lengths = np.linalg.norm(values, axis=1, keepdims=True)
                if any(np.allclose(got, made, tolerance, tolerance) for made in (values, values / lengths)):
                    raise NotYet(words)
        expect_close(got, wanted, what="the decoded vectors", tolerance=tolerance)


@exercise(
    "06-4",
    hints=[
        "kept = S.max(axis=0) >= threshold has one entry for each centroid.",
        "For one document: numbers = numbers[kept[numbers]], then S[:, numbers].max(axis=1).sum().",
        "Look at len(numbers) before taking a maximum: a document may have none left, and scores -np.inf then.",
    ],
    shows="Centroid interaction takes a look-up for each document vector, and pruning shortens the list.",
)
def _interaction(answer: Callable[..., Any]) -> None:
    rng = np.random.default_rng(3)
    S = rng.uniform(-0.2, 0.9, (4, 12)).astype(np.float32)
    S[:, 5] = -0.5  # never near the query
    documents = [rng.integers(0, 12, n) for n in (3, 8, 1, 5)] + [np.array([5]), np.array([5, 5, 2])]
    for threshold in (0.7, 0.0, 0.85):
        wanted, rows_wrong = [], []
        for numbers in documents:
            left = [c for c in numbers if max(float(row[c]) for row in S) >= threshold]
            wanted.append(sum(max(float(row[c]) for c in left) for row in S) if left else -np.inf)
            inner = [[float(row[c]) for c in numbers if row[c] >= threshold] for row in S]
            rows_wrong.append(sum(max(values) for values in inner if values) if any(inner) else -np.inf)
        got = expect_array(answer(S.copy(), [d.copy() for d in documents], threshold), shape=(6,), what="the scores")
        unpruned = [sum(max(float(row[c]) for c in numbers) for row in S) for numbers in documents]
        if np.allclose(got, wanted, 1e-4, 1e-4):
            continue
        if np.allclose(got, unpruned, 1e-4, 1e-4):
            raise NotYet("no centroid is left out: compare with the threshold first")
        if np.allclose(got, rows_wrong, 1e-4, 1e-4):
            raise NotYet(
                "each query vector leaves out its own centroids. A centroid stays for all of them where any is similar"
            )
        empty = ~np.isfinite(wanted)
        if np.allclose(got[~empty], np.array(wanted)[~empty], 1e-4, 1e-4):
            raise NotYet(f"a document without a centroid left scores {got[empty][0]:g}; it should be minus infinity")
        place = int(np.argmax(~np.isclose(got, wanted, 1e-4, 1e-4)))
        raise NotYet(f"document {place} scores {got[place]:.4g} at threshold {threshold}, not {wanted[place]:.4g}")
