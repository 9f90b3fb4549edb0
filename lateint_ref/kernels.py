"""Compiled inner loops: plain Python over arrays, which numba turns into machine code; cores share the documents out.

Arrays are checked, C-contiguous and of the dtypes that are named; each loop returns one number a document, `(n_docs,)`.

Imported on first use, because numba takes longer to import than all the rest. Compiled once a machine, and kept beside
this file or in numba's own cache folder; where neither can be written, once a process.

Threads and processes. Several threads may score at once: they take turns, and each turn uses all cores. A process that
was forked after its parent has scored (`multiprocessing` on Linux before Python 3.14, a `DataLoader`'s workers) cannot
use the parent's threads: there the same loops run on one core, compiled anew in a second or two. Start such workers
with the `spawn` method for all cores.
"""

import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit, prange

# Reordering the terms of a sum is what lets the compiler use vector registers. The other "fast math" licences
# (ignore NaN and infinity) stay off: the running maximum starts at minus infinity.
_REORDER = {"reassoc", "contract", "nsz"}

QUERY_TILE = 4

_process = os.getpid()
# Not every threading layer of numba bears two callers at once: with its own ("workqueue") the process would end.
_turn = threading.Lock()


def _compiled(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile loops for all cores, and for one core where threads cannot be used."""

    def decorate(loops: Callable[..., Any]) -> Callable[..., Any]:
        try:
            parallel = njit(parallel=True, error_model="numpy", cache=True, **options)(loops)
        except RuntimeError:  # "cannot cache function": no folder that can be written
            parallel = njit(parallel=True, error_model="numpy", **options)(loops)
        serial = njit(error_model="numpy", **options)(loops)

        def call(*arrays: Any) -> Any:
            if os.getpid() != _process:
                return serial(*arrays)
            with _turn:
                return parallel(*arrays)

        call.__doc__ = loops.__doc__
        return call

    return decorate


@_compiled(fastmath=_REORDER)
def maxsim_segments(query, n_q, vectors, offsets):  # type: ignore[no-untyped-def]
    """MaxSim of one query with every segment of `vectors`.

    A general matrix product would write all `n_q * total_vectors` similarities to memory only to read them
    once for the maximum. Here 3 document vectors meet 4 query vectors at a time: the 12 partial sums live in
    registers, and of the finished similarities only the running maxima are kept.

    Args:
        query: float32 `(n_padded, dim)`, the next multiple of 4 from `n_q`.
        n_q: how many rows of `query` count.
        vectors: float32 or int8 `(total_vectors, dim)`.
        offsets: int64 `(n_docs + 1,)`.
    """
    n_docs = offsets.shape[0] - 1
    n_padded, dim = query.shape
    scores = np.empty(n_docs, np.float32)
    for doc in prange(n_docs):
        start, stop = offsets[doc], offsets[doc + 1]
        best = np.full(n_padded, -np.inf, np.float32)
        for row in range(start, stop, 3):
            # Past the document's end its last vector stands in again, which cannot change a maximum.
            d0 = vectors[row]
            d1 = vectors[min(row + 1, stop - 1)]
            d2 = vectors[min(row + 2, stop - 1)]
            for q in range(0, n_padded, QUERY_TILE):
                q0, q1, q2, q3 = query[q], query[q + 1], query[q + 2], query[q + 3]
                s00 = s01 = s02 = s03 = np.float32(0)
                s10 = s11 = s12 = s13 = np.float32(0)
                s20 = s21 = s22 = s23 = np.float32(0)
                for k in range(dim):
                    s00 += d0[k] * q0[k]
                    s01 += d0[k] * q1[k]
                    s02 += d0[k] * q2[k]
                    s03 += d0[k] * q3[k]
                    s10 += d1[k] * q0[k]
                    s11 += d1[k] * q1[k]
                    s12 += d1[k] * q2[k]
                    s13 += d1[k] * q3[k]
                    s20 += d2[k] * q0[k]
                    s21 += d2[k] * q1[k]
                    s22 += d2[k] * q2[k]
                    s23 += d2[k] * q3[k]
                best[q] = max(best[q], s00, s10, s20)
                best[q + 1] = max(best[q + 1], s01, s11, s21)
                best[q + 2] = max(best[q + 2], s02, s12, s22)
                best[q + 3] = max(best[q + 3], s03, s13, s23)
        total = np.float32(0)
        for q in range(n_q):
            total += best[q]
        scores[doc] = total
    return scores


@njit(inline="always")
def _ones(word):  # type: ignore[no-untyped-def]
    """How many bits of a uint64 are set: pairs are counted, then fours, then bytes, whose counts are added up.

    The compiler knows these four lines and puts the processor's own instruction, or a table of half bytes, in their
    place, for several words at a time.
    """
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@_compiled()
def hamming_segments(query, words, offsets):  # type: ignore[no-untyped-def]
    """For every segment of `words`, the sum over query vectors of the smallest Hamming distance.

    The inner loop runs over query vectors, which lie side by side, so one instruction compares a word of a document
    vector with that word of several query vectors.

    Args:
        query: uint64 `(n_words, n_q)`: word `w` of every query vector.
        words: uint64 `(total_vectors, n_words)`.
        offsets: int64 `(n_docs + 1,)`.
    """
    n_docs = offsets.shape[0] - 1
    n_words, n_q = query.shape
    sums = np.empty(n_docs, np.int64)
    for doc in prange(n_docs):
        best = np.full(n_q, 64 * n_words, np.uint64)
        distance = np.empty(n_q, np.uint64)
        for row in range(offsets[doc], offsets[doc + 1]):
            distance[:] = 0
            for w in range(n_words):
                word = words[row, w]
                for q in range(n_q):
                    distance[q] += _ones(query[w, q] ^ word)
            for q in range(n_q):
                best[q] = min(best[q], distance[q])
        total = np.int64(0)
        for q in range(n_q):
            total += np.int64(best[q])
        sums[doc] = total
    return sums


@_compiled()
def masked_segments(table, bits, offsets):  # type: ignore[no-untyped-def]
    """For every segment of `bits`, the sum over query vectors of the largest sum of query values under the ones.

    Bits come in half bytes, of which there are only 16: what each adds to the score of every query vector is looked
    up, so 2 rows of the table stand for 8 dimensions.

    Args:
        table: float32 `(dim / 4, 16, n_q)`; see `quantize.maxsim_asymmetric_scores`.
        bits: uint8 `(total_vectors, dim / 8)`.
        offsets: int64 `(n_docs + 1,)`.
    """
    n_docs = offsets.shape[0] - 1
    n_q = table.shape[2]
    scores = np.empty(n_docs, np.float32)
    for doc in prange(n_docs):
        best = np.full(n_q, -np.inf, np.float32)
        total = np.empty(n_q, np.float32)
        for row in range(offsets[doc], offsets[doc + 1]):
            total[:] = 0
            for at in range(bits.shape[1]):
                byte = bits[row, at]
                high, low = table[2 * at, byte >> 4], table[2 * at + 1, byte & 15]
                for q in range(n_q):
                    total[q] += high[q] + low[q]
            for q in range(n_q):
                best[q] = max(best[q], total[q])
        score = np.float32(0)
        for q in range(n_q):
            score += best[q]
        scores[doc] = score
    return scores
