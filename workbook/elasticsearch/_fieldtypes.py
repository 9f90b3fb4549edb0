"""One field of a mapping: which types there are, which settings each takes, and what those may be.

Sources: Elasticsearch reference, "Mapping parameters", "Rank vectors", "Dense vector field type".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from workbook.elasticsearch._errors import NodeError, illegal, not_implemented, token

INTEGERS = {"byte": 8, "short": 16, "integer": 32, "long": 64}
FLOATS = ("float", "double", "half_float")
NUMBERS = (*INTEGERS, *FLOATS)
VECTORS = ("dense_vector", "rank_vectors")
OBJECTS = ("object", "nested")
ELEMENT_TYPES = ("float", "bfloat16", "byte", "bit")
SIMILARITIES = ("cosine", "dot_product", "l2_norm", "max_inner_product")
ANALYZERS = ("standard", "whitespace", "simple", "keyword")
INDEX_OPTIONS = (
    "hnsw", "int8_hnsw", "int4_hnsw", "bbq_hnsw", "flat", "int8_flat", "int4_flat", "bbq_flat", "bbq_disk"
)  # fmt: skip
MAX_DIMS = 4096

_COMMON = {"meta"}
_SETTINGS = {
    "text": {"analyzer", "search_analyzer", "fields", "index", "norms"},
    "keyword": {"fields", "index", "doc_values", "ignore_above"},
    "boolean": {"index", "doc_values"},
    "date": {"index", "doc_values", "format"},
    **{name: {"index", "doc_values", "coerce"} for name in NUMBERS},
    "dense_vector": {"dims", "element_type", "index", "similarity", "index_options"},
    "rank_vectors": {"dims", "element_type"},
    "object": {"properties", "dynamic", "enabled"},
    "nested": {"properties", "dynamic"},
}
# Known to a real server, not to the local node: a 400 that says so rather than "no such thing".
_ELSEWHERE_TYPES = {
    "alias", "binary", "completion", "constant_keyword", "date_nanos", "flattened", "geo_point", "geo_shape",
    "integer_range", "ip", "join", "match_only_text", "percolator", "rank_feature", "rank_features", "runtime",
    "search_as_you_type", "semantic_text", "sparse_vector", "unsigned_long", "scaled_float", "version", "wildcard",
}  # fmt: skip
_ELSEWHERE_SETTINGS = {
    "boost", "copy_to", "eager_global_ordinals", "fielddata", "ignore_malformed", "include_in_parent",
    "include_in_root", "index_options", "index_phrases", "index_prefixes", "normalizer", "null_value",
    "position_increment_gap", "script", "similarity", "store", "subobjects", "synthetic_source_keep", "term_vector",
    "time_series_dimension",
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """A field that documents can hold values in.

    Attributes:
        path: its full name, with dots.
        kind: the mapping type.
        settings: what the mapping says of it.
        nested: path of the nearest `nested` object above it, or "".
        parent: for a sub-field (`title.raw`), the field whose values it repeats.
    """

    path: str
    kind: str
    settings: dict[str, Any] = field(default_factory=dict, hash=False)
    nested: str = ""
    parent: str | None = None

    @property
    def element_type(self) -> str:
        """Of a vector: float, bfloat16, byte or bit."""
        return str(self.settings.get("element_type", "float"))

    @property
    def dims(self) -> int | None:
        """Of a vector: numbers (or bits) in one, if known yet."""
        return self.settings.get("dims")

    @property
    def indexed(self) -> bool:
        """Whether it can be searched."""
        return bool(self.settings.get("index", True))

    @property
    def similarity(self) -> str:
        """Of a `dense_vector`: what kNN measures."""
        return str(self.settings.get("similarity", "l2_norm" if self.element_type == "bit" else "cosine"))


def mapper_error(reason: str) -> NodeError:
    """A mapping that the server refuses."""
    return NodeError(400, "mapper_parsing_exception", reason)


def check_field(name: str, declared: dict[str, Any]) -> None:
    """Check one field's entry of `properties`, without its children.

    Raises:
        NodeError: 400, an unknown type, a setting that the type does not take, or a wrong value.
    """
    kind = declared.get("type", "object")
    if not isinstance(kind, str) or kind not in _SETTINGS:
        if isinstance(kind, str) and kind in _ELSEWHERE_TYPES:
            raise not_implemented(f"The field type [{kind}] (field [{name}])")
        raise mapper_error(f"No handler for type [{kind}] declared on field [{name}]")
    for setting in declared:
        if setting == "type" or setting in _SETTINGS[kind] | _COMMON:
            continue
        if setting in _ELSEWHERE_SETTINGS and kind not in VECTORS:
            raise not_implemented(f"The setting [{setting}] of the field type [{kind}]")
        raise mapper_error(f"unknown parameter [{setting}] on mapper [{name}] of type [{kind}]")
    for setting in ("index", "doc_values", "norms", "coerce", "enabled"):
        if setting in declared and declared[setting] not in (True, False, "true", "false"):
            raise mapper_error(f"Failed to parse value [{declared[setting]}] as only [true] or [false] are allowed.")
    if kind in VECTORS:
        _check_vector(name, kind, declared)
    for setting in ("analyzer", "search_analyzer"):
        if setting in declared and declared[setting] not in ANALYZERS:
            raise not_implemented(f"The analyzer [{declared[setting]}] (field [{name}]; here: {', '.join(ANALYZERS)})")


def _check_vector(name: str, kind: str, declared: dict[str, Any]) -> None:
    element = declared.get("element_type", "float")
    if element not in ELEMENT_TYPES:
        raise mapper_error(f"invalid element_type [{element}]; available types are [{', '.join(ELEMENT_TYPES)}]")
    dims = declared.get("dims")
    if dims is not None:
        if isinstance(dims, bool) or not isinstance(dims, int):
            raise mapper_error(f"Property [dims] on field [{name}] must be an integer but got [{dims}]")
        low, high = (8, 8 * MAX_DIMS) if element == "bit" else (1, MAX_DIMS)
        if not low <= dims <= high:
            raise mapper_error(f"The number of dimensions should be in the range [{low}, {high}] but was [{dims}]")
        if element == "bit" and dims % 8:
            raise mapper_error(f"The number of dimensions for should be a multiple of 8 but was [{dims}]")
    if kind == "dense_vector":
        _check_dense(name, declared, element, dims)


def _check_dense(name: str, declared: dict[str, Any], element: str, dims: int | None) -> None:
    indexed = declared.get("index", True)
    for setting in ("similarity", "index_options"):
        if setting in declared and indexed is False:
            raise mapper_error(
                f"Field [{setting}] can only be specified for a field of type [dense_vector] when it is indexed"
            )
    similarity = declared.get("similarity")
    if similarity is not None and similarity not in SIMILARITIES:
        raise mapper_error(
            f"Unknown value [{similarity}] for field [similarity] - accepted values are [{', '.join(SIMILARITIES)}]"
        )
    if element == "bit" and similarity not in (None, "l2_norm"):
        raise illegal(f"The [{similarity}] similarity is not supported for bit vectors; use [l2_norm]")
    options = declared.get("index_options")
    if options is None:
        return
    if not isinstance(options, dict):
        raise mapper_error(f"[index_options] of field [{name}] must be an object, got {token(options)}")
    kind = options.get("type")
    if kind is None:
        raise mapper_error("[index_options] requires field [type] to be configured")
    if kind not in INDEX_OPTIONS:
        raise mapper_error(f"Unknown vector index options type [{kind}] for field [{name}]")
    if kind not in ("hnsw", "flat") and element in ("byte", "bit"):
        raise mapper_error(f"[element_type] cannot be [{element}] when using index type [{kind}]")
    if kind.startswith("bbq") and dims is not None and dims < 64:
        raise mapper_error(f"{kind} does not support dimensions fewer than 64; provided={dims}")
    taken = {"type", "rescore_vector", "on_disk_rescore"}
    if kind.endswith("hnsw"):
        taken |= {"m", "ef_construction"}
    if kind.startswith("int"):
        taken |= {"confidence_interval"}
    if kind == "bbq_disk":
        taken |= {"cluster_size", "default_visit_percentage"}
    extra = [key for key in options if key not in taken]
    if extra:
        raise mapper_error(f"Mapping definition for [{name}] has unsupported parameters:  [{extra[0]}]")
    for key in ("m", "ef_construction"):
        value = options.get(key, 16)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise mapper_error(f"[{key}] must be a whole number above zero, got [{value}]")
