"""Bytes of each kind of field, in memory and on disk, and shards: Elasticsearch's rules of thumb, field by field.

`lateint_ref.planning` plans a whole system. These are estimates, to be checked with the analyze-index-disk-usage API of
a real cluster. Each function raises a `TypeError` or `ValueError` for a number below 1 or an unknown name.

Sources: Elasticsearch documentation, "Tune approximate kNN search" (memory of vectors and graph; quantised copies
lie on disk beside the full vectors), "Size your shards" (10 to 50 GB and up to 200 million documents a shard);
`RankVectorsFieldMapper` (a document's vectors and their magnitudes are two binary values).
"""

from __future__ import annotations

import math

from lateint_ref._checks import positive_int
from lateint_ref.elastic.mappings import ElementType, VectorIndex, one_of
from lateint_ref.planning import GRAPH_NEIGHBOURS, SHARD_BYTES, SHARD_DOCUMENTS, first_stage_bytes

_ELEMENT_BITS = {"float": 32, "bfloat16": 16, "byte": 8, "bit": 1}
_FLOAT_BYTES = 4
_QUANTISATION = {"hnsw": "float32", "flat": "float32", "int8_hnsw": "int8", "bbq_hnsw": "bbq"}


def rank_vectors_bytes(n_vectors: int, dims: int, element_type: ElementType = "float") -> int:
    """Bytes of a document's `rank_vectors` on disk: the vectors, and a float32 magnitude for each of them."""
    one_of(element_type, ElementType, "element_type")
    bits = positive_int(dims, "dims") * _ELEMENT_BITS[element_type]
    if bits % 8:
        raise ValueError(f"dims is {dims}; for bit it must be a multiple of 8.")
    return positive_int(n_vectors, "n_vectors") * (bits // 8 + _FLOAT_BYTES)


def knn_memory_bytes(n_vectors: int, dims: int, index: VectorIndex = "hnsw", m: int = GRAPH_NEIGHBOURS) -> int:
    """Memory that kNN wants outside the heap, for the file system cache: vectors as the search reads them, and graph.

    `n_vectors` are all vectors of the field, nested ones each; `m` the links of a node of the graph.
    """
    one_of(index, VectorIndex, "index")
    vector = math.ceil(first_stage_bytes(dims, _QUANTISATION[index]))
    graph = 0 if index == "flat" else _FLOAT_BYTES * positive_int(m, "m")
    return positive_int(n_vectors, "n_vectors") * (vector + graph)


def knn_disk_bytes(n_vectors: int, dims: int, index: VectorIndex = "hnsw", m: int = GRAPH_NEIGHBOURS) -> int:
    """Disk of the same field: the full vectors, the quantised copy where there is one, and the graph."""
    full = positive_int(n_vectors, "n_vectors") * positive_int(dims, "dims") * _FLOAT_BYTES
    searched = knn_memory_bytes(n_vectors, dims, index, m)
    return searched if index in ("hnsw", "flat") else full + searched


def shard_count(total_bytes: float, n_documents: int) -> int:
    """Primary shards for an index: none above 50 GB, and none above 200 million documents.

    `total_bytes` is without replicas; `n_documents` counts as Lucene does, nested ones each.
    """
    if isinstance(total_bytes, bool) or not 0 < total_bytes < math.inf:
        raise ValueError(f"total_bytes must be a number above 0, got {total_bytes!r}.")
    by_documents = positive_int(n_documents, "n_documents") / SHARD_DOCUMENTS
    return math.ceil(max(total_bytes / SHARD_BYTES, by_documents))
