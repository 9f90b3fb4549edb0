"""Checkers of notebook 03, ColBERT. Expected values come from counting on paper, or from loops."""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from lateint_ref.multivectors import MultiVectors
from workbook.checks._shared import judge_parts, random_vectors, score_by_loops, unit
from workbook.exercises import Answer, NotYet, exercise, expect_close, expect_list, rule_out


@exercise("03-1", "With augmentation every query costs the same: the query length is the number of vectors.")
def _count(answer: Any) -> None:
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
    judge_parts(answer, (12, 32, 32, 20), faults, "write the tokens down in a row and count")


@exercise("03-2", "The last layer of a ColBERT is one matrix without bias, and a division by the length.")
def _project(answer: Answer) -> None:
    for n, dim, width in ((5, 4, 6), (4, 4, 4), (1, 4, 6)):  # square, too: without a transpose the shape is right
        hidden, matrix = random_vectors(n, 6, seed=n)[:, :width], random_vectors(dim, 6, seed=10 + n)[:, :width]
        wanted = np.array([[float(np.dot(row, x)) for row in matrix] for x in hidden])
        faults = [
            (wanted, "the vectors are projected, but their length is not 1 yet"),
            (
                unit(hidden) @ matrix.T,
                "the length is divided away before the projection; the projection changes it again",
            ),
            (wanted / np.linalg.norm(wanted), "all vectors share one length; each row needs its own: axis=1"),
            (unit(wanted.T).T, "the columns have length 1; it should be the rows: axis=1"),
            (
                wanted / (wanted**2).sum(axis=1, keepdims=True),
                "the division is by the squared length; take its root",
            ),
        ]
        if width == dim:
            turned = "the rows of the matrix are the directions: transpose it in the product"
            faults.append((unit(hidden @ matrix), turned))
        expect_close(answer(hidden.copy(), matrix.copy()), unit(wanted), what="the projected vectors", faults=faults)


TOKENS = ["[CLS]", "[unused1]", "dogs", ",", "on", "a", "lead", ":", "£", "3", ".", "50", "!", "##ing", "(", "[SEP]"]
MARKS = (3, 7, 10, 12, 14)


@exercise("03-3", "Punctuation is read by the encoder and left out of the index: fewer vectors, and nothing to decode.")
def _punctuation(answer: Answer) -> None:
    for tokens in (TOKENS, TOKENS[:3]):
        vectors = random_vectors(len(tokens), 4, seed=len(tokens))
        given = answer(list(tokens), vectors.copy())
        vectors_left, count = expect_list(given, "two things: the vectors that are kept, and how many were left out", 2)
        kept = [place for place in range(len(tokens)) if place not in MARKS]
        got = np.asarray(vectors_left)
        if got.ndim == 2 and len(got) != len(kept):
            letters = sum(not any(c in string.punctuation for c in token) for token in tokens)
            alphanumeric = sum(token.isalnum() for token in tokens)
            faults = [
                (letters, "tokens that merely contain such a character, as [SEP] or ##ing do, are left out, too"),
                (alphanumeric, "everything that is not letters or digits is left out: [SEP] and £ should stay"),
                (len(tokens) - len(kept), "the punctuation is kept and the rest left out: turn the condition round"),
            ]
            rule_out(len(got), faults)
            raise NotYet(f"{len(got)} of {len(tokens)} vectors are kept, but {len(kept)} should be: {tokens}")
        expect_close(got, vectors[kept], what="the kept vectors")
        expect_close(count, len(tokens) - len(kept), what="the number left out")


@exercise("03-4", "Rescoring is exact MaxSim on a short list: what the first stage missed stays missed.")
def _rescore(answer: Answer) -> None:
    query = random_vectors(5, 6, seed=1)
    names = [f"d{place}" for place in range(9)]
    documents = {name: random_vectors(2 + place * 2 % 7, 6, seed=20 + place) for place, name in enumerate(names)}
    # Every similarity of these two is negative: with a maximum that starts at 0 they could not be told apart.
    documents["d4"] = -query.sum(axis=0, keepdims=True)
    documents["d5"] = documents["d4"] / 10
    collection = MultiVectors.from_list(list(documents.values()), names)
    for candidates in (["d7", "d2", "d4", "d0", "d5"], ["d8", "d1"], names[::-1]):
        got = expect_list(answer(query.copy(), collection, list(candidates)), "a list of ids, the best first")
        given = [str(entry) for entry in got]
        scores = {name: score_by_loops(query, documents[name]) for name in candidates}
        clipped = {name: score_by_loops(query, documents[name], start=0.0) for name in candidates}
        backwards = {name: score_by_loops(documents[name], query) for name in candidates}
        wanted, no_negative, turned = (
            sorted(candidates, key=lambda name: -found[name]) for found in (scores, clipped, backwards)
        )
        if given == wanted:
            continue
        if strangers := sorted(set(given) - set(candidates)):
            raise NotYet(f"the result holds {strangers[0]!r}, which is not a candidate: return ids from the list only")
        if len(given) != len(candidates):
            raise NotYet(f"{len(given)} ids for {len(candidates)} candidates: each should appear once")
        zero = "a maximum starts at 0, perhaps from padding: where all similarities are negative, so is the best"
        faults = [
            (wanted[::-1], "the order is reversed: the best comes first"),
            (candidates, "the candidates come back in the order they were given in"),
            (no_negative, zero),
            (turned, "the maximum runs over the wrong axis: this is MaxSim(D, Q)"),
        ]
        rule_out(given, faults)
        raise NotYet(f"the order is {given}, but should be {wanted}")
