"""Pipelines of one stage: floats, whole numbers, bits, residual codes, single vectors, fewer vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lateint_ref.bbq import oversampled_search
from lateint_ref.multivectors import MultiVectors
from lateint_ref.plaid import Settings
from lateint_ref.pooling import average_vector
from lateint_ref.quantize import (
    binarize,
    maxsim_asymmetric_scores,
    maxsim_int8_scores,
    maxsim_inv_hamming_scores,
    quantize_int8,
)
from lateint_ref.scores import maxsim_scores
from workbook.catalogue_forms import POOL_FACTORS, PRUNE_FACTOR, RESIDUAL_BITS, Forms
from workbook.pipelines import Pipeline, by_score, exact_maxsim, exhaustive
from workbook.testbeds import Question, Testbed

OVERSAMPLING = 3.0
# Of 97 pages or 320 passages; a quarter of what is kept is decoded.
PLAID_KEPT = 64
# Questions over which PLAID's work is averaged: counting it takes a search each.
_COUNTED = 16

# A score for every document of a corpus, from a question.
Score = Callable[[Question], Any]


def scan_all(testbed: Testbed, name: str, documents: Any, representation: str, score: Score) -> Pipeline:
    """Every vector of a collection, packed or not, meets every query vector."""
    return exhaustive(name, testbed, score, len(documents.vectors), testbed.documents.dim, representation)


def by_maxsim(documents: MultiVectors) -> Score:
    """MaxSim with float vectors."""
    return lambda question: maxsim_scores(question.vectors, documents)


def by_int8(documents: Any) -> Score:
    """MaxSim in whole numbers; the query is rounded as the documents are."""
    return lambda question: maxsim_int8_scores(quantize_int8(question.vectors), documents)


def by_symmetric(documents: Any) -> Score:
    """Inverse Hamming MaxSim: bits on both sides."""
    return lambda question: maxsim_inv_hamming_scores(binarize(question.vectors), documents)


def by_asymmetric(documents: Any) -> Score:
    """A float query against bits read as 0 and 1."""
    return lambda question: maxsim_asymmetric_scores(question.vectors, documents)


def floats(testbed: Testbed, forms: Forms) -> list[Pipeline]:
    """Exact MaxSim; once more without repeated vectors where there are any."""
    found = [exact_maxsim(testbed)]
    if len(forms.distinct.vectors) < len(forms.documents.vectors):
        found.append(scan_all(testbed, "copies dropped", forms.distinct, "float32", by_maxsim(forms.distinct)))
    return found


def bits(testbed: Testbed, forms: Forms) -> list[Pipeline]:
    """Sign bits (notebook 05)."""
    found = [
        scan_all(testbed, "bits, symmetric", forms.bits, "bit", by_symmetric(forms.bits)),
        scan_all(testbed, "bits, asymmetric", forms.bits, "bit", by_asymmetric(forms.bits)),
    ]
    if len(forms.distinct.vectors) < len(forms.documents.vectors):
        score = by_asymmetric(forms.distinct_bits)
        found.append(scan_all(testbed, "copies dropped, bits", forms.distinct_bits, "bit", score))
    return found


def residual(testbed: Testbed, forms: Forms) -> list[Pipeline]:
    """Residual codes and PLAID (notebook 06).

    The exhaustive ones search vectors that were decoded beforehand, so their time is that of floats, without decoding.
    Only PLAID's bytes hold a share of the codec.
    """
    found = []
    for bits in RESIDUAL_BITS:
        name = f"residual, {bits} bit" + "s" * (bits > 1)
        found.append(scan_all(testbed, name, forms.documents, f"residual-{bits}bit", by_maxsim(forms.decoded[bits])))
    return [*found, _plaid(testbed, forms, PLAID_KEPT)]


def _plaid(testbed: Testbed, forms: Forms, kept: int) -> Pipeline:
    """Operations are those with centroids and with decoded vectors; looking up centroid scores is not counted."""
    index, settings = forms.plaid, Settings(1, 0.45, kept)
    codes, dim = index.encoded, testbed.documents.dim
    operations, read = [], []
    for question in testbed.questions[:: max(1, len(testbed.questions) // _COUNTED)]:
        stages = index.stages(question.vectors, settings)
        decoded = int(codes.lengths[stages.decoded].sum())
        operations.append(len(question.vectors) * dim * (len(index.codec.centroids) + decoded))
        ids = 4 * int(codes.lengths[stages.candidates].sum())
        read.append(4 * index.codec.centroids.size + ids + decoded * codes.bytes_per_vector)
    return Pipeline(
        f"PLAID, 2 bits, {max(1, kept // 4)} decoded",
        lambda question, k: index.stages(question.vectors, settings).ranked[:k],
        index.nbytes / len(codes),
        float(np.mean(operations)),
        float(np.mean(read)),
    )


def one_vector(testbed: Testbed, forms: Forms) -> list[Pipeline]:
    """Average vectors, float and quantised (notebook 07)."""
    n, dim = len(testbed.documents), testbed.documents.dim

    def one(name: str, vectors: Any) -> Pipeline:
        score = by_score(lambda question: vectors @ average_vector(question.vectors))
        return Pipeline(name, score, 4 * dim, n * dim, 4 * n * dim)

    found = [one("average vector", forms.average)]
    if forms.inked is not forms.documents:
        found.append(one("average without blank patches", forms.inked_average))
    quantized, exact = forms.average_bbq, forms.inked_average
    coarse = quantized.bytes_per_vector
    alone = by_score(lambda question: quantized.scores(average_vector(question.vectors)))
    found.append(Pipeline("average, BBQ", alone, coarse, n * dim, n * coarse))
    # What is looked at twice is counted for the ten best, as quality is.
    again = min(n, int(np.ceil(OVERSAMPLING * 10)))
    found.append(
        Pipeline(
            f"average, BBQ, oversampled {OVERSAMPLING:g} times",
            lambda question, k: oversampled_search(average_vector(question.vectors), exact, quantized, k, OVERSAMPLING),
            coarse + 4 * dim,
            (n + again) * dim,
            n * coarse + again * 4 * dim,
        )
    )
    return found


def fewer(testbed: Testbed, forms: Forms) -> list[Pipeline]:
    """Pooled vectors, float and as bits, and pruned ones (notebook 08)."""
    found = []
    for factor in POOL_FACTORS:
        pooled, bits = forms.pooled[factor], forms.pooled_bits[factor]
        found.append(scan_all(testbed, f"pooled by {factor}", pooled, "float32", by_maxsim(pooled)))
        found.append(scan_all(testbed, f"pooled by {factor}, bits", bits, "bit", by_asymmetric(bits)))
    name = f"pruned by rarity, factor {PRUNE_FACTOR}"
    return [*found, scan_all(testbed, name, forms.pruned, "float32", by_maxsim(forms.pruned))]
