"""The mapping of an index: checked to the last field, and flattened to fields by their full paths.

Sources: Elasticsearch reference, "Mapping parameters", "Rank vectors", "Dense vector field type".
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as default
from typing import Any

from workbook.elasticsearch.reading import NodeError, illegal, not_implemented, token

INTEGERS = {"byte": 8, "short": 16, "integer": 32, "long": 64}
FLOATS = ("float", "double")
VECTORS = ("dense_vector", "rank_vectors")
OBJECTS = ("object", "nested")
ELEMENT_TYPES = ("float", "bfloat16", "byte", "bit")
SIMILARITIES = ("cosine", "dot_product", "l2_norm", "max_inner_product")
INDEX_OPTIONS = ("hnsw", "int8_hnsw", "bbq_hnsw", "flat", "int8_flat", "bbq_flat", "bbq_disk")
_ELSEWHERE_OPTIONS = {
    "bits", "cluster_size", "confidence_interval", "default_visit_percentage", "disable_offheap_cache_rescoring",
    "early_termination", "flat_index_threshold", "on_disk_rescore", "precondition",
}  # fmt: skip
MAX_DIMS = 4096
MAX_FIELDS = 1000

_SETTINGS: dict[str, set[str]] = {
    **{kind: set() for kind in ("text", "keyword", "boolean", *INTEGERS, *FLOATS)},
    "dense_vector": {"dims", "element_type", "index", "similarity", "index_options"},
    "rank_vectors": {"dims", "element_type"},
    **{kind: {"properties", "dynamic"} for kind in OBJECTS},
}
# What a server knows and the local node does not: a 400 that says so, rather than "no such thing".
_ELSEWHERE_TYPES = {
    "alias", "binary", "completion", "constant_keyword", "date", "date_nanos", "flattened", "geo_point", "geo_shape",
    "half_float", "integer_range", "ip", "join", "match_only_text", "percolator", "rank_feature", "rank_features",
    "scaled_float", "search_as_you_type", "semantic_text", "sparse_vector", "unsigned_long", "version", "wildcard",
}  # fmt: skip
_ELSEWHERE_SETTINGS = {
    "analyzer", "boost", "coerce", "copy_to", "doc_values", "eager_global_ordinals", "enabled", "fielddata", "fields",
    "format", "ignore_above", "ignore_malformed", "include_in_parent", "include_in_root", "index", "index_options",
    "index_phrases", "index_prefixes", "meta", "normalizer", "norms", "null_value", "position_increment_gap", "script",
    "search_analyzer", "similarity", "store", "subobjects", "synthetic_source_keep", "term_vector",
}  # fmt: skip
_ELSEWHERE_ROOT = {
    "_data_stream_timestamp", "_meta", "_routing", "_source", "date_detection", "dynamic_date_formats",
    "dynamic_templates", "numeric_detection", "runtime", "subobjects",
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """A field that documents can hold values in.

    Attributes:
        path: its full name, with dots.
        kind: the mapping type.
        settings: what the mapping says of it.
        nested: path of the nearest `nested` object above it, or "".
    """

    path: str
    kind: str
    settings: dict[str, Any] = default(default_factory=dict, hash=False)
    nested: str = ""

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
        """Of a `dense_vector`: whether kNN can search it."""
        return bool(self.settings.get("index", True))

    @property
    def similarity(self) -> str:
        """Of a `dense_vector`: what kNN measures."""
        return str(self.settings.get("similarity", "l2_norm" if self.element_type == "bit" else "cosine"))


class Mapping:
    """What an index knows of its fields.

    Attributes:
        raw: as it was sent, with the dims that documents added; `shown` adds what `GET index/_mapping` does.
        fields: every field with values, by full path.
        objects: path of every object to its entry in `raw`; the root is "".
        nested: paths of the `nested` objects.
    """

    def __init__(self, raw: dict[str, Any]) -> None:
        """Wrap a checked mapping; `parse_mapping` is the way in."""
        self.raw = raw
        self.fields: dict[str, Field] = {}
        self.objects: dict[str, dict[str, Any]] = {"": raw}
        self.nested: set[str] = set()
        self._flatten(raw.get("properties", {}), "", "")
        if len(self.fields) + len(self.objects) - 1 > MAX_FIELDS:
            raise illegal(f"Limit of total fields [{MAX_FIELDS}] has been exceeded")

    def _flatten(self, properties: dict[str, Any], above: str, nested: str) -> None:
        for name, declared in properties.items():
            path = f"{above}{name}"
            kind = declared.get("type", "object")
            if kind not in OBJECTS:
                self.fields[path] = Field(path, kind, declared, nested)
                continue
            self.objects[path] = declared
            if kind == "nested":
                self.nested.add(path)
            self._flatten(declared.get("properties", {}), f"{path}.", path if kind == "nested" else nested)

    def under(self, path: str) -> Iterator[Field]:
        """The field of this path, or all fields of an object."""
        return (found for name, found in self.fields.items() if name == path or name.startswith(f"{path}."))

    def dynamic(self, path: str) -> str:
        """What happens to an unknown field of this object: "true", "false" or "strict"."""
        while True:
            found = self.objects.get(path, {}).get("dynamic")
            if found is not None:
                return str(found)
            if not path:
                return "true"
            path = path.rpartition(".")[0]

    def with_dims(self, path: str, dims: int) -> Mapping:
        """This mapping once a vector field without `dims` has met its first vector."""
        found = Mapping(copy.deepcopy(self.raw))
        found.fields[path].settings["dims"] = dims  # the entry in `raw` itself
        return found


def mapper_error(reason: str) -> NodeError:
    """A mapping that the server refuses."""
    return NodeError(400, "mapper_parsing_exception", reason)


def parse_mapping(body: Any) -> Mapping:
    """Check a `mappings` body, down to the last field.

    Raises:
        NodeError: 400.
    """
    if body is not None and not isinstance(body, dict):
        raise mapper_error(f"Expected map for [mappings] but got {token(body)}")
    found = copy.deepcopy(body or {})
    for key in found:
        if key in _ELSEWHERE_ROOT:
            raise not_implemented(f"[{key}] of a mapping")
        if key not in ("properties", "dynamic"):
            raise mapper_error(f"Root mapping definition has unsupported parameters:  [{key} : {found[key]}]")
    try:
        _check_dynamic(found)
        if "properties" in found:
            _check_properties(found["properties"], "_doc")
        return Mapping(found)
    except NodeError as error:
        if error.kind != "mapper_parsing_exception":
            raise
        raise NodeError(400, "mapper_parsing_exception", f"Failed to parse mapping: {error.reason}", error) from error


def _check_dynamic(declared: dict[str, Any]) -> None:
    if "dynamic" in declared:
        declared["dynamic"] = str(declared["dynamic"]).lower()
        if declared["dynamic"] == "runtime":
            raise not_implemented("[dynamic: runtime]")
        if declared["dynamic"] not in ("true", "false", "strict"):
            raise mapper_error(f"Could not convert [dynamic] to boolean or [strict]: [{declared['dynamic']}]")


def _check_properties(properties: Any, above: str) -> None:
    if not isinstance(properties, dict):
        raise mapper_error(f"Expected map for property [properties] on field [{above}]")
    for name, declared in properties.items():
        if not name.strip():
            raise illegal("field name cannot be an empty string")
        if not isinstance(declared, dict):
            what = f"but got a class {token(declared)}"
            raise mapper_error(f"Expected map for property [fields] on field [{name}] {what}")
        if "." in name:
            raise not_implemented(f"A mapping that names a field with a dot ([{name}]); nest it in [properties]. That")
        _check_field(name, declared)


def _check_field(name: str, declared: dict[str, Any]) -> None:
    kind = declared.get("type", "object")
    if not isinstance(kind, str) or kind not in _SETTINGS:
        if isinstance(kind, str) and kind in _ELSEWHERE_TYPES:
            raise not_implemented(f"The field type [{kind}] (field [{name}])")
        raise mapper_error(f"No handler for type [{kind}] declared on field [{name}]")
    for setting in declared:
        if declared[setting] is None:
            raise mapper_error(f"[{setting}] on mapper [{name}] of type [{kind}] must not have a [null] value")
        if setting != "type" and setting not in _SETTINGS[kind]:
            if setting == "meta" or (setting in _ELSEWHERE_SETTINGS and kind not in VECTORS):
                raise not_implemented(f"The setting [{setting}] of the field type [{kind}]")
            raise mapper_error(f"unknown parameter [{setting}] on mapper [{name}] of type [{kind}]")
    if kind in OBJECTS:
        _check_dynamic(declared)
        _check_properties(declared.get("properties", {}), name)
    elif kind in VECTORS:
        _check_vector(name, declared)
        if kind == "dense_vector":
            _check_dense(name, declared)


def _check_vector(name: str, declared: dict[str, Any]) -> None:
    element, dims = declared.get("element_type", "float"), declared.get("dims")
    if element not in ELEMENT_TYPES:
        raise mapper_error(f"invalid element_type [{element}]; available types are [{', '.join(ELEMENT_TYPES)}]")
    if dims is None:
        return
    if isinstance(dims, bool) or not isinstance(dims, int):
        raise mapper_error(f"Property [dims] on field [{name}] must be an integer but got [{dims}]")
    low, high = (8, 8 * MAX_DIMS) if element == "bit" else (1, MAX_DIMS)
    if not low <= dims <= high:
        raise mapper_error(f"The number of dimensions should be in the range [{low}, {high}] but was [{dims}]")
    if element == "bit" and dims % 8:
        raise mapper_error(f"The number of dimensions for should be a multiple of 8 but was [{dims}]")


def _check_dense(name: str, declared: dict[str, Any]) -> None:
    element, dims = declared.get("element_type", "float"), declared.get("dims")
    indexed, similarity = declared.get("index", True), declared.get("similarity")
    if not isinstance(indexed, bool):
        raise mapper_error(f"Failed to parse value [{indexed}] as only [true] or [false] are allowed.")
    for setting in ("similarity", "index_options"):
        if setting in declared and not indexed:
            raise mapper_error(
                f"Field [{setting}] can only be specified for a field of type [dense_vector] when it is indexed"
            )
    if similarity is not None and similarity not in SIMILARITIES:
        raise mapper_error(
            f"Unknown value [{similarity}] for field [similarity] - accepted values are [{', '.join(SIMILARITIES)}]"
        )
    if element == "bit" and similarity not in (None, "l2_norm"):
        raise illegal(f"The [{similarity}] similarity is not supported for bit vectors; use [l2_norm]")
    if "index_options" in declared:
        _check_options(name, declared["index_options"], element, dims)


def _check_options(name: str, options: Any, element: str, dims: int | None) -> None:
    if not isinstance(options, dict):
        raise mapper_error(f"[index_options] of field [{name}] must be an object, got {token(options)}")
    kind = options.get("type")
    if kind is None:
        raise mapper_error("[index_options] requires field [type] to be configured")
    if kind in ("int4_hnsw", "int4_flat"):
        raise not_implemented(f"The vector index [{kind}]")
    if kind not in INDEX_OPTIONS:
        raise mapper_error(f"Unknown vector index options type [{kind}] for field [{name}]")
    quantised = kind not in ("hnsw", "flat")
    if quantised and element in ("byte", "bit"):
        raise mapper_error(f"[element_type] cannot be [{element}] when using index type [{kind}]")
    check_index_dims(kind, dims)
    graph = ("m", "ef_construction") if kind.endswith("hnsw") else ()
    for key, value in options.items():
        if key in _ELSEWHERE_OPTIONS:
            raise not_implemented(f"[{key}] of [index_options]")
        if key == "rescore_vector" and quantised:
            _check_oversample(value)
        elif key != "type" and key not in graph:
            raise mapper_error(f"Mapping definition for [{name}] has unsupported parameters:  [{key} : {value}]")
        if key in graph and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise mapper_error(f"[{key}] must be a whole number above zero, got [{value}]")


def check_index_dims(kind: str, dims: int | None) -> None:
    """Refuse a vector index over fewer dimensions than it takes.

    Raises:
        NodeError: 400.
    """
    if kind.startswith("bbq") and dims is not None and dims < 64:
        raise mapper_error(f"{kind} does not support dimensions fewer than 64; provided={dims}")


def _check_oversample(value: Any) -> None:
    if not isinstance(value, dict) or set(value) != {"oversample"}:
        raise mapper_error(f"[rescore_vector] takes [oversample] and nothing else, got [{value}]")
    factor = value["oversample"]
    if isinstance(factor, bool) or not isinstance(factor, (int, float)) or not (factor == 0 or 1 <= factor <= 10):
        raise mapper_error(f"[oversample] must be 0, or at least 1 and at most 10, got [{factor}]")


def shown(declared: dict[str, Any]) -> dict[str, Any]:
    """A mapping, or a part of it, as the server shows it: with what it assumes of an indexed `dense_vector`."""
    found = dict(declared)
    if "properties" in found:
        found["properties"] = {name: shown(inner) for name, inner in found["properties"].items()}
    field = Field("", str(found.get("type")), found)
    if field.kind != "dense_vector" or not field.indexed:
        return found
    found |= {"index": True, "similarity": field.similarity}
    kind = field.settings.get("index_options", {}).get("type")
    if kind is None and field.element_type == "float" and field.dims is not None:
        kind = "bbq_hnsw" if field.dims >= 384 else "int8_hnsw"
    if kind is not None:
        graph = {"m": 16, "ef_construction": 100} if kind.endswith("hnsw") else {}
        more = {"rescore_vector": {"oversample": 3.0}} if kind.startswith("bbq") else {}
        found["index_options"] = {"type": kind, **graph, **more, **found.get("index_options", {})}
    return found
