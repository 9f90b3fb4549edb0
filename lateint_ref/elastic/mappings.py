"""Index mappings: what each field holds and how it is searched, as plain dictionaries.

Every function returns one field's part, as it stands under `properties`; `strict` and `settings` make the two parts
of a `PUT /index`. They go unchanged into a console. Each raises a `TypeError` or `ValueError` that names the argument
where one is out of range.

Source: Elasticsearch reference, "Rank vectors", "Dense vector", "Nested", "Text" (field types, 8.18 to 9.x).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from lateint_ref.checks import describe, one_of, whole

Field = dict[str, Any]
ElementType = Literal["float", "bfloat16", "byte", "bit"]
Similarity = Literal["dot_product", "cosine", "max_inner_product", "l2_norm"]
VectorIndex = Literal["hnsw", "int8_hnsw", "bbq_hnsw", "flat"]

MAX_DIMS = 4096
BBQ_MIN_DIMS = 64


def rank_vectors(dims: int | None = None, element_type: ElementType = "float") -> Field:
    """Many vectors a document, for MaxSim in a script: no index structure, one value a document.

    Args:
        dims: dimensions of each vector, 1 to 4096. For `bit` they count bits: a multiple of 8, up to 32,768. Where
            None, Elasticsearch takes the first document's and then keeps to it.
        element_type: `float` (4 bytes a dimension), `bfloat16` (2; needs a newer server), `byte` (1) or `bit` (1/8).
    """
    one_of(element_type, get_args(ElementType), "element_type")
    field: Field = {"type": "rank_vectors", "element_type": element_type}
    if dims is not None:
        field["dims"] = _dims(dims, 8 * MAX_DIMS if element_type == "bit" else MAX_DIMS)
        if element_type == "bit" and dims % 8:
            raise ValueError(f"dims is {dims}; for bit it counts bits and must be a multiple of 8.")
    return field


def dense_vector(
    dims: int,
    similarity: Similarity = "dot_product",
    index: VectorIndex = "hnsw",
    m: int = 16,
    ef_construction: int = 100,
) -> Field:
    """One vector a document, searched by kNN.

    Args:
        dims: dimensions, 1 to 4096.
        similarity: `dot_product` takes vectors of length 1 only; `cosine` none of length 0.
        index: `hnsw` (a graph over float vectors), `int8_hnsw` (a byte a dimension in memory), `bbq_hnsw` (a bit a
            dimension in memory and a few bytes of corrections, from 64 dimensions on), or `flat` (no graph: exact).
            The full vectors stay on disk beside the quantised ones.
        m: links of a node of the graph. A `flat` index takes neither this nor the next.
        ef_construction: candidates looked at when a node is put in.
    """
    one_of(similarity, get_args(Similarity), "similarity")
    one_of(index, get_args(VectorIndex), "index")
    if index == "bbq_hnsw" and _dims(dims) < BBQ_MIN_DIMS:
        raise ValueError(f"dims is {dims}; bbq_hnsw takes at least {BBQ_MIN_DIMS}.")
    graph = {"m": whole(m, "m"), "ef_construction": whole(ef_construction, "ef_construction")}
    if index == "flat" and graph != {"m": 16, "ef_construction": 100}:
        raise ValueError("m and ef_construction describe a graph, and a flat index has none: leave them out.")
    return {
        "type": "dense_vector",
        "dims": _dims(dims),
        "index": True,
        "similarity": similarity,
        "index_options": {"type": index} if index == "flat" else {"type": index, **graph},
    }


def nested_vectors(
    dims: int, similarity: Similarity = "dot_product", index: VectorIndex = "hnsw", name: str = "vector"
) -> Field:
    """Several vectors a document, each searched by kNN on its own: for the few vectors that pooling leaves.

    A document holds `[{"vector": [...]}, {"vector": [...]}]` under this field; kNN asks for `field.vector`, or
    whatever `name` says. The other arguments are those of `dense_vector`.
    """
    return {"type": "nested", "properties": {field_name(name, "name"): dense_vector(dims, similarity, index)}}


def text() -> Field:
    """Words for BM25, cut by the standard analyzer: no stemming, no stopwords."""
    return {"type": "text"}


def keyword() -> Field:
    """A string that is one value, for filters: a report's name, a language."""
    return {"type": "keyword"}


def strict(fields: Mapping[str, Field]) -> dict[str, Any]:
    """The `mappings` of an index that refuses a document with a field not listed here (`dynamic: strict`).

    Without that, a misspelt vector field would become an ordinary array of numbers, and nothing would say so.
    `fields` maps names to field definitions, from the functions of this file or written by hand.
    """
    if not isinstance(fields, Mapping):
        raise TypeError(f"fields must map names to field definitions, got {describe(fields)}.")
    if not fields:
        raise ValueError("fields is empty: an index that refuses unknown fields needs at least one.")
    properties = {}
    for name, field in fields.items():
        if not isinstance(field, Mapping) or not field.get("type"):
            raise ValueError(f"field {name!r} must be a dictionary with a type, got {field!r}.")
        properties[field_name(name, "a field")] = dict(field)
    return {"dynamic": "strict", "properties": properties}


def settings(shards: int = 1, replicas: int = 0) -> dict[str, int]:
    """The `settings` of an index: primary shards, and copies of each.

    One shard and no copies suit one node. BM25 counts words shard by shard, so its scores depend on the number.
    """
    return {
        "number_of_shards": whole(shards, "shards"),
        "number_of_replicas": whole(replicas, "replicas", least=0),
    }


def _dims(dims: Any, most: int = MAX_DIMS) -> int:
    if whole(dims, "dims") > most:
        raise ValueError(f"dims must be at most {most}, got {dims}.")
    return int(dims)


def field_name(value: Any, argument: str = "field") -> str:
    """Return `value` if it can name a field, in a script as well, or raise a `ValueError`."""
    if not isinstance(value, str) or not value.strip() or "'" in value:
        raise ValueError(f"{argument} must be a non-empty name of a field, without quotation marks, got {value!r}.")
    return value
