"""Compiled inner loops. Imported on first use, because numba takes longer to import than all the rest.

Numba compiles them once a machine and keeps the result beside this file (or in its user cache directory).
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

# Reordering the terms of a sum is what lets the compiler use vector registers. The other "fast math" licences
# (ignore NaN and infinity) stay off: the running maximum starts at minus infinity.
_REORDER = {"reassoc", "contract", "nsz"}

QUERY_TILE = 4


@njit(parallel=True, fastmath=_REORDER, error_model="numpy", cache=True)
def maxsim_segments(query, n_q, vectors, offsets):  # type: ignore[no-untyped-def]
    """MaxSim of one query with every segment of `vectors`.

    A general matrix product would write all `n_q * total_vectors` similarities to memory only to read them
    once for the maximum. Here 3 document vectors meet 4 query vectors at a time: the 12 partial sums live in
    registers, and of the finished similarities only the running maxima are kept. Documents are shared out
    among the cores.

    Args:
        query: float32 `(n_padded, dim)`, `n_padded` the next multiple of 4 from `n_q`, C-contiguous.
        n_q: how many rows of `query` count.
        vectors: float32 `(total_vectors, dim)`, C-contiguous.
        offsets: int64 `(n_docs + 1,)`.

    Returns:
        float32 `(n_docs,)`.
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
