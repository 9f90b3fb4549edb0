"""PLAID: a search over residual codes that decodes the vectors of a few documents only.

Four stages, each on fewer documents: documents with a vector near the query's best centroids; centroid interaction
with the unpromising centroids left out; centroid interaction with all; MaxSim on decoded vectors.

Source: Santhanam, Khattab, Potts and Zaharia, "PLAID: An Efficient Engine for Late Interaction Retrieval", CIKM 2022,
section 4 (centroid interaction, centroid pruning, the four stages). The settings by `k` are the defaults of ColBERT's
searcher.
"""

from typing import Any, NamedTuple, Self

import numpy as np

from lateint_ref.checks import Float32Array, Int64Array, as_matrix, require, same_dim, whole
from lateint_ref.multivectors import MultiVectors, ResidualVectors
from lateint_ref.ragged import offsets_of, rows_of
from lateint_ref.residual import ResidualCodec
from lateint_ref.scores import Hit, top_k


class Settings(NamedTuple):
    """What a search may leave out."""

    n_probe: int  # centroids looked up for each query vector
    threshold: float  # a centroid counts in the first interaction only where some query vector is as similar
    n_docs: int  # documents left after the first interaction; a quarter of them are decoded


class Stages(NamedTuple):
    """The documents, by position, that each stage of one search leaves; best first but for `candidates`."""

    candidates: Int64Array  # those with a vector at a centroid that was looked up, ascending
    pruned: Int64Array  # the best by centroid interaction without the pruned centroids
    decoded: Int64Array  # the best of these by centroid interaction with all centroids
    ranked: Int64Array  # the same by MaxSim on decoded vectors
    scores: Float32Array  # MaxSim of `ranked`


def settings_for(k: int) -> Settings:
    """ColBERT's settings for the best `k`: the larger `k`, the less may be left out."""
    if whole(k, "k") <= 10:
        return Settings(1, 0.5, 256)
    return Settings(2, 0.45, 1024) if k <= 100 else Settings(4, 0.4, max(4 * k, 4096))


def centroid_interaction(
    similarities: Any, encoded: ResidualVectors, documents: Any = None, threshold: float | None = None
) -> Float32Array:
    """MaxSim in which every document vector stands where its centroid is: nothing is decoded.

    Args:
        similarities: `(n_q, n_centroids)`, dot products of the query's vectors with the centroids.
        encoded: the collection.
        documents: the documents to score, all by default: positions, ids or a mask, as `take`.
        threshold: leave out centroids below it for every query vector; by default none.

    Returns:
        float32, one score a document of `documents`; minus infinity where all of a document's centroids are left out.

    Raises:
        IndexError, KeyError: a document that the collection does not hold.
        ValueError: fewer centroids than `encoded` uses.
    """
    matrix = as_matrix(similarities, "similarities", "(n_q, n_centroids)")
    require(encoded, ResidualVectors, "encoded")
    if encoded.centroid_ids.max() >= matrix.shape[1]:
        raise ValueError(
            f"similarities has {matrix.shape[1]} centroids, but encoded uses number {encoded.centroid_ids.max()}: "
            "both must come from one codec."
        )
    positions = np.arange(len(encoded)) if documents is None else encoded.positions(documents)
    if not len(positions):
        return np.empty(0, np.float32)
    rows, offsets = rows_of(encoded.offsets, positions)
    # A copy, for it is written to: the transpose of a single row would be the caller's own memory.
    by_centroid = np.array(matrix.T, order="C")
    if threshold is not None:
        by_centroid[by_centroid.max(axis=1) < threshold] = -np.inf
    best = np.maximum.reduceat(by_centroid[encoded.centroid_ids[rows]], offsets[:-1], axis=0)
    return np.asarray(best.sum(axis=1), np.float32)


class PlaidIndex:
    """Residual codes and, for each centroid, the documents that have a vector there.

    Attributes:
        codec: what encoded the collection.
        encoded: the collection.
        lists: int32, positions of documents, centroid after centroid.
        list_offsets: int64 `(n_centroids + 1,)`, where each centroid's documents begin in `lists`.
    """

    def __init__(self, codec: ResidualCodec, encoded: ResidualVectors) -> None:
        """Build the lists; codes of another codec are a `ValueError`."""
        require(codec, ResidualCodec, "codec").check(encoded)
        self.codec, self.encoded = codec, encoded
        owners = np.repeat(np.arange(len(encoded)), encoded.lengths)
        pairs = np.unique(encoded.centroid_ids.astype(np.int64) * len(encoded) + owners)
        self.lists = (pairs % len(encoded)).astype(np.int32)
        counts = np.bincount(pairs // len(encoded), minlength=len(codec.centroids))
        self.list_offsets = offsets_of(counts)

    @classmethod
    def build(cls, documents: MultiVectors, bits: int = 2, seed: int = 0) -> Self:
        """Train a codec on a collection, encode it, build the lists."""
        codec = ResidualCodec.train(documents, bits, seed)
        return cls(codec, codec.encode(documents))

    @property
    def nbytes(self) -> int:
        """Bytes of codes, codec and lists; a list takes 4 bytes a document and 4 for its length."""
        return self.encoded.nbytes + self.codec.nbytes + 4 * len(self.lists) + 4 * len(self.codec.centroids)

    def similarities(self, query: Any) -> Float32Array:
        """Dot products of a query's vectors, `(n_q, dim)`, with the centroids, float32 `(n_q, n_centroids)`."""
        matrix = as_matrix(query, "query", "(n_q, dim)")
        same_dim(matrix.shape[1], self.codec.dim, "query", "the index")
        return np.asarray(matrix @ self.codec.centroids.T, np.float32)

    def candidates(self, similarities: Float32Array, n_probe: int) -> Int64Array:
        """Positions of the documents listed at the `n_probe` most similar centroids of any query vector, ascending.

        Centroids that no document uses are passed over.
        """
        used = np.flatnonzero(np.diff(self.list_offsets))
        probes = min(whole(n_probe, "n_probe"), len(used))
        near = np.argpartition(-similarities[:, used], probes - 1, axis=1)[:, :probes]
        rows, _ = rows_of(self.list_offsets, used[np.unique(near)])
        found: Int64Array = np.unique(self.lists[rows]).astype(np.int64)
        return found

    def stages(self, query: Any, settings: Settings) -> Stages:
        """One search of a query, `(n_q, dim)`, with what each stage leaves."""
        n_docs = whole(settings.n_docs, "n_docs")
        similarities = self.similarities(query)
        candidates = self.candidates(similarities, settings.n_probe)
        pruned = self._best(similarities, candidates, n_docs, settings.threshold)
        decoded = self._best(similarities, pruned, max(1, n_docs // 4), None)
        scores = self.codec.maxsim_scores(query, self.encoded.take(decoded))
        order = top_k(scores, len(decoded))
        return Stages(candidates, pruned, decoded, decoded[order], scores[order])

    def search(self, query: Any, k: int = 10, settings: Settings | None = None) -> list[Hit]:
        """The best `k` documents by MaxSim on decoded vectors, fewer where the earlier stages leave fewer.

        `query` is `(n_q, dim)`; `settings` are ColBERT's, `settings_for(k)`, by default.
        """
        found = self.stages(query, settings_for(k) if settings is None else settings)
        ranked = zip(found.ranked[: whole(k, "k")], found.scores, strict=False)
        return [Hit(self.encoded.ids[at], float(score)) for at, score in ranked]

    def _best(self, similarities: Float32Array, among: Int64Array, n: int, threshold: float | None) -> Int64Array:
        scores = centroid_interaction(similarities, self.encoded, among, threshold)
        # A document with nothing left to score comes last, not out: the order among such is the collection's.
        return among[top_k(np.where(np.isneginf(scores), np.float32(-3e38), scores), n)]
