"""Exercises of notebook 03, ColBERT. Expected values come from counting on paper, or from loops written out here."""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any

import numpy as np

from lateint_ref.multivectors import MultiVectors
from workbook.checks._shared import judge_parts, random_vectors, score_by_loops
from workbook.exercises import NotYet, exercise, expect_array, expect_close


@exercise(
    "03-1",
    hints=[
        "Without augmentation, a query keeps one vector for every token, special ones included.",
        "With augmentation, every query has as many vectors as its query length says.",
        "A query that is too long is cut to the query length, and then there is no room for [MASK].",
    ],
    shows="With augmentation every query costs the same: the query length is the number of vectors.",
)
def _count(answer: Any) -> None:
    given = expect_array(answer, shape=(4,), what="the prediction")
    wanted = (12, 32, 32, 20)
    faults = {
        (0, 9): "a query keeps the vectors of [CLS], its marker and [SEP], too",
        (0, 11): "one of [CLS], marker and [SEP] is missing",
        (1, 35): "the query length includes [CLS], marker and [SEP]",
        (1, 12): "the gaps yield vectors, too: that is what augmentation is",
        (2, 43): "a query longer than the query length is cut",
        (2, 40): "a query longer than the query length is cut, and special tokens count",
        (2, 29): "the three special tokens have vectors, too",
        (3, 23): "the three special tokens are no [MASK]",
        (3, 0): "what fills the query up are [MASK] tokens, and each has a vector",
    }
    judge_parts(given.tolist(), wanted, faults, "write the tokens down in a row and count")


@exercise(
    "03-2",
    hints=[
        "All tokens at once: one matrix product. Which of the two must be transposed so that the shapes fit?",
        "hidden @ matrix.T has shape (n, d). Then every row is divided by its length.",
        "np.linalg.norm(projected, axis=1, keepdims=True) holds the lengths of the rows, as a column.",
    ],
    shows="The last layer of a ColBERT is one matrix without bias, and a division by the length.",
)
def _project(answer: Callable[..., Any]) -> None:
    for n, dim in ((5, 4), (4, 4), (1, 4)):  # a square matrix, too: there a missing transpose has the right shape
        hidden, matrix = random_vectors(n, 6, seed=n), random_vectors(dim, 6, seed=10 + n)
        if n == dim:
            hidden, matrix = hidden[:, :4], matrix[:, :4]
        wanted = np.array([[float(np.dot(row, x)) for row in matrix] for x in hidden])
        lengths = np.array([float(np.dot(row, row)) ** 0.5 for row in wanted])[:, None]
        got = np.asarray(answer(hidden.copy(), matrix.copy()))
        if got.shape == wanted.shape:
            before = hidden / np.linalg.norm(hidden, axis=1, keepdims=True) @ matrix.T
            faults = [
                (wanted, "the vectors are projected, but their length is not 1 yet"),
                (before, "the length is divided away before the projection; the projection changes it again"),
                (wanted / np.linalg.norm(wanted), "all vectors share one length; each row needs its own: axis=1"),
                (wanted / np.linalg.norm(wanted, axis=0), "the columns have length 1; it should be the rows: axis=1"),
                (wanted / lengths**2, "the division is by the squared length; take its root"),
            ]
            if n == dim:
                turned = hidden @ matrix
                turned = turned / np.linalg.norm(turned, axis=1, keepdims=True)
                faults.append((turned, "the rows of the matrix are the directions: transpose it in the product"))
            if not np.allclose(got, wanted / lengths, 1e-4, 1e-4):
                for values, words in faults:
                    if np.allclose(got, values, 1e-4, 1e-4):
                        raise NotYet(words)
        expect_close(got, wanted / lengths, what="the projected vectors")


TOKENS = ["[CLS]", "[unused1]", "dogs", ",", "on", "a", "lead", ":", "£", "3", ".", "50", "!", "##ing", "(", "[SEP]"]
MARKS = (3, 7, 10, 12, 14)


@exercise(
    "03-3",
    hints=[
        "One decision for each token: is the whole token a punctuation mark?",
        "set(string.punctuation) holds single characters. The token as a whole must be one of them.",
        "keep = [token not in set(string.punctuation) for token in tokens]; then vectors[keep].",
    ],
    shows="Punctuation is read by the encoder and left out of the index: fewer vectors, and nothing to decode.",
)
def _punctuation(answer: Callable[..., Any]) -> None:
    for tokens in (TOKENS, TOKENS[:3]):
        vectors = random_vectors(len(tokens), 4, seed=len(tokens))
        given = answer(list(tokens), vectors.copy())
        if not isinstance(given, (tuple, list)) or len(given) != 2:
            raise NotYet("return two things: the vectors that are kept, and how many were left out")
        got, count = np.asarray(given[0]), given[1]
        marks = [place for place in range(len(tokens)) if place in MARKS]
        kept = [place for place in range(len(tokens)) if place not in MARKS]
        if got.ndim == 2 and len(got) != len(kept):
            contains = [p for p, token in enumerate(tokens) if any(c in string.punctuation for c in token)]
            no_letter = [p for p, token in enumerate(tokens) if not token.isalnum()]
            if len(got) == len(tokens) - len(contains):
                raise NotYet("tokens that merely contain such a character, as [SEP] or ##ing do, are left out, too")
            if len(got) == len(tokens) - len(no_letter):
                raise NotYet("everything that is not letters or digits is left out: [SEP] and £ should stay")
            if len(got) == len(marks):
                raise NotYet("the punctuation is kept and the rest left out: turn the condition round")
            raise NotYet(f"{len(got)} of {len(tokens)} vectors are kept, but {len(kept)} should be: {tokens}")
        expect_close(got, vectors[kept], what="the kept vectors")
        expect_close(count, len(marks), what="the number left out")


@exercise(
    "03-4",
    hints=[
        "For one candidate: the maximum along the document's axis of query @ document.T, summed over query vectors.",
        "Compute that score for every candidate, then sort the candidates by it, the largest first.",
        "sorted(candidates, key=lambda name: (query @ collection[name].T).max(axis=1).sum(), reverse=True)",
    ],
    shows="Rescoring is exact MaxSim on a short list: what the first stage missed stays missed.",
)
def _rescore(answer: Callable[..., Any]) -> None:
    query = random_vectors(5, 6, seed=1)
    names = [f"d{place}" for place in range(9)]
    documents = {name: random_vectors(2 + place * 2 % 7, 6, seed=20 + place) for place, name in enumerate(names)}
    # Every similarity of these two is negative: with a maximum that starts at 0 they could not be told apart.
    opposite = -query.sum(axis=0, keepdims=True)
    documents["d4"], documents["d5"] = opposite.astype(np.float32), (opposite / 10).astype(np.float32)
    collection = MultiVectors.from_list(list(documents.values()), names)
    for candidates in (["d7", "d2", "d4", "d0", "d5"], ["d8", "d1"], names[::-1]):
        got = answer(query.copy(), collection, list(candidates))
        if not isinstance(got, (list, tuple, np.ndarray)):
            raise NotYet(f"return a list of ids, the best first; this is a {type(got).__name__}")
        given = [str(entry) for entry in got]
        scores = {name: score_by_loops(query, documents[name]) for name in candidates}
        clipped = {name: sum(max(0.0, *(documents[name] @ q)) for q in query) for name in candidates}
        backwards = {name: score_by_loops(documents[name], query) for name in candidates}
        wanted = sorted(candidates, key=lambda name: -scores[name])
        if given == wanted:
            continue
        if set(given) - set(candidates):
            strangers = sorted(set(given) - set(candidates))
            raise NotYet(f"the result holds {strangers[0]!r}, which is not a candidate: return ids from the list only")
        if len(given) != len(candidates):
            raise NotYet(f"{len(given)} ids for {len(candidates)} candidates: each should appear once")
        if given == wanted[::-1]:
            raise NotYet("the order is reversed: the best comes first")
        if given == list(candidates):
            raise NotYet("the candidates come back in the order they were given in")
        if given == sorted(candidates, key=lambda name: -clipped[name]):
            raise NotYet(
                "a maximum starts at 0, perhaps from padding: where all similarities are negative, so is the best"
            )
        if given == sorted(candidates, key=lambda name: -backwards[name]):
            raise NotYet("the maximum runs over the wrong axis: this is MaxSim(D, Q)")
        raise NotYet(f"the order is {given}, but should be {wanted}")
