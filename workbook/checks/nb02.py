"""Checkers of notebook 02, MaxSim. Expected values come from loops, or from paper."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbook.checks._shared import Matrix, judge_number, score_by_loops, unit, unit_vectors
from workbook.exercises import Answer, NotYet, exercise, expect_close

QUERY = unit_vectors(4, 6, seed=1)
# Every similarity with the last one is negative, so a zero from padding would win each maximum.
DOCUMENTS = [*(unit_vectors(n, 6, seed=10 + n) for n in (1, 3, 7, 2)), -unit(QUERY.sum(axis=0, keepdims=True))]
EXPECTED = np.array([score_by_loops(QUERY, document) for document in DOCUMENTS])


@exercise("02-1", "A changed vector can lower one maximum and raise another: each query word chooses anew.")
def _predict(answer: Any) -> None:
    faults = [
        (2.6, "2.60 is the score before the change; compute the column of bargain again"),
        (2.4, "with 2.40, car still chooses vehicle. Compare its 0.8 with its new similarity to bargain"),
        (2.76, "with 2.76, cheap still has 1.0. Its similarity to bargain changed, too"),
        (0.85, "that is the mean of the three maxima; MaxSim is their sum"),
        (2.2, "that is MaxSim(D, Q), where the document's words choose. Here the query's words choose"),
    ]
    advice = "the prediction is off. Write down the three rows of S and outline the largest number in each"
    judge_number(answer, 2.56, faults, advice)


def _best(query: Matrix, document: Matrix) -> list[float]:
    """The best match of each query vector, by loops."""
    return [score_by_loops(q[None], document) for q in query]


@exercise("02-2", "MaxSim is a matrix product, a maximum along the document's axis, and a sum.")
def _maxsim(answer: Answer) -> None:
    for document in sorted(DOCUMENTS, key=len, reverse=True):  # with one vector only, several faults look alike
        best, backwards, every = _best(QUERY, document), _best(document, QUERY), QUERY @ document.T
        clipped = score_by_loops(QUERY, document, start=0.0)
        faults = [
            (best, "the result holds the maxima, one a query vector; add them up"),
            (backwards, "the result holds the maxima of the document's vectors; take those of the query's, and add up"),
            (sum(backwards), "the result is MaxSim(D, Q): the maximum runs over the wrong axis"),
            (np.mean(backwards), "the maximum runs over the wrong axis, and a mean stands for the sum"),
            (every.max(), "the result is the largest similarity of all; take one maximum a query vector"),
            (every.sum(), "the result sums all similarities; take the maximum of each row first"),
            (clipped, "a maximum starts at 0; where all are negative, so is the best"),
        ]
        expect_close(answer(QUERY, document), sum(best), count=len(QUERY), faults=faults)


@exercise("02-3", "A padding row must lose every maximum; only minus infinity is low enough.")
def _batch(answer: Answer) -> None:
    most = max(map(len, DOCUMENTS))
    mask = np.array([np.arange(most) < len(document) for document in DOCUMENTS], dtype=np.float32)
    clipped = [score_by_loops(QUERY, d, start=0.0 if len(d) < most else -np.inf) for d in DOCUMENTS]
    for filling in (0.0, 9.0):
        padded = np.full((len(DOCUMENTS), most, QUERY.shape[1]), filling, dtype=np.float32)
        padded[mask > 0] = np.concatenate(DOCUMENTS)
        got = answer(QUERY, padded.copy(), mask.copy())
        every = np.einsum("qk,bdk->bqd", QUERY, padded)
        if np.shape(got) == EXPECTED.shape and not np.isfinite(np.asarray(got, dtype=float)).all():
            raise NotYet("a score is infinite: are the mask's 1 and 0 swapped, or is the infinity summed up?")
        faults = [
            (
                clipped,
                "a padding row won a maximum: its similarity counts as 0, and 0 beats a negative similarity. "
                "Multiplying by the mask does not help; use minus infinity",
            ),
            (every.max(axis=2).sum(axis=1), "the mask is not used: padding rows that hold other numbers won"),
            (np.where(mask[:, None] > 0, every, -np.inf).max(axis=2), "add up the maxima over query vectors"),
        ]
        expect_close(got, EXPECTED, count=len(QUERY), faults=faults)


@exercise("02-4", "Documents of any length, one matrix product, no padding: this is how a ragged collection is scored.")
def _ragged(answer: Answer) -> None:
    vectors, offsets = np.concatenate(DOCUMENTS), np.cumsum([0, *map(len, DOCUMENTS)])
    best = np.array([_best(QUERY, document) for document in DOCUMENTS]).T
    try:
        got = answer(QUERY, vectors.copy(), offsets.copy())
    except NotYet as fault:
        if "out-of-bounds" in str(fault):
            raise NotYet(
                "reduceat met an index behind the last vector: it takes the starts of the documents alone, without "
                "the end of the last one"
            ) from None
        raise
    sums = np.add.reduceat(QUERY @ vectors.T, offsets[:-1], axis=1).sum(axis=0)
    faults = [
        (best, "the result holds the maxima, shape (n_q, n_docs); add them up over query vectors"),
        (best.T, "the result holds the maxima, shape (n_docs, n_q); add them up over query vectors"),
        (best.sum(axis=1), "the maxima are summed over documents; sum them over query vectors"),
        (best.max(axis=0), "take the sum over query vectors, not the maximum"),
        (sums, "the similarities of a document are added up; take their maximum"),
        (np.maximum(best, 0).sum(axis=0), "a zero won a maximum: is there padding somewhere?"),
    ]
    expect_close(got, EXPECTED, count=len(QUERY), faults=faults)
