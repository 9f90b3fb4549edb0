"""Compiled inner loops over packed bits. Imported on first use, as `_kernels`."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from lateint_ref._lanes import LANES, add, larger, load, popcount, store

__all__ = ["LANES", "hamming_segments", "masked_segments"]


@njit(parallel=True, error_model="numpy", cache=True)
def hamming_segments(query, words, offsets):  # type: ignore[no-untyped-def]
    """For every segment of `words`, the sum over query vectors of the smallest Hamming distance.

    The inner loop runs over query vectors, which lie side by side: one instruction compares a word of a document
    vector with that word of 8 query vectors (AVX-512). 4 document vectors at a time share the running minima.
    Where the machine has no instruction that counts bits in a vector, LLVM looks them up half a byte at a time.

    Args:
        query: uint64 `(n_words, n_q)`, C-contiguous: word `w` of every query vector.
        words: uint64 `(total_vectors, n_words)`, C-contiguous.
        offsets: int64 `(n_docs + 1,)`.

    Returns:
        int64 `(n_docs,)`.
    """
    n_docs = offsets.shape[0] - 1
    n_words, n_q = query.shape
    sums = np.empty(n_docs, np.int64)
    for doc in prange(n_docs):
        start, stop = offsets[doc], offsets[doc + 1]
        best = np.full(n_q, 64 * n_words, np.uint64)
        # Distances over the words but the last one or two, which are added where the minimum is taken.
        so_far = np.zeros((4, n_q), np.uint64)
        s0, s1, s2, s3 = so_far[0], so_far[1], so_far[2], so_far[3]
        for row in range(start, stop, 4):
            # Past the document's end its last vector stands in again, which cannot change a minimum.
            d0 = words[row]
            d1 = words[min(row + 1, stop - 1)]
            d2 = words[min(row + 2, stop - 1)]
            d3 = words[min(row + 3, stop - 1)]
            last = n_words - 1
            before = max(last - 1, 0)
            for w in range(before):
                q = query[w]
                for j in range(n_q):
                    s0[j] += popcount(q[j] ^ d0[w])
                    s1[j] += popcount(q[j] ^ d1[w])
                    s2[j] += popcount(q[j] ^ d2[w])
                    s3[j] += popcount(q[j] ^ d3[w])
            q, p = query[last], query[before]
            a0, a1, a2, a3 = d0[last], d1[last], d2[last], d3[last]
            b0, b1, b2, b3 = d0[before], d1[before], d2[before], d3[before]
            if n_words == 1:
                for j in range(n_q):
                    h0, h1 = popcount(q[j] ^ a0), popcount(q[j] ^ a1)
                    h2, h3 = popcount(q[j] ^ a2), popcount(q[j] ^ a3)
                    best[j] = min(best[j], min(min(h0, h1), min(h2, h3)))
            else:
                for j in range(n_q):
                    h0 = s0[j] + popcount(q[j] ^ a0) + popcount(p[j] ^ b0)
                    h1 = s1[j] + popcount(q[j] ^ a1) + popcount(p[j] ^ b1)
                    h2 = s2[j] + popcount(q[j] ^ a2) + popcount(p[j] ^ b2)
                    h3 = s3[j] + popcount(q[j] ^ a3) + popcount(p[j] ^ b3)
                    best[j] = min(best[j], min(min(h0, h1), min(h2, h3)))
                if n_words > 2:
                    so_far[:] = 0
        total = np.int64(0)
        for j in range(n_q):
            total += np.int64(best[j])
        sums[doc] = total
    return sums


@njit(parallel=True, error_model="numpy", cache=True)
def masked_segments(table, n_q, bits, offsets):  # type: ignore[no-untyped-def]
    """For every segment of `bits`, the sum over query vectors of the largest sum of query values under the ones.

    Bits come in half bytes, of which there are only 16: what each adds to the scores of 8 query vectors is looked up,
    so that 2 additions of a vector register stand for 8 dimensions of 8 query vectors. The table of one tile of query
    vectors (16 kB at 128 dimensions) stays in the processor's nearest cache.

    Args:
        table: float32, flat, from `(tiles, dim / 4, 16, LANES)`; see `packed._partial_sums`.
        n_q: how many query vectors count.
        bits: uint8 `(total_vectors, dim / 8)`, C-contiguous.
        offsets: int64 `(n_docs + 1,)`.

    Returns:
        float32 `(n_docs,)`.
    """
    n_docs = offsets.shape[0] - 1
    n_bytes = bits.shape[1]
    n_tiles = (n_q + LANES - 1) // LANES
    half = 16 * LANES
    scores = np.empty(n_docs, np.float32)
    for doc in prange(n_docs):
        maxima = np.full(n_tiles * LANES, -np.inf, np.float32)
        for tile in range(n_tiles):
            start = tile * n_bytes * 2 * half
            best = load(maxima, tile * LANES)
            for row in range(offsets[doc], offsets[doc + 1]):
                byte = np.intp(bits[row, 0])
                total = add(load(table, start + (byte >> 4) * LANES), load(table, start + half + (byte & 15) * LANES))
                for at in range(1, n_bytes):
                    byte = np.intp(bits[row, at])
                    here = start + at * 2 * half
                    both = add(load(table, here + (byte >> 4) * LANES), load(table, here + half + (byte & 15) * LANES))
                    total = add(total, both)
                best = larger(best, total)
            store(maxima, tile * LANES, best)
        score = np.float32(0)
        for q in range(n_q):
            score += maxima[q]
        scores[doc] = score
    return scores
