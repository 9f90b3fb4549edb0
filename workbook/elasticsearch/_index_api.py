"""Indices and the cluster: create, mapping, settings, refresh, stats, health, info, licence.

Source: Elasticsearch reference, "Index APIs", "Cluster APIs", "Info".
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from workbook.elasticsearch._errors import NodeError, no_such_index, not_implemented, parsing, token
from workbook.elasticsearch._fieldtypes import mapper_error
from workbook.elasticsearch._index import Index
from workbook.elasticsearch._json import Body
from workbook.elasticsearch._mapping import Mapping, parse_mapping
from workbook.elasticsearch._settings import check_update, flatten_settings, with_defaults
from workbook.elasticsearch._store import Store

VERSION = "9.2.0"
_SHARDS = {"total": 1, "successful": 1, "failed": 0}
_ACKNOWLEDGED = {"acknowledged": True}


def info() -> dict[str, Any]:
    """The greeting of the root. The version is the one whose behaviour the node follows."""
    return {
        "name": "local",
        "cluster_name": "lateint_ref local node",
        "cluster_uuid": "lateint_ref_local_node",
        "version": {
            "number": VERSION,
            "build_flavor": "lateint_ref",
            "build_type": "python",
            "build_hash": "none",
            "build_date": "2025-01-01T00:00:00.000Z",
            "build_snapshot": False,
            "lucene_version": "none",
            "minimum_wire_compatibility_version": VERSION,
            "minimum_index_compatibility_version": VERSION,
        },
        "tagline": "Not Elasticsearch: the local node of lateint_ref answers its requests in this process.",
    }


def licence() -> dict[str, Any]:
    """The local node asks nobody for a licence; a real cluster does, for `rank_vectors` and `rrf`."""
    return {
        "license": {
            "status": "active",
            "uid": "none",
            "type": "none: lateint_ref local node, not Elasticsearch",
            "issued_to": "lateint_ref local node",
            "issuer": "lateint_ref",
            "start_date_in_millis": -1,
        }
    }


def resolve(store: Store, expression: str, *, several: bool = True) -> list[Index]:
    """The indices of a name, a list of names with commas, a pattern with `*`, or `_all`.

    Raises:
        NodeError: 404 where a plain name is missing.
    """
    found: list[str] = []
    for name in expression.split(","):
        if name in ("_all", "*") or "*" in name:
            pattern = "*" if name == "_all" else name
            found += [known for known in store.indices if fnmatchcase(known, pattern) and known not in found]
        elif name not in store.indices:
            raise no_such_index(name)
        elif name not in found:
            found.append(name)
    if not several and len(found) > 1:
        raise not_implemented(f"A search over several indices at once ({', '.join(found)})")
    return [store.indices[name] for name in found]


def create(store: Store, name: str, value: Any) -> dict[str, Any]:
    """Make an index."""
    body = Body(value or {}, "create_index", ["aliases"])
    mapping, settings = body.take("mappings"), body.take("settings")
    if body.left().get("aliases") == {}:
        body.take("aliases")
    for key in body.left():
        if key != "aliases":
            raise parsing(f"unknown key [{key}] for create index")
    body.done()
    flat = flatten_settings(settings)
    try:
        parsed = parse_mapping(mapping)
        Mapping({}).merged(parsed)
    except NodeError as error:
        if error.kind != "mapper_parsing_exception" or error.reason.startswith("Root mapping"):
            raise
        raise NodeError(400, "mapper_parsing_exception", f"Failed to parse mapping: {error.reason}", error) from error
    store.create(name, flat, parsed)
    return {"acknowledged": True, "shards_acknowledged": True, "index": name}


def delete(store: Store, expression: str) -> dict[str, Any]:
    """Delete indices; patterns are refused, as on a server with its default settings."""
    if "*" in expression or expression == "_all":
        raise NodeError(400, "illegal_argument_exception", "Wildcard expressions or all indices are not allowed")
    for index in resolve(store, expression):
        store.drop(index.name)
    return _ACKNOWLEDGED


def show(store: Store, expression: str, parts: tuple[str, ...] = ("aliases", "mappings", "settings")) -> dict[str, Any]:
    """Mappings, settings and (no) aliases of indices."""
    found: dict[str, Any] = {}
    for index in resolve(store, expression):
        every = {"aliases": {}, "mappings": index.mapping.raw, "settings": {"index": _settings(index)}}
        found[index.name] = {part: every[part] for part in parts}
    return found


def _settings(index: Index) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, value in with_defaults(index.settings).items():
        target = nested
        *above, last = name.split(".")
        for step in above:
            target = target.setdefault(step, {})
        target[last] = value
    fixed = {"creation_date": str(index.created), "uuid": index.uuid, "provided_name": index.name}
    return {**nested, **fixed, "version": {"created": "lateint_ref"}}


def put_mapping(store: Store, expression: str, value: Any) -> dict[str, Any]:
    """Add fields."""
    if not isinstance(value, dict):
        raise mapper_error(f"Expected map for the mapping but got {token(value)}")
    addition = parse_mapping(value)
    grown = [(index, index.mapping.merged(addition)) for index in resolve(store, expression)]
    for index, mapping in grown:
        index.set_mapping(mapping)
    return _ACKNOWLEDGED


def put_settings(store: Store, expression: str, value: Any) -> dict[str, Any]:
    """Change settings."""
    flat = flatten_settings(value.get("settings", value) if isinstance(value, dict) else value)
    for index in resolve(store, expression):
        check_update(index.name, flat)
    for index in resolve(store, expression):
        index.set_settings({**index.settings, **flat})
    return _ACKNOWLEDGED


def refresh(store: Store, expression: str) -> dict[str, Any]:
    """Let searches see every write."""
    indices = resolve(store, expression)
    for index in indices:
        index.refresh()
    return {"_shards": {"total": len(indices), "successful": len(indices), "failed": 0}}


def stats(store: Store, expression: str) -> dict[str, Any]:
    """Documents and bytes.

    The bytes are those of the sources as JSON and of the vectors as arrays, in memory; a real index compresses the one
    and adds the graphs of kNN to the other.
    """
    indices = resolve(store, expression)
    each = {
        index.name: {"uuid": index.uuid, "health": _health(index), "status": "open", **_stats([index])}
        for index in indices
    }
    shards = {"total": len(indices), "successful": len(indices), "failed": 0}
    return {"_shards": shards, "_all": _stats(indices), "indices": each}


def _stats(indices: list[Index]) -> dict[str, Any]:
    size = sum(index.size() for index in indices)
    numbers = {
        "docs": {"count": sum(len(index.documents) for index in indices), "deleted": 0},
        "store": {"size_in_bytes": size, "total_data_set_size_in_bytes": size, "reserved_in_bytes": 0},
    }
    return {"primaries": numbers, "total": numbers}


def _health(index: Index) -> str:
    return "green" if with_defaults(index.settings)["number_of_replicas"] == "0" else "yellow"


def health(store: Store, expression: str = "_all") -> dict[str, Any]:
    """One node: yellow while an index asks for replicas, which have nowhere to go."""
    indices = resolve(store, expression)
    replicas = sum(int(with_defaults(index.settings)["number_of_replicas"]) for index in indices)
    return {
        "cluster_name": "lateint_ref local node",
        "status": "yellow" if replicas else "green",
        "timed_out": False,
        "number_of_nodes": 1,
        "number_of_data_nodes": 1,
        "active_primary_shards": len(indices),
        "active_shards": len(indices),
        "relocating_shards": 0,
        "initializing_shards": 0,
        "unassigned_shards": replicas,
        "delayed_unassigned_shards": 0,
        "number_of_pending_tasks": 0,
        "number_of_in_flight_fetch": 0,
        "task_max_waiting_in_queue_millis": 0,
        "active_shards_percent_as_number": 100.0 * len(indices) / max(1, len(indices) + replicas),
    }
