"""ColBERTv2's codec: a vector is stored as the number of its nearest centroid and a few bits a dimension for the rest.

Sources: Santhanam, Khattab, Saad-Falcon, Potts and Zaharia, "ColBERTv2: Effective and Efficient Retrieval via
Lightweight Late Interaction", NAACL 2022, section 3.3 (centroids, residuals, 4 bytes and 1 or 2 bits a dimension).
What the paper leaves open follows ColBERT's own indexer, which PyLate carries as `pylate.indexes.stanford_nlp`: the
centroids have length 1, a held-out 5% of the vectors teaches the buckets, cutoffs are quantiles of the residuals'
values over all dimensions together, and a bucket stands for its median.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lateint_ref._checks import Float32Array, UInt8Array, as_matrix, describe, positive_int, same_dim
from lateint_ref._npz import read_npz, write_npz
from lateint_ref.centroids import centroid_count, centroids_of, different_rows
from lateint_ref.maxsim import maxsim_scores
from lateint_ref.multivectors import MultiVectors
from lateint_ref.residual_vectors import BITS, ResidualVectors, pack, rows_of, unpack_buckets

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

    def __init__(self, centroids: Any, cutoffs: Any, weights: Any) -> None:
        """Take the parts as they are; `train` is the usual way in.

        Raises:
            TypeError: a part is not numeric.
            ValueError: numbers of cutoffs and weights that no bits give, cutoffs that descend, a NaN or infinity, or
                residuals that do not fill whole bytes.
        """
        with np.errstate(over="ignore"):
            halved = as_matrix(centroids, "centroids", "(n_centroids, dim)").astype(np.float16)
        self.centroids: Float32Array = as_matrix(halved, "centroids", "(n_centroids, dim)")
        self.cutoffs: Float32Array = as_matrix(np.asarray(cutoffs)[None], "cutoffs", "(1, 2 ** bits - 1)")[0]
        self.weights: Float32Array = as_matrix(np.asarray(weights)[None], "weights", "(1, 2 ** bits)")[0]
        self.bits: int = len(self.weights).bit_length() - 1
        if self.bits not in BITS or len(self.weights) != 2**self.bits or len(self.cutoffs) != 2**self.bits - 1:
            raise ValueError(
                f"weights must hold 2, 4 or 16 values (1, 2 or 4 bits) and cutoffs one fewer, got "
                f"{len(self.weights)} weights and {len(self.cutoffs)} cutoffs."
            )
        if (np.diff(self.cutoffs) < 0).any():
            raise ValueError(f"cutoffs must ascend, got {self.cutoffs.tolist()}.")
        _checked_dim(self.dim, self.bits)

    @classmethod
    def train(
        cls,
        documents: MultiVectors,
        bits: int = 2,
        seed: int = 0,
        n_centroids: int | None = None,
        iterations: int = 4,
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
            TypeError: not a `MultiVectors`, or a number that is not whole.
            ValueError: bits other than 1, 2, 4; residuals that do not fill whole bytes; a vector whose length is not
                1; more centroids than vectors to learn from.
        """
        vectors = _unit_vectors(documents)
        bits = positive_int(bits, "bits")
        if bits not in BITS:
            raise ValueError(f"bits must be one of {BITS}, got {bits}.")
        _checked_dim(documents.dim, bits)
        order = np.random.default_rng(seed).permutation(different_rows(vectors))
        held_out = min(int(_HELD_OUT * len(order)), _HELD_OUT_MOST) if len(order) >= _SMALL else 0
        sample = vectors[np.sort(order[held_out:])]
        if n_centroids is None:
            k = centroid_count(len(vectors), len(order))
        else:
            k = positive_int(n_centroids, "n_centroids")
        if k > len(sample):
            raise ValueError(f"n_centroids is {k}, but there are only {len(sample)} different vectors to learn from.")
        centroids = centroids_of(sample, k, seed, positive_int(iterations, "iterations"))
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
        """For each vector, float32 `(n, dim)`, the number of the centroid with the largest dot product, int32 `(n,)`.

        Raises:
            TypeError, ValueError: not a matrix of numbers, or of another dim.
        """
        matrix = as_matrix(vectors, "vectors")
        same_dim(matrix.shape[1], self.dim, "vectors", "centroids")
        parts = [
            (matrix[at : at + _CHUNK] @ self.centroids.T).argmax(axis=1).astype(np.int32)
            for at in range(0, len(matrix), _CHUNK)
        ]
        return np.concatenate(parts)

    def buckets(self, residuals: Any) -> UInt8Array:
        """The bucket of each value: how many cutoffs lie below it. float32 `(n, dim)` to uint8 `(n, dim)`."""
        return np.searchsorted(self.cutoffs, as_matrix(residuals, "residuals"), side="left").astype(np.uint8)

    def encode(self, documents: MultiVectors) -> ResidualVectors:
        """Vectors to centroid numbers and packed residuals.

        Raises:
            TypeError: not a `MultiVectors`.
            ValueError: another dim, or a vector whose length is not 1.
        """
        vectors = _unit_vectors(documents)
        numbers = self.nearest(vectors)
        packed = [
            pack(self.buckets(vectors[at : at + _CHUNK] - self.centroids[numbers[at : at + _CHUNK]]), self.bits)
            for at in range(0, len(vectors), _CHUNK)
        ]
        return ResidualVectors(numbers, np.concatenate(packed), documents.offsets, list(documents.ids))

    def coarser(self, bits: int) -> ResidualCodec:
        """The same centroids with fewer bits: neighbouring buckets, which hold equal shares, taken together.

        Args:
            bits: 1, 2 or 4, at most this codec's.

        Raises:
            TypeError: not a whole number.
            ValueError: another number, or dimensions that do not fill whole bytes at it.
        """
        step = 2 ** self._fewer(bits)
        if step == 1:
            return self
        return ResidualCodec(self.centroids, self.cutoffs[step - 1 :: step], self.cutoffs[step // 2 - 1 :: step])

    def coarsen(self, encoded: ResidualVectors, bits: int) -> ResidualVectors:
        """What `coarser(bits)` would encode the same vectors to, from this codec's codes and without the vectors.

        Args:
            encoded: encoded by this codec.
            bits: 1, 2 or 4, at most this codec's.

        Raises:
            TypeError: not a `ResidualVectors`, or not a whole number.
            ValueError: encoded by another codec, or as `coarser`.
        """
        self.check(encoded)
        fewer = self._fewer(bits)
        if fewer == 0:
            return encoded
        parts = [
            pack(unpack_buckets(encoded.residuals[at : at + _CHUNK], self.bits) >> np.uint8(fewer), bits)
            for at in range(0, len(encoded.residuals), _CHUNK)
        ]
        return ResidualVectors(encoded.centroid_ids, np.concatenate(parts), encoded.offsets, encoded.ids)

    def decode(self, encoded: ResidualVectors) -> MultiVectors:
        """Centroid plus the weights of the buckets, divided by its length: vectors of length 1 again.

        Raises:
            TypeError: not a `ResidualVectors`.
            ValueError: encoded by another codec: other bits or dim, or a centroid that this one does not have.
        """
        self.check(encoded)
        return MultiVectors(self._decoded(encoded.centroid_ids, encoded.residuals), encoded.offsets, encoded.ids)

    def maxsim_scores(self, query: Any, encoded: ResidualVectors) -> Float32Array:
        """MaxSim of a query with every encoded document, float32 `(n_docs,)`: decoded a part at a time.

        Args:
            query: `(n_q, dim)`.
            encoded: the collection.

        Raises:
            TypeError, ValueError: as `decode` and `maxsim_scores`.
        """
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
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: no such file.
            ValueError: not such a file, damaged, or it holds pickled objects.
        """
        return cls(**read_npz(path, ("centroids", "cutoffs", "weights"), "ResidualCodec"))

    def __repr__(self) -> str:
        return f"ResidualCodec({len(self.centroids)} centroids x {self.dim}, {self.bits} bits a dimension)"

    def check(self, encoded: Any) -> None:
        """Raise a `TypeError` or `ValueError` where `encoded` is not what this codec encodes to."""
        if not isinstance(encoded, ResidualVectors):
            raise TypeError(f"encoded must be a ResidualVectors, from encode(), got {describe(encoded)}.")
        width = self.dim * self.bits // 8
        if encoded.residuals.shape[1] != width or encoded.centroid_ids.max() >= len(self.centroids):
            raise ValueError(
                f"encoded comes from another codec: residuals of {encoded.residuals.shape[1]} bytes and centroids up "
                f"to {encoded.centroid_ids.max()}; this one has {width} bytes and {len(self.centroids)} centroids."
            )

    def _fewer(self, bits: int) -> int:
        """How many bits fewer than this codec's."""
        wanted = positive_int(bits, "bits")
        if wanted not in BITS or wanted > self.bits:
            raise ValueError(f"bits must be one of {[b for b in BITS if b <= self.bits]}, got {wanted}.")
        _checked_dim(self.dim, wanted)
        return self.bits - wanted

    def _decoded(self, centroid_ids: Any, residuals: UInt8Array) -> Float32Array:
        table = self.weights[_byte_table(self.bits)]  # (256, 8 / bits): what each byte stands for
        vectors = table[residuals].reshape(len(residuals), self.dim)
        vectors += self.centroids[centroid_ids]
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.where(lengths > 0, lengths, 1)
        return np.asarray(vectors, np.float32)


def _byte_table(bits: int) -> UInt8Array:
    """The buckets in each of the 256 bytes, uint8 `(256, 8 / bits)`."""
    return unpack_buckets(np.arange(256, dtype=np.uint8)[:, None], bits)


def _checked_dim(dim: int, bits: int) -> None:
    if dim * bits % 8:
        raise ValueError(
            f"{dim} dimensions at {bits} bits do not fill whole bytes: dim * bits must be a multiple of 8."
        )


def _unit_vectors(documents: Any) -> Float32Array:
    if not isinstance(documents, MultiVectors):
        raise TypeError(
            f"documents must be a MultiVectors, got {describe(documents)}. Build one with "
            f"MultiVectors.from_list(list_of_matrices)."
        )
    lengths = np.linalg.norm(documents.vectors, axis=1)
    off = np.abs(lengths - 1) > _LENGTH_TOLERANCE
    if off.any():
        row = int(np.argmax(off))
        name = documents.ids[int(np.searchsorted(documents.offsets, row, side="right")) - 1]
        raise ValueError(
            f"the vectors must have length 1, but one of document {name!r} has length {lengths[row]:.3g}: the codec "
            f"keeps directions only. Divide each vector by its length first."
        )
    return documents.vectors
