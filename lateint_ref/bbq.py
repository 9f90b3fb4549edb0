"""Better binary quantisation in small: one bit a dimension, and what it takes to estimate dot products from it.

A vector is centred on the collection's mean, `v = x - c`; its bits say which dimensions of `v` are above 0. Two levels
are kept with them, so a bit stands for `lower` or for `lower + step`. A query is centred likewise and rounded to 16
levels. The dot product of the two is then

    <x, q> = <v, w> + <x, c> + <q, c> - <c, c>,   with w = q - c

whose last three terms are known exactly, and the first is estimated from whole numbers alone: how many bits are set,
the sum of the query's levels, and their dot product with the bits, four bit counts.

The levels are those of the smallest loss `(1 - 0.1) <v, e>^2 / <v, v> + 0.1 <e, e>`, where `e` is what the levels get
wrong: an error along `v` counts most, as the vectors that a query looks for lie in its own direction. For given bits
these are the means of the values below and of those above 0, both multiplied by `1 / (0.1 + 0.9 r)`, where `r` is the
share of `<v, v>` that the means alone keep. Without that factor every near neighbour would seem further than it is.

This is the idea of Elasticsearch's `bbq` indices. Left out: Lucene goes on and moves bits and levels in turn by
coordinate descent, and does so for queries, too, where this takes the extremes; `bbq_hnsw` searches a graph of such
vectors, where this scans.

Sources: Apache Lucene, `Lucene102BinaryQuantizedVectorsFormat` (1 bit stored, 4 bits for queries; three floats and a
short beside the bits) and `OptimizedScalarQuantizer` (the loss); Gao and Long, "RaBitQ", SIGMOD 2024; Elasticsearch
reference, "Dense vector field type" (`bbq`, `oversample`).
"""

from typing import Any

import numpy as np

from lateint_ref.checks import (
    Float32Array,
    Int64Array,
    UInt8Array,
    as_matrix,
    as_vector,
    positive,
    require,
    same_dim,
    whole,
)
from lateint_ref.quantize import binarize, unpack
from lateint_ref.scores import top_k

QUERY_LEVELS = 16
# Lucene's weight of an error in any direction; the rest of it weighs the error along the vector.
LOSS_WEIGHT = 0.1
# Two levels and <x, c> as float32, and the number of bits set as two bytes.
CORRECTION_BYTES = 3 * 4 + 2


class BinaryQuantizedVectors:
    """One vector a document as bits and corrections.

    Attributes:
        centroid: float32 `(dim,)`, the mean of the vectors.
        bits: uint8 `(n, dim / 8)`, packed as `quantize.binarize` does.
        lower: float32 `(n,)`, what a 0 stands for.
        step: float32 `(n,)`, how much more a 1 stands for.
        centroid_dot: float32 `(n,)`, dot product of the vector with the centroid.
        ones: uint16 `(n,)`, number of bits set.
    """

    MADE_BY = "Make one with BinaryQuantizedVectors(vectors)."

    def __init__(self, vectors: Any) -> None:
        """Quantise vectors, `(n, dim)`, `dim` a multiple of 8 and at most 65,535."""
        matrix = as_matrix(vectors, "vectors")
        if matrix.shape[1] > np.iinfo(np.uint16).max:
            raise ValueError(f"vectors has {matrix.shape[1]} dimensions: at most 65,535 can be counted in two bytes.")
        self.centroid: Float32Array = matrix.mean(axis=0, dtype=np.float64).astype(np.float32)
        centred = matrix - self.centroid
        self.bits: UInt8Array = binarize(centred)
        above = centred > 0
        count = above.sum(axis=1)
        high = np.where(above, centred, 0).sum(axis=1) / np.maximum(count, 1)
        low = np.where(above, 0, centred).sum(axis=1) / np.maximum(matrix.shape[1] - count, 1)
        stretch = _stretch(centred, low, high, count)
        self.lower: Float32Array = (stretch * low).astype(np.float32)
        self.step: Float32Array = (stretch * (high - low)).astype(np.float32)
        self.centroid_dot: Float32Array = matrix @ self.centroid
        self.ones = count.astype(np.uint16)

    def __len__(self) -> int:
        return len(self.bits)

    @property
    def dim(self) -> int:
        """Number of dimensions."""
        return len(self.centroid)

    @property
    def bytes_per_vector(self) -> int:
        """Bytes of one vector: its bits and 14 bytes of corrections."""
        return int(self.bits.shape[1]) + CORRECTION_BYTES

    def reconstruct(self) -> Float32Array:
        """The vectors as their bits and levels describe them, float32 `(n, dim)`."""
        return self.centroid + self.lower[:, None] + self.step[:, None] * unpack(self.bits)

    def scores(self, query: Any) -> Float32Array:
        """Estimated dot product of one query vector, `(dim,)`, with every vector, float32 `(n,)`."""
        vector = as_vector(query, "query")
        same_dim(len(vector), self.dim, "query", "the quantised vectors")
        levels, base, width = quantize_query(vector - self.centroid)
        met = np.zeros(len(self), np.int64)
        for place in range(QUERY_LEVELS.bit_length() - 1):
            # One bit of every level, packed like the vectors: the pairs of ones count 2^place each.
            plane = np.packbits(levels >> place & 1)
            met += np.bitwise_count(self.bits & plane).sum(axis=1, dtype=np.int64) << place
        # Sum over dimensions of (lower + step * bit) * (base + width * level), multiplied out.
        ones = self.ones.astype(np.float64)
        estimate = self.lower * (self.dim * base + width * int(levels.sum())) + self.step * (base * ones + width * met)
        known = self.centroid_dot + float(vector @ self.centroid) - float(self.centroid @ self.centroid)
        return np.asarray(estimate + known, np.float32)


def quantize_query(values: Any) -> tuple[UInt8Array, float, float]:
    """Round a vector's values, `(dim,)`, to 16 evenly spaced levels between its smallest and its largest.

    Returns:
        Levels, uint8 `(dim,)`; what level 0 stands for; the distance between two levels (0 where all values are equal).
    """
    vector = as_vector(values, "values").astype(np.float64)
    base, top = float(vector.min()), float(vector.max())
    width = (top - base) / (QUERY_LEVELS - 1)
    if not width:
        return np.zeros(len(vector), np.uint8), base, 0.0
    return np.rint((vector - base) / width).astype(np.uint8), base, width


def oversampled_search(
    query: Any, vectors: Any, quantized: BinaryQuantizedVectors, k: int = 10, oversample: float = 3.0
) -> Int64Array:
    """The best `oversample * k` vectors by estimate, ordered by their exact dot products; the best `k` of them.

    Args:
        query: `(dim,)`.
        vectors: `(n, dim)`, those that were quantised.
        quantized: their quantised form.
        k: how many to return.
        oversample: at least 1; 1 keeps the estimate's choice. Elasticsearch takes up to 10.

    Returns:
        int64 positions, best first.
    """
    require(quantized, BinaryQuantizedVectors, "quantized")
    if positive(oversample, "oversample") < 1:
        raise ValueError(f"oversample must be a number of at least 1, got {oversample}.")
    matrix = as_matrix(vectors, "vectors")
    shape = (len(quantized), quantized.dim)
    if matrix.shape != shape:
        raise ValueError(f"vectors must be those that were quantised, shape {shape}, got {matrix.shape}.")
    k = whole(k, "k")
    candidates = top_k(quantized.scores(query), int(np.ceil(oversample * k)))
    exact = matrix[candidates] @ as_vector(query, "query")
    best: Int64Array = candidates[top_k(exact, k)]
    return best


def _stretch(centred: Float32Array, low: Any, high: Any, count: Any) -> Any:
    """Factor `(n,)` that turns the means of both sides into the levels of the smallest loss."""
    squares = np.square(centred, dtype=np.float64).sum(axis=1)
    kept = count * np.square(high, dtype=np.float64) + (centred.shape[1] - count) * np.square(low, dtype=np.float64)
    share = np.divide(kept, squares, out=np.ones_like(squares), where=squares > 0)
    return 1 / (LOSS_WEIGHT + (1 - LOSS_WEIGHT) * share)
