"""MUVERA: one long vector a document and one a query, whose dot product estimates MaxSim.

Space is cut into `2^bits` cells by random hyperplanes (SimHash). A query's encoding holds, cell by cell, the *sum* of
its vectors there, a document's the *average* of its own; so the dot product pairs every query vector with the average
of the document vectors in its cell. A cell that a document leaves empty takes the document vector whose side of the
hyperplanes differs least. All of it is repeated with other hyperplanes, and the repetitions stand side by side.

Source: Dhulipala, Hadian, Jayaram, Lee and Mirrokni, "MUVERA: Multi-Vector Retrieval via Fixed Dimensional
Encodings", NeurIPS 2024, section 2; ties between equally near vectors and the final projection (a count sketch) as in
the authors' code, google/graph-mining, `sketching/point_cloud`. There the dot product estimates `repetitions` times
MaxSim; here each side is divided by the root of that, so it estimates MaxSim itself.
"""

from itertools import pairwise
from typing import Any

import numpy as np

from lateint_ref.checks import Float32Array, Int64Array, as_matrix, require, same_dim, whole
from lateint_ref.multivectors import MultiVectors

_MAX_BITS = 16


class FixedDimensionalEncoder:
    """Turns the vectors of a query or a document into one, by hyperplanes and projections drawn from a seed.

    With `bits=0` there is one cell: a document is its mean and a query its sum. More bits make more and smaller cells.

    Attributes:
        dim: dimensions of a token vector.
        bits: hyperplanes of a repetition.
        repetitions: how often space is cut anew.
        inner_dim: dimensions of a cell's vector.
        size: dimensions of an encoding, `final_dim` or `repetitions * 2^bits * inner_dim`.
    """

    def __init__(
        self,
        dim: int,
        bits: int = 4,
        repetitions: int = 20,
        inner_dim: int | None = None,
        final_dim: int | None = None,
        fill_empty: bool = True,
        seed: int = 0,
    ) -> None:
        """Draw hyperplanes and projections.

        Args:
            dim: dimensions of a token vector.
            bits: 0 to 16 (the paper's `k_sim`).
            repetitions: at least 1 (`R_reps`).
            inner_dim: project every vector to so many dimensions by a matrix of random signs (`d_proj`); by default
                vectors stay as they are.
            final_dim: project the whole encoding to so many dimensions by a count sketch: every dimension is added,
                with a random sign, to one of `final_dim` sums (`d_final`); by default it stays as it is.
            fill_empty: give a document's empty cells its nearest vector.
            seed: of everything drawn. Query and document need the same encoder.
        """
        self.dim, self.repetitions = whole(dim, "dim"), whole(repetitions, "repetitions")
        if whole(bits, "bits", least=0) > _MAX_BITS:
            raise ValueError(f"bits must be a whole number from 0 to {_MAX_BITS} (2^bits cells), got {bits}.")
        self.bits, self.cells, self.fill_empty = int(bits), 2 ** int(bits), bool(fill_empty)
        self.inner_dim = self.dim if inner_dim is None else whole(inner_dim, "inner_dim")
        if self.inner_dim > self.dim:
            raise ValueError(f"inner_dim is {self.inner_dim}, but a vector has only {self.dim} dimensions.")
        wide = self.repetitions * self.cells * self.inner_dim
        rng = np.random.default_rng(seed)
        self._planes: Float32Array = rng.standard_normal((self.repetitions, self.dim, self.bits)).astype(np.float32)
        self._signs: Float32Array | None = None
        if inner_dim is not None:
            signs = rng.integers(0, 2, (self.repetitions, self.dim, self.inner_dim)) * 2 - 1
            self._signs = (signs / np.sqrt(self.inner_dim)).astype(np.float32)
        self._bucket: Int64Array | None = None
        if final_dim is not None:
            self._bucket = rng.integers(0, whole(final_dim, "final_dim"), wide)
            self._flip: Float32Array = (rng.integers(0, 2, wide) * 2 - 1).astype(np.float32)
        self.size = wide if final_dim is None else int(final_dim)

    def encode_query(self, query: Any) -> Float32Array:
        """Sum of a query's vectors, `(n_q, dim)`, in each cell, float32 `(size,)`."""
        matrix = as_matrix(query, "query", "(n_q, dim)")
        same_dim(matrix.shape[1], self.dim, "query", "the encoder")
        blocks = []
        for repetition in range(self.repetitions):
            sums = np.zeros((self.cells, self.inner_dim), np.float32)
            np.add.at(sums, self.cells_of(matrix, repetition), self._project(matrix, repetition))
            blocks.append(sums)
        return np.asarray(self._finish(np.stack(blocks)[None])[0])

    def encode_documents(self, documents: MultiVectors) -> Float32Array:
        """Average of each document's vectors in each cell, float32 `(n_docs, size)`, the only large array."""
        require(documents, MultiVectors, "documents")
        same_dim(documents.dim, self.dim, "documents", "the encoder")
        found: Float32Array = np.empty((len(documents), self.size), np.float32)
        step = max(1, 2**22 // (self.repetitions * self.cells * self.inner_dim))
        for start in range(0, len(documents), step):
            stop = min(start + step, len(documents))
            offsets = documents.offsets[start : stop + 1]
            vectors = documents.vectors[offsets[0] : offsets[-1]]
            blocks = [self._averages(vectors, offsets - offsets[0], r) for r in range(self.repetitions)]
            found[start:stop] = self._finish(np.stack(blocks, axis=1))
        return found

    def cells_of(self, vectors: Any, repetition: int) -> Int64Array:
        """Which cell each vector lies in, int64 `(n,)`: bit `i` of the number is its side of hyperplane `i`."""
        matrix = as_matrix(vectors, "vectors")
        sides = matrix @ self._planes[repetition] > 0
        return np.asarray(sides @ (1 << np.arange(self.bits, dtype=np.int64)))

    def _project(self, matrix: Float32Array, repetition: int) -> Float32Array:
        return matrix if self._signs is None else matrix @ self._signs[repetition]

    def _averages(self, vectors: Float32Array, offsets: Int64Array, repetition: int) -> Float32Array:
        """One repetition of some documents, `(n_docs, cells, inner_dim)`."""
        n_docs = len(offsets) - 1
        cells, projected = self.cells_of(vectors, repetition), self._project(vectors, repetition)
        key = np.repeat(np.arange(n_docs), np.diff(offsets)) * self.cells + cells
        order = np.argsort(key, kind="stable")
        used, first, count = np.unique(key[order], return_index=True, return_counts=True)
        averages: Float32Array = np.zeros((n_docs * self.cells, self.inner_dim), np.float32)
        averages[used] = np.add.reduceat(projected[order], first, axis=0) / count[:, None]
        if self.fill_empty and len(used) < len(averages):
            # Of each document's vectors in a cell the first one stands for it: ties go to the earliest vector.
            self._fill(averages, used, order[first], projected)
        return averages.reshape(n_docs, self.cells, self.inner_dim)

    def _fill(self, averages: Float32Array, used: Int64Array, earliest: Int64Array, projected: Float32Array) -> None:
        every = np.arange(self.cells)
        owners = used // self.cells
        bounds = np.searchsorted(owners, np.arange(len(averages) // self.cells + 1))
        for doc, (start, stop) in enumerate(pairwise(bounds)):
            vectors = np.sort(earliest[start:stop])
            taken = used[start:stop][np.argsort(earliest[start:stop])] % self.cells
            empty = np.setdiff1d(every, taken)
            differing = np.bitwise_count(empty[:, None] ^ taken[None, :])
            averages[doc * self.cells + empty] = projected[vectors[differing.argmin(axis=1)]]

    def _finish(self, blocks: Float32Array) -> Float32Array:
        """Blocks `(n, repetitions, cells, inner_dim)` as rows `(n, size)`."""
        wide: Float32Array = blocks.reshape(len(blocks), -1) / np.float32(np.sqrt(self.repetitions))
        if self._bucket is None:
            return wide
        order = np.argsort(self._bucket, kind="stable")
        used, first = np.unique(self._bucket[order], return_index=True)
        out: Float32Array = np.zeros((len(wide), self.size), np.float32)
        out[:, used] = np.add.reduceat((wide * self._flip)[:, order], first, axis=1)
        return out
