"""Index mappings: what each field holds and how it is searched, as plain dictionaries.

Every function returns one field's part, as it stands under `properties`; `strict` and `settings` make the two parts
of a `PUT /index`. They go unchanged into a console.

Source: Elasticsearch reference, "Rank vectors", "Dense vector", "Nested", "Text" (field types, 8.18 to 9.x).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from lateint_ref.checks import describe, whole

Field = dict[str, Any]
ElementType = Literal["float", "bfloat16", "byte", "bit"]
Similarity = Literal["dot_product", "cosine", "max_inner_product", "l2_norm"]
VectorIndex = Literal["hnsw", "int8_hnsw", "bbq_hnsw", "flat"]

MAX_DIMS = 4096
MAX_BIT_DIMS = 8 * MAX_DIMS
BBQ_MIN_DIMS = 64
_HNSW_DEFAULTS = {"m": 16, "ef_construction": 100}


def rank_vectors(dims: int | None = None, element_type: ElementType = "float") -> Field:
    """Many vectors a document, for MaxSim in a script: no index structure, one value a document.

    Args:
        dims: dimensions of each vector, 1 to 4096. For `bit` they count bits: a multiple of 8, up to 32,768. Where
            None, Elasticsearch takes the first document's and then keeps to it.
        element_type: `float` (4 bytes a dimension), `bfloat16` (2; needs a newer server), `byte` (1) or `bit` (1/8).

    Raises:
        TypeError, ValueError: another element type, or dims outside its range.
    """
    _one_of(element_type, ElementType, "element_type")
    field: Field = {"type": "rank_vectors", "element_type": element_type}
    if dims is not None:
        field["dims"] = _dims(dims, MAX_BIT_DIMS if element_type == "bit" else MAX_DIMS)
        if element_type == "bit" and dims % 8:
            raise ValueError(f"dims is {dims}; for bit it counts bits and must be a multiple of 8.")
    return field


def dense_vector(
    dims: int,
    similarity: Similarity = "dot_product",
    index: VectorIndex = "hnsw",
    m: int = _HNSW_DEFAULTS["m"],
    ef_construction: int = _HNSW_DEFAULTS["ef_construction"],
) -> Field:
    """One vector a document, searched by kNN.

    Args:
        dims: dimensions, 1 to 4096.
        similarity: `dot_product` takes vectors of length 1 only; `cosine` none of length 0.
        index: `hnsw` (a graph over float vectors), `int8_hnsw` (a byte a dimension in memory), `bbq_hnsw` (a bit a
            dimension in memory and a few bytes of corrections, from 64 dimensions on), or `flat` (no graph: exact).
            The full vectors stay on disk beside the quantised ones.
        m: links of a node of the graph.
        ef_construction: candidates looked at when a node is put in.

    Raises:
        TypeError, ValueError: an unknown name, dims out of range, `m` or `ef_construction` below 1, or either given
            for `flat`.
    """
    _one_of(similarity, Similarity, "similarity")
    _one_of(index, VectorIndex, "index")
    if index == "bbq_hnsw" and _dims(dims) < BBQ_MIN_DIMS:
        raise ValueError(f"dims is {dims}; bbq_hnsw takes at least {BBQ_MIN_DIMS}.")
    options: Field = {"type": index}
    graph = {"m": whole(m, "m"), "ef_construction": whole(ef_construction, "ef_construction")}
    if index != "flat":
        options |= graph
    elif graph != _HNSW_DEFAULTS:
        raise ValueError("m and ef_construction describe a graph, and a flat index has none: leave them out.")
    return {
        "type": "dense_vector",
        "dims": _dims(dims),
        "index": True,
        "similarity": similarity,
        "index_options": options,
    }


def nested_vectors(
    dims: int, similarity: Similarity = "dot_product", index: VectorIndex = "hnsw", name: str = "vector"
) -> Field:
    """Several vectors a document, each searched by kNN on its own: for the few vectors that pooling leaves.

    A document holds `[{"vector": [...]}, {"vector": [...]}]` under this field; kNN asks for `field.vector`.

    Args:
        dims: as `dense_vector`.
        similarity: as `dense_vector`.
        index: as `dense_vector`.
        name: the vector's name within each nested object.

    Raises:
        TypeError, ValueError: as `dense_vector`, or an empty name.
    """
    return {"type": "nested", "properties": {_name(name, "name"): dense_vector(dims, similarity, index)}}


def text() -> Field:
    """Words for BM25, cut by the standard analyzer: no stemming, no stopwords."""
    return {"type": "text"}


def keyword() -> Field:
    """A string that is one value, for filters: a report's name, a language."""
    return {"type": "keyword"}


def strict(fields: Mapping[str, Field]) -> dict[str, Any]:
    """The `mappings` of an index. A document with a field that is not listed here is refused (`dynamic: strict`).

    Without that, a misspelt vector field would become an ordinary array of numbers, and nothing would say so.

    Args:
        fields: name to field, from the functions of this file or written by hand.

    Raises:
        TypeError: `fields` is not a mapping to dictionaries.
        ValueError: no fields, or one without a type.
    """
    if not isinstance(fields, Mapping):
        raise TypeError(f"fields must map names to field definitions, got {describe(fields)}.")
    if not fields:
        raise ValueError("fields is empty: an index that refuses unknown fields needs at least one.")
    for name, field in fields.items():
        if not isinstance(field, Mapping) or not field.get("type"):
            raise ValueError(f"field {_name(name, 'a field')!r} must be a dictionary with a type, got {field!r}.")
    return {"dynamic": "strict", "properties": {_name(name, "a field"): dict(field) for name, field in fields.items()}}


def settings(shards: int = 1, replicas: int = 0) -> dict[str, int]:
    """The `settings` of an index: primary shards, and copies of each.

    One shard and no copies suit one node. BM25 counts words shard by shard, so its scores depend on the number.

    Raises:
        TypeError, ValueError: not whole numbers, `shards` below 1 or `replicas` below 0.
    """
    if isinstance(replicas, bool) or not isinstance(replicas, int):
        raise TypeError(f"replicas must be a whole number, got {describe(replicas)}.")
    if replicas < 0:
        raise ValueError(f"replicas must be at least 0, got {replicas}.")
    return {"number_of_shards": whole(shards, "shards"), "number_of_replicas": replicas}


def _dims(dims: Any, most: int = MAX_DIMS) -> int:
    if whole(dims, "dims") > most:
        raise ValueError(f"dims must be at most {most}, got {dims}.")
    return int(dims)


def _name(value: Any, argument: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{argument} must be a non-empty name, got {value!r}.")
    return value


def _one_of(value: Any, allowed: Any, argument: str) -> None:
    if value not in get_args(allowed):
        raise ValueError(f"{argument} must be one of {', '.join(get_args(allowed))}, got {value!r}.")
