"""Pipelines of two stages, and those that read words: see `catalogue`."""

from __future__ import annotations

from typing import Any

import numpy as np

from lateint_ref.cost import Work, bytes_per_vector, scan, total
from lateint_ref.encoders import BM25
from lateint_ref.pooling import average_vector
from lateint_ref.quantize import maxsim_asymmetric_scores
from lateint_ref.ranking import fused_scores, two_stage_search
from lateint_ref.scores import maxsim_scores
from workbook.catalogue_forms import POOL_FACTORS, Forms
from workbook.catalogue_scans import Score, by_symmetric
from workbook.pipelines import Pipeline, by_score, exact_maxsim, mean_query_vectors
from workbook.testbeds import Question, Testbed

DEPTHS = (10, 30)
FUSED_DEPTH = 50


def two_stages(testbed: Testbed, forms: Forms) -> list[Pipeline]:
    """Something small over everything, then MaxSim with the best (notebook 09)."""
    n, dim, n_query = len(testbed.documents), testbed.documents.dim, mean_query_vectors(testbed)
    floats, bits = forms.documents, forms.bits
    nested = forms.pooled[POOL_FACTORS[-1]]
    owner = np.repeat(np.arange(n), nested.lengths)

    def by_average(question: Question) -> Any:
        return forms.inked_average @ average_vector(question.vectors)

    def by_best_entry(question: Question) -> Any:
        best = np.full(n, -np.inf)
        np.maximum.at(best, owner, nested.vectors @ average_vector(question.vectors))
        return best

    def by_encoding(question: Question) -> Any:
        return forms.encodings @ forms.muvera.encode_query(question.vectors)

    average = scan("dot", 1, n, dim)
    signs = scan("bits", n_query, len(bits.vectors), dim, "bit")
    entries = scan("dot", 1, len(nested.vectors), dim)
    encodings = scan("dot", 1, n, forms.muvera.size)
    deep = DEPTHS[-1]
    found = [
        _rescored(testbed, "nested pooled", by_best_entry, entries, deep, floats, "float32"),
        _rescored(testbed, "MUVERA", by_encoding, encodings, deep, floats, "float32"),
    ]
    for depth in DEPTHS:
        found += [
            _rescored(testbed, "average", by_average, average, depth, floats, "float32"),
            _rescored(testbed, "average", by_average, average, depth, bits, "bit"),
            _rescored(testbed, "bits", by_symmetric(bits), signs, depth, floats, "float32"),
            _rescored(testbed, "bits", by_symmetric(bits), signs, depth, bits, "bit"),
        ]
    return found


def _rescored(
    testbed: Testbed, name: str, score: Score, first: Work, depth: int, documents: Any, representation: str
) -> Pipeline:
    """A first stage that reads all that it stores, and MaxSim on floats or, with the float query, on bits."""
    n, dim = len(documents), testbed.documents.dim
    packed = representation == "bit"
    second = maxsim_asymmetric_scores if packed else maxsim_scores

    def search(question: Question, k: int) -> Any:
        hits = two_stage_search(
            question.vectors, documents, score(question), depth=depth, k=min(k, depth), score=second
        )
        return np.array([documents.position(hit.id) for hit in hits], np.int64)

    looked_at = max(1, round(min(depth, n) * len(documents.vectors) / n))
    stages = [first, scan("rescore", mean_query_vectors(testbed), looked_at, dim, representation)]
    stored = float(len(documents.vectors) * bytes_per_vector(dim, representation))
    # Bits that both stages read are stored once.
    shared = packed and first.kind == "bits"
    if not shared:
        stored += first.bytes_read
    label = f"{name}, {depth} rescored by " + ("bits" if packed else "floats")
    return Pipeline(label, search, stored / n, *total(stages))


def words(testbed: Testbed, forms: Forms) -> list[Pipeline]:
    """BM25 alone, before MaxSim, and fused with it by reciprocal rank (notebook 09)."""
    bm25, documents, n = forms.bm25, forms.documents, len(forms.documents)
    exact = exact_maxsim(testbed)
    met = float(np.mean([bm25.postings(question.text) for question in testbed.questions]))

    def fused(question: Question) -> Any:
        both = [maxsim_scores(question.vectors, documents), bm25.scores(question.text)]
        return fused_scores(both, depth=FUSED_DEPTH)

    words = Work("words", met, met * BM25.BYTES_PER_POSTING)
    each = bm25.nbytes / n
    lexical = Pipeline("BM25", by_score(lambda q: bm25.scores(q.text)), each, *total([words]))
    hybrid = Pipeline(
        "MaxSim and BM25, fused",
        by_score(fused),
        exact.bytes_per_document + each,
        exact.operations + met,
        exact.bytes_read + words.bytes_read,
    )
    looked_at = max(1, round(min(FUSED_DEPTH, n) * len(documents.vectors) / n))
    second = scan("rescore", mean_query_vectors(testbed), looked_at, documents.dim)

    def search(question: Question, k: int) -> Any:
        scores = bm25.scores(question.text)
        hits = two_stage_search(question.vectors, documents, scores, depth=FUSED_DEPTH, k=min(k, FUSED_DEPTH))
        return np.array([documents.position(hit.id) for hit in hits], np.int64)

    reranked = Pipeline(
        f"BM25, {FUSED_DEPTH} rescored by floats", search, hybrid.bytes_per_document, *total([words, second])
    )
    return [lexical, reranked, hybrid]
