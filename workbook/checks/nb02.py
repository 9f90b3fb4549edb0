"""Exercises of notebook 02, MaxSim. Expected values come from loops written out here, or from paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from workbook.checks._shared import Matrix, unit_vectors
from workbook.exercises import NotYet, exercise, expect_array, expect_close

QUERY = unit_vectors(4, 6, seed=1)
DOCUMENTS = [unit_vectors(n, 6, seed=10 + n) for n in (1, 3, 7, 2)]
# Every similarity with it is negative, so a zero from padding would win each maximum.
OPPOSITE = -QUERY.sum(axis=0, keepdims=True) / np.linalg.norm(QUERY.sum(axis=0))
DOCUMENTS.append(np.asarray(OPPOSITE, dtype=np.float32))


def _best(query: Matrix, document: Matrix, start: float = -np.inf) -> list[float]:
    """The best match of each query vector, by loops; `start` is what an empty document would give."""
    return [max(start, *(float(np.dot(q, d)) for d in document)) for q in query]


def _score(query: Matrix, document: Matrix, start: float = -np.inf) -> float:
    return sum(_best(query, document, start))


def _same(got: Any, wanted: Any) -> bool:
    return np.shape(got) == np.shape(wanted) and np.allclose(got, wanted, 1e-4, 1e-4)


def _rule_out(got: Any, faults: list[tuple[Any, str]]) -> None:
    """Raise `NotYet` with the words of the first fault whose values the answer shows."""
    for values, words in faults:
        if _same(got, values):
            raise NotYet(words)


@exercise(
    "02-1",
    hints=[
        "Only the last column of S changes. Compute its three new entries.",
        "cheap with bargain: 1.0 · 0.8. red with bargain: 0. car with bargain: 0.8 · 0.6 + 0.6 · 0.8.",
        "Now take the maximum of each row again. Does car still choose vehicle, at 0.8?",
    ],
    shows="A changed vector can lower one maximum and raise another: each query word chooses anew.",
)
def _predict(answer: Any) -> None:
    got = float(expect_array(answer, shape=(), what="the prediction"))
    faults = [
        (2.6, "2.60 is the score before the change; compute the column of bargain again"),
        (2.4, "with 2.40, car still chooses vehicle. Compare its 0.8 with its new similarity to bargain"),
        (2.76, "with 2.76, cheap still has 1.0. Its similarity to bargain changed, too"),
        (round(2.56 / 3, 2), "that is the mean of the three maxima; MaxSim is their sum"),
        (2.2, "that is MaxSim(D, Q), where the document's words choose. Here the query's words choose"),
    ]
    for value, words in faults:
        if abs(got - value) < 0.005:
            raise NotYet(words)
    if abs(got - 2.56) > 0.0051:
        raise NotYet("the prediction is off. Write down the three rows of S and outline the largest number in each")


@exercise(
    "02-2",
    hints=[
        "Start from the similarity matrix: query @ document.T has shape (n_q, n_d).",
        "The maximum runs over document vectors. Which axis of that matrix is theirs?",
        "One maximum along axis 1, then one sum.",
    ],
    shows="MaxSim is a matrix product, a maximum along the document's axis, and a sum.",
)
def _maxsim(answer: Callable[..., Any]) -> None:
    for document in sorted(DOCUMENTS, key=len, reverse=True):  # with one vector only, several faults look alike
        got = answer(QUERY, document)
        best, backwards, every = _best(QUERY, document), _best(document, QUERY), QUERY @ document.T
        faults = [
            (best, "the result holds the maxima, one a query vector; add them up"),
            (backwards, "the result holds the maxima of the document's vectors; take those of the query's, and add up"),
            (sum(backwards), "the result is MaxSim(D, Q): the maximum runs over the wrong axis"),
            (np.mean(backwards), "the maximum runs over the wrong axis, and a mean stands for the sum"),
            (every.max(), "the result is the largest similarity of all; take one maximum a query vector"),
            (every.sum(), "the result sums all similarities; take the maximum of each row first"),
            (
                _score(QUERY, document, 0.0),
                "a maximum starts at 0; where all are negative, so is the best",
            ),
        ]
        if not _same(got, sum(best)):
            _rule_out(got, faults)
        expect_close(got, sum(best), count=len(QUERY))


def _padded(filling: float) -> tuple[Matrix, Matrix]:
    most = max(len(document) for document in DOCUMENTS)
    padded = np.full((len(DOCUMENTS), most, QUERY.shape[1]), filling, dtype=np.float32)
    mask = np.zeros((len(DOCUMENTS), most), dtype=np.float32)
    for row, document in enumerate(DOCUMENTS):
        padded[row, : len(document)] = document
        mask[row, : len(document)] = 1
    return padded, mask


@exercise(
    "02-3",
    hints=[
        "Begin with all similarities: np.einsum('qk,bdk->bqd', query, padded).",
        "Before the maximum, give every padding column a value that can never win. It is not 0.",
        "np.where(mask[:, None, :] > 0, S, -np.inf), then the maximum over the last axis and a sum over query vectors.",
    ],
    shows="A padding row must lose every maximum; only minus infinity is low enough.",
)
def _batch(answer: Callable[..., Any]) -> None:
    expected = np.array([_score(QUERY, document) for document in DOCUMENTS])
    clipped = np.array(
        [_score(QUERY, document, 0.0 if len(document) < 7 else -np.inf) for document in DOCUMENTS]
    )  # the longest of 7 vectors has no padding
    zero = (
        "a padding row won a maximum: its similarity counts as 0, and 0 beats a negative similarity. Multiplying by "
        "the mask does not help; use minus infinity"
    )
    for filling in (0.0, 9.0):
        padded, mask = _padded(filling)
        got = answer(QUERY, padded.copy(), mask.copy())
        every = np.einsum("qk,bdk->bqd", QUERY, padded)
        if np.shape(got) == expected.shape and not np.isfinite(np.asarray(got, dtype=float)).all():
            raise NotYet("a score is infinite: are the mask's 1 and 0 swapped, or is the infinity summed up?")
        _rule_out(
            got,
            [
                (clipped, zero),
                (every.max(axis=2).sum(axis=1), "the mask is not used: padding rows that hold other numbers won"),
                (np.where(mask[:, None] > 0, every, -np.inf).max(axis=2), "add up the maxima over query vectors"),
            ],
        )
        expect_close(got, expected, count=len(QUERY))


@exercise(
    "02-4",
    hints=[
        "One matrix product of the query with all vectors: shape (n_q, total_vectors).",
        "np.maximum.reduceat takes the starts of the segments. offsets has one entry more than there are documents.",
        "np.maximum.reduceat(query @ vectors.T, offsets[:-1], axis=1).sum(axis=0)",
    ],
    shows="Documents of any length, one matrix product, no padding: this is how a ragged collection is scored.",
)
def _ragged(answer: Callable[..., Any]) -> None:
    vectors = np.concatenate(DOCUMENTS)
    offsets = np.cumsum([0] + [len(document) for document in DOCUMENTS])
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
    _rule_out(
        got,
        [
            (best, "the result holds the maxima, shape (n_q, n_docs); add them up over query vectors"),
            (best.T, "the result holds the maxima, shape (n_docs, n_q); add them up over query vectors"),
            (best.sum(axis=1), "the maxima are summed over documents; sum them over query vectors"),
            (best.max(axis=0), "take the sum over query vectors, not the maximum"),
            (sums, "the similarities of a document are added up; take their maximum"),
            (np.maximum(best, 0).sum(axis=0), "a zero won a maximum: is there padding somewhere?"),
        ],
    )
    expect_close(got, best.sum(axis=0), count=len(QUERY))
