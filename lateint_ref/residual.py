"""ColBERTv2's codec: a vector is stored as the number of its nearest centroid and a few bits a dimension for the rest.

Sources: Santhanam, Khattab, Saad-Falcon, Potts and Zaharia, "ColBERTv2: Effective and Efficient Retrieval via
Lightweight Late Interaction", NAACL 2022, section 3.3 (centroids, as many as the root of the number of vectors times a
constant; residuals; 4 bytes and 1 or 2 bits a dimension). What the paper leaves open follows ColBERT's own indexer,
which PyLate carries as `pylate.indexes.stanford_nlp`: the constant 16 and the power of two, centroids of length 1, few
iterations, a held-out 5% of the vectors that teaches the buckets, cutoffs as quantiles of the residuals' values over
all dimensions together, and a bucket that stands for its median.
"""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lateint_ref.checks import (
    Float32Array,
    Int64Array,
    UInt8Array,
    as_matrix,
    as_vector,
    read_npz,
    require,
    same_dim,
    whole,
    write_npz,
)
from lateint_ref.multivectors import MultiVectors, ResidualVectors
from lateint_ref.ragged import rows_of
from lateint_ref.scores import maxsim_scores

BITS = (1, 2, 4)
_HELD_OUT, _HELD_OUT_MOST, _SMALL = 0.05, 50_000, 1000
_LENGTH_TOLERANCE = 0.01
_CHUNK = 16_384


class ResidualCodec:
    """Centroids and buckets: what encodes vectors of one encoder and decodes them again.

    Attributes:
        centroids: float32 `(n_centroids, dim)`, of length 1, kept to float16's precision, in which they are stored.
        cutoffs: float32 `(2 ** bits - 1,)`, ascending: where one bucket ends and the next begins.
        weights: float32 `(2 ** bits,)`: the value that each bucket stands for.
        bits: 1, 2 or 4.
    """

    MADE_BY = "Make one with ResidualCodec.train."

    def __init__(self, centroids: Any, cutoffs: Any, weights: Any) -> None:
        """Take the parts as they are; `train` is the usual way in.

        Raises:
            ValueError: numbers of cutoffs and weights that no bits give, cutoffs that descend, or residuals that do
                not fill whole bytes.
        """
        with np.errstate(over="ignore"):
            halved = as_matrix(centroids, "centroids", "(n_centroids, dim)").astype(np.float16)
        self.centroids: Float32Array = as_matrix(halved, "centroids", "(n_centroids, dim)")
        self.cutoffs: Float32Array = as_vector(cutoffs, "cutoffs", "(2 ** bits - 1,)")
        self.weights: Float32Array = as_vector(weights, "weights", "(2 ** bits,)")
        self.bits: int = len(self.weights).bit_length() - 1
        if self.bits not in BITS or len(self.weights) != 2**self.bits or len(self.cutoffs) != 2**self.bits - 1:
            raise ValueError(
                f"weights must hold 2, 4 or 16 values (1, 2 or 4 bits) and cutoffs one fewer, got "
                f"{len(self.weights)} weights and {len(self.cutoffs)} cutoffs."
            )
        if (np.diff(self.cutoffs) < 0).any():
            raise ValueError(f"cutoffs must ascend, got {self.cutoffs.tolist()}.")
        _checked_bits(self.bits, BITS, self.dim)

    @classmethod
    def train(
        cls, documents: MultiVectors, bits: int = 2, seed: int = 0, n_centroids: int | None = None, iterations: int = 4
    ) -> ResidualCodec:
        """Learn centroids by k-means and buckets from the residuals of vectors that k-means has not seen.

        A vector that stands in the collection many times, as a page's blank patches do, counts once. In collections
        of fewer than 1000 different vectors none is held out. The same arguments give the same codec on one machine;
        on another processor k-means may end a little differently.

        Args:
            documents: vectors of length 1.
            bits: for each dimension of a residual: 1, 2 or 4.
            seed: of the held-out sample and of k-means.
            n_centroids: by default `centroid_count`.
            iterations: of k-means; ColBERT's default is 4.

        Raises:
            ValueError: a vector whose length is not 1, more centroids than vectors to learn from, or residuals that
                do not fill whole bytes.
        """
        vectors = _unit_vectors(documents)
        bits = _checked_bits(bits, BITS, documents.dim)
        order = np.random.default_rng(seed).permutation(different_rows(vectors))
        held_out = min(int(_HELD_OUT * len(order)), _HELD_OUT_MOST) if len(order) >= _SMALL else 0
        sample = vectors[np.sort(order[held_out:])]
        count = centroid_count(len(vectors), len(order)) if n_centroids is None else whole(n_centroids, "n_centroids")
        if count > len(sample):
            raise ValueError(f"n_centroids is {count}, but there are only {len(sample)} different vectors for them.")
        centroids = _centroids_of(sample, count, seed, whole(iterations, "iterations"))
        untrained = cls(centroids, np.zeros(2**bits - 1), np.zeros(2**bits))
        unseen = vectors[order[:held_out]] if held_out else sample
        residuals = unseen - untrained.centroids[untrained.nearest(unseen)]
        steps = np.arange(2**bits) / 2**bits
        return cls(centroids, np.quantile(residuals, steps[1:]), np.quantile(residuals, steps + 0.5 / 2**bits))

    @property
    def dim(self) -> int:
        """Dimensions of the vectors."""
        return int(self.centroids.shape[1])

    @property
    def nbytes(self) -> int:
        """Bytes of the codec itself, once a collection: centroids in float16, cutoffs and weights in float32."""
        return 2 * self.centroids.size + 4 * (len(self.cutoffs) + len(self.weights))

    def nearest(self, vectors: Any) -> NDArray[np.int32]:
        """For each vector, `(n, dim)`, the number of the centroid with the largest dot product, int32 `(n,)`."""
        matrix = as_matrix(vectors, "vectors")
        same_dim(matrix.shape[1], self.dim, "vectors", "centroids")
        parts = [(matrix[rows] @ self.centroids.T).argmax(axis=1).astype(np.int32) for rows in _chunks(len(matrix))]
        return np.concatenate(parts)

    def buckets(self, residuals: Any) -> UInt8Array:
        """The bucket of each value: how many cutoffs lie below it. float32 `(n, dim)` to uint8 `(n, dim)`."""
        return np.searchsorted(self.cutoffs, as_matrix(residuals, "residuals"), side="left").astype(np.uint8)

    def encode(self, documents: MultiVectors) -> ResidualVectors:
        """Vectors of length 1 to centroid numbers and packed residuals; another length is a `ValueError`."""
        vectors = _unit_vectors(documents)
        numbers = self.nearest(vectors)
        packed = [
            pack(self.buckets(vectors[rows] - self.centroids[numbers[rows]]), self.bits)
            for rows in _chunks(len(vectors))
        ]
        return ResidualVectors(numbers, np.concatenate(packed), documents.offsets, documents.ids)

    def coarser(self, bits: int) -> ResidualCodec:
        """The same centroids with fewer bits, 1, 2 or 4: neighbouring buckets, which hold equal shares, become one."""
        step = 2 ** self._fewer(bits)
        if step == 1:
            return self
        return ResidualCodec(self.centroids, self.cutoffs[step - 1 :: step], self.cutoffs[step // 2 - 1 :: step])

    def coarsen(self, encoded: ResidualVectors, bits: int) -> ResidualVectors:
        """What `coarser(bits)` would encode the same vectors to, from this codec's codes and without the vectors."""
        self.check(encoded)
        fewer = self._fewer(bits)
        if fewer == 0:
            return encoded
        parts = [
            pack(unpack_buckets(encoded.residuals[rows], self.bits) >> np.uint8(fewer), bits)
            for rows in _chunks(len(encoded.residuals))
        ]
        return ResidualVectors(encoded.centroid_ids, np.concatenate(parts), encoded.offsets, encoded.ids)

    def decode(self, encoded: ResidualVectors) -> MultiVectors:
        """Centroid plus the weights of the buckets, divided by its length: vectors of length 1 again.

        Raises:
            ValueError: encoded by another codec, as for every method that takes codes.
        """
        self.check(encoded)
        return MultiVectors(self._decoded(encoded.centroid_ids, encoded.residuals), encoded.offsets, encoded.ids)

    def maxsim_scores(self, query: Any, encoded: ResidualVectors) -> Float32Array:
        """MaxSim of a query, `(n_q, dim)`, with every encoded document, float32 `(n_docs,)`, a part at a time."""
        self.check(encoded)
        scores = []
        # Whole documents, as many as begin in a chunk of vectors.
        cuts = np.unique(np.searchsorted(encoded.offsets[:-1], np.arange(0, encoded.offsets[-2] + 1, _CHUNK)))
        for start, stop in zip(cuts, [*cuts[1:], len(encoded)], strict=True):
            rows, offsets = rows_of(encoded.offsets, np.arange(start, stop))
            vectors = self._decoded(encoded.centroid_ids[rows], encoded.residuals[rows])
            scores.append(maxsim_scores(query, MultiVectors(vectors, offsets)))
        return np.concatenate(scores)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write an `.npz` (no pickle), whole or not at all. Returns the path; `.npz` is appended where it lacks."""
        return write_npz(path, centroids=self.centroids.astype(np.float16), cutoffs=self.cutoffs, weights=self.weights)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ResidualCodec:
        """Read what `save` wrote. Errors as `MultiVectors.load`."""
        return cls(**read_npz(path, ("centroids", "cutoffs", "weights"), "ResidualCodec"))

    def __repr__(self) -> str:
        return f"ResidualCodec({len(self.centroids)} centroids x {self.dim}, {self.bits} bits a dimension)"

    def check(self, encoded: Any) -> None:
        """Raise a `TypeError` or `ValueError` where `encoded` is not what this codec encodes to."""
        require(encoded, ResidualVectors, "encoded")
        width = self.dim * self.bits // 8
        if encoded.residuals.shape[1] != width or encoded.centroid_ids.max() >= len(self.centroids):
            raise ValueError(
                f"encoded comes from another codec: residuals of {encoded.residuals.shape[1]} bytes and centroids up "
                f"to {encoded.centroid_ids.max()}; this one has {width} bytes and {len(self.centroids)} centroids."
            )

    def _fewer(self, bits: int) -> int:
        """How many bits fewer than this codec's."""
        return self.bits - _checked_bits(bits, [known for known in BITS if known <= self.bits], self.dim)

    def _decoded(self, centroid_ids: Any, residuals: UInt8Array) -> Float32Array:
        # What each of the 256 bytes stands for, (256, 8 / bits).
        table = self.weights[unpack_buckets(np.arange(256, dtype=np.uint8)[:, None], self.bits)]
        vectors = table[residuals].reshape(len(residuals), self.dim)
        vectors += self.centroids[centroid_ids]
        return _unit(vectors)


def centroid_count(n_vectors: int, n_different: int | None = None) -> int:
    """How many centroids a collection gets: 16 times the root of its number of vectors, down to a power of two.

    With a centroid a vector there would be nothing left to encode, so there are at least four different vectors (all
    of them, by default) for each centroid. Where no vector stands twice, this acts on fewer than 4096.
    """
    n = whole(n_vectors, "n_vectors")
    different = n if n_different is None else whole(n_different, "n_different")
    return int(2 ** math.floor(math.log2(max(1.0, min(16 * math.sqrt(n), different / 4)))))


def different_rows(vectors: Float32Array) -> Int64Array:
    """Rows at which a vector stands for the first time, ascending."""
    rows = np.ascontiguousarray(vectors)
    as_one_value = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel()
    return np.sort(np.unique(as_one_value, return_index=True)[1])


def pack(buckets: UInt8Array, bits: int) -> UInt8Array:
    """Buckets, uint8 `(n, dim)` with values below `2 ** bits`, to bytes, uint8 `(n, dim * bits / 8)`.

    The first dimension stands in the most significant bits of the first byte, as in `quantize.binarize`.
    """
    groups = buckets.reshape(len(buckets), -1, 8 // bits)
    return np.asarray(np.bitwise_or.reduce(groups << _shifts(bits), axis=2))


def unpack_buckets(packed: UInt8Array, bits: int) -> UInt8Array:
    """Bytes, uint8 `(n, dim * bits / 8)`, to buckets, uint8 `(n, dim)`."""
    return ((packed[:, :, None] >> _shifts(bits)) & np.uint8(2**bits - 1)).reshape(len(packed), -1)


def _shifts(bits: int) -> UInt8Array:
    """How far left the buckets of one byte stand, the first one furthest."""
    return np.arange(8 - bits, -1, -bits, dtype=np.uint8)


def _centroids_of(sample: Float32Array, count: int, seed: int, iterations: int) -> Float32Array:
    """Centroids of length 1, float32 `(count, dim)`, by Lloyd's algorithm from so many random vectors."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    means = KMeans(count, init="random", n_init=1, max_iter=iterations, random_state=seed)
    # Each thread adds its share to the sums in the order in which they end. Two numbers give the same sum in either
    # order, more need not. A cluster left empty is no fault: nothing will be encoded with it.
    with threadpool_limits(limits=2, user_api="openmp"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return _unit(means.fit(sample).cluster_centers_)


def _unit(vectors: Any) -> Float32Array:
    """Divide each vector in place by its length, where it has one."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.where(lengths > 0, lengths, 1)
    return np.asarray(vectors, np.float32)


def _chunks(n_rows: int) -> list[slice]:
    """All rows, so many at a time that what is computed from them stays small."""
    return [slice(start, start + _CHUNK) for start in range(0, n_rows, _CHUNK)]


def _checked_bits(bits: Any, known: Any, dim: int) -> int:
    if whole(bits, "bits") not in known:
        raise ValueError(f"bits must be one of {list(known)}, got {bits}.")
    if dim * bits % 8:
        raise ValueError(f"{dim} dimensions at {bits} bits do not fill whole bytes: multiples of 8 bits do.")
    return int(bits)


def _unit_vectors(documents: Any) -> Float32Array:
    vectors = require(documents, MultiVectors, "documents").vectors
    lengths = np.linalg.norm(vectors, axis=1)
    off = np.abs(lengths - 1) > _LENGTH_TOLERANCE
    if off.any():
        row = int(np.argmax(off))
        name = documents.ids[int(np.searchsorted(documents.offsets, row, side="right")) - 1]
        raise ValueError(
            f"the vectors must have length 1, but one of document {name!r} has length {lengths[row]:.3g}: the codec "
            "keeps directions only. Divide each vector by its length first."
        )
    return vectors
