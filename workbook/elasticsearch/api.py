"""Which request goes where, and what each does: indices, documents, bulk, search.

Source: Elasticsearch reference, "Index APIs", "Document APIs", "Bulk API", "Search API", "Info".
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workbook.elasticsearch import aliases, search
from workbook.elasticsearch.documents import parse_source
from workbook.elasticsearch.index import Index, Store, check_index_name
from workbook.elasticsearch.mapping import parse_mapping, shown
from workbook.elasticsearch.reading import (
    Body,
    NodeError,
    illegal,
    invalid_request,
    not_implemented,
    parse_json,
    parsing,
    token,
)

VERSION = "9.5.1"
_SHARDS = {"total": 1, "successful": 1, "failed": 0}
Answer = tuple[int, Any]


@dataclass
class Request:
    """One request.

    Attributes:
        store: the node's indices.
        method: GET, PUT and so on.
        path: its parts, percent-decoding done.
        params: the query string.
        raw: the body.
    """

    store: Store
    method: str
    path: list[str]
    params: dict[str, str]
    raw: bytes

    def body(self, required: bool = False) -> Any:
        """The body as JSON; None where there is none and it is not required."""
        if self.raw.strip():
            return parse_json(self.raw)
        if required:
            raise NodeError(400, "parse_exception", "request body is required")
        return None

    def source(self) -> Any:
        """The `_source` that the query string asks for."""
        given = {name.removeprefix("_source"): text for name, text in self.params.items() if name.startswith("_source")}
        whole = given.get("")
        if whole in ("true", "false") and len(given) == 1:
            return whole == "true"
        found: dict[str, Any] = {}
        if wanted := given.get("_includes", whole if whole not in ("true", "false") else None):
            found["includes"] = wanted.split(",")
        if "_excludes" in given:
            found["excludes"] = given["_excludes"].split(",")
        if "_exclude_vectors" in given:
            found["exclude_vectors"] = given["_exclude_vectors"]
        return found or None

    def refreshes(self) -> bool:
        """Whether what is written is to be searched at once."""
        value = self.params.get("refresh", "false")
        if value not in ("", "true", "false", "wait_for"):
            raise illegal(f"Unknown value for refresh: [{value}].")
        return value != "false"


# Cluster and indices


def _info(_request: Request) -> Answer:
    """The greeting of the root. The version is the one whose behaviour the node follows."""
    version = {
        "number": VERSION,
        "build_flavor": "lateint_ref",
        "build_type": "python",
        "build_hash": "none",
        "build_date": "2025-01-01T00:00:00.000Z",
        "build_snapshot": False,
        "lucene_version": "none",
        "minimum_wire_compatibility_version": VERSION,
        "minimum_index_compatibility_version": VERSION,
    }
    return 200, {
        "name": "local",
        "cluster_name": "lateint_ref local node",
        "cluster_uuid": "lateint_ref_local_node",
        "version": version,
        "tagline": "Not Elasticsearch: the local node of lateint_ref answers its requests in this process.",
    }


def _licence(_request: Request) -> Answer:
    """The local node asks nobody for a licence; a real cluster does, for `rank_vectors` and `rrf`."""
    kind = "none: lateint_ref local node, not Elasticsearch"
    owner = {"issued_to": "lateint_ref local node", "issuer": "lateint_ref", "start_date_in_millis": -1}
    return 200, {"license": {"status": "active", "uid": "none", "type": kind, **owner}}


def _create(request: Request) -> Answer:
    name = request.path[0]
    given = request.body()
    body = Body({} if given is None else given, "create_index")
    mapping, settings = body.take("mappings"), body.take("settings")
    names = Body(body.take("aliases", {}), "aliases").left()
    for key in body.left():
        raise parsing(f"unknown key [{key}] for create index")
    request.store.create(name, settings, parse_mapping(mapping))
    try:
        for alias, value in names.items():
            aliases.add(request.store, alias, name, value)
    except NodeError:
        request.store.drop(name)
        raise
    return 200, {"acknowledged": True, "shards_acknowledged": True, "index": name}


def _exists(request: Request) -> Answer:
    try:
        request.store.index(request.path[0])
    except NodeError as error:
        return error.status, None
    return 200, None


def _drop(request: Request) -> Answer:
    request.store.drop(request.path[0])
    return 200, {"acknowledged": True}


def _show(*parts: str) -> Callable[[Request], Answer]:
    def run(request: Request) -> Answer:
        index = request.store.index(request.path[0])
        every = {
            "aliases": aliases.show(request.store, index.name)[index.name]["aliases"],
            "mappings": shown(index.mapping.raw),
            "settings": {"index": index.shown_settings()},
        }
        return 200, {index.name: {part: every[part] for part in parts}}

    return run


def _refresh(request: Request) -> Answer:
    request.store.index(request.path[0]).refresh()
    return 200, {"_shards": _SHARDS}


def _put_settings(request: Request) -> Answer:
    request.store.index(request.path[0]).update_settings(request.body(required=True))
    return 200, {"acknowledged": True}


def _forcemerge(request: Request) -> Answer:
    """Nothing to merge: an index of this node has no segments, and no deleted document stays in its statistics."""
    request.store.index(request.path[0])
    text = request.params.get("max_num_segments", "1")
    if not text.isdigit() or int(text) < 1:
        raise illegal(f"Failed to parse int parameter [max_num_segments] with value [{text}]")
    return 200, {"_shards": _SHARDS}


def _put_alias(request: Request) -> Answer:
    aliases.add(request.store, request.path[2], request.path[0], request.body())
    return 200, {"acknowledged": True}


def _drop_alias(request: Request) -> Answer:
    aliases.remove(request.store, request.path[2], request.path[0])
    return 200, {"acknowledged": True}


def _update_aliases(request: Request) -> Answer:
    aliases.update(request.store, request.body(required=True))
    return 200, {"acknowledged": True}


def _show_aliases(request: Request) -> Answer:
    at = request.path.index("_alias")
    names = [path[0] if path else None for path in (request.path[:at], request.path[at + 1 :])]
    try:
        found = aliases.show(request.store, *names)
    except NodeError as error:
        if request.method != "HEAD":
            raise
        return error.status, None
    return 200, found


def _stats(request: Request) -> Answer:
    """Documents and bytes: those of the sources as JSON and of the vectors as arrays, in memory.

    A real index compresses the one and adds the graphs of kNN to the other.
    """
    index = request.store.index(request.path[0])
    size = index.size()
    numbers = {
        "docs": {"count": len(index.documents), "deleted": 0},
        "store": {"size_in_bytes": size, "total_data_set_size_in_bytes": size, "reserved_in_bytes": 0},
    }
    both = {"primaries": numbers, "total": numbers}
    return 200, {"_shards": _SHARDS, "_all": both, "indices": {index.name: {"uuid": index.uuid, **both}}}


# Documents


def _new_id() -> str:
    """An id for a document that came without one: 22 letters, digits, dashes."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").lstrip("-_") or _new_id()


def _written(index: Index, doc_id: str, result: str, version: int, seq_no: int) -> dict[str, Any]:
    numbers = {"_shards": _SHARDS, "_seq_no": seq_no, "_primary_term": 1}
    return {"_index": index.name, "_id": doc_id, "_version": version, "result": result, **numbers}


def _put(index: Index, doc_id: str, source: Any, create: bool = False) -> Answer:
    result = index.put(doc_id, source, create)
    document = index.documents[doc_id]
    answer = _written(index, doc_id, result, document.version, document.seq_no)
    return 201 if result == "created" else 200, answer


def _remove(index: Index, doc_id: str) -> Answer:
    version = index.delete(doc_id)
    if version is None:
        return 404, _written(index, doc_id, "not_found", 1, max(index.seq_no - 1, 0))
    return 200, _written(index, doc_id, "deleted", version, index.seq_no - 1)


def _write(request: Request) -> Answer:
    refreshes, source = request.refreshes(), request.body(required=True)
    index = request.store.written(request.path[0])
    answer = _put(index, request.path[2] if len(request.path) > 2 else _new_id(), source)
    if refreshes:
        index.refresh()
    return answer


def _delete(request: Request) -> Answer:
    refreshes, index = request.refreshes(), request.store.index(request.path[0])
    answer = _remove(index, request.path[2])
    if refreshes:
        index.refresh()
    return answer


def _found(index: Index, doc_id: str, source: Any) -> Answer:
    """A document by its id, as of the last write."""
    document = index.documents.get(doc_id)
    if document is None:
        return 404, {"_index": index.name, "_id": doc_id, "found": False}
    numbers = {"_version": document.version, "_seq_no": document.seq_no, "_primary_term": 1, "found": True}
    answer = {"_index": index.name, "_id": doc_id, **numbers}
    shown = parse_source(source, index.exclude_vectors)(document)
    return 200, answer if shown is None else {**answer, "_source": shown}


def _read(request: Request) -> Answer:
    status, answer = _found(request.store.index(request.path[0]), request.path[2], request.source())
    return status, None if request.method == "HEAD" else answer


def _mget(request: Request) -> Answer:
    index = request.store.index(request.path[0])
    body = Body(request.body(required=True), "mget", ["docs"])
    ids = body.take("ids")
    body.done()
    if not isinstance(ids, list) or not ids:
        raise invalid_request("no documents to get")
    return 200, {"docs": [_found(index, str(doc_id), request.source())[1] for doc_id in ids]}


# Bulk: one line an action, for all but delete followed by one with the document

_ACTIONS = ("index", "create", "delete")
_ELSEWHERE_META = (
    "dynamic_templates", "if_primary_term", "if_seq_no", "list_executed_pipelines", "pipeline", "require_alias",
    "retry_on_conflict", "routing", "version", "version_type",
)  # fmt: skip
_Action = tuple[str, dict[str, Any], bytes | None]


def _bulk(request: Request) -> Answer:
    """A line that is no action refuses the whole request before anything is written.

    A document that does not fit is an error of its item alone.
    """
    started = time.perf_counter()
    refreshes, actions = request.refreshes(), _read_actions(request.raw)
    default = request.path[0] if len(request.path) > 1 else None
    items = []
    for name, meta, line in actions:
        answer: dict[str, Any] = {"_index": meta.get("_index", default), "_id": meta.get("_id")}
        try:
            status, answer = _act(request.store, name, answer["_index"], answer["_id"], line)
        except NodeError as error:
            status, answer = error.status, {**answer, "error": error.entry()}
        items.append({name: {**answer, "status": status}})
    for index in request.store.indices.values() if refreshes else ():
        if any(next(iter(item.values()))["_index"] == index.name for item in items):
            index.refresh()
    failed = any("error" in next(iter(item.values())) for item in items)
    return 200, {"errors": failed, "took": int(1000 * (time.perf_counter() - started)), "items": items}


def _read_actions(text: bytes) -> list[_Action]:
    if not text.strip():
        raise NodeError(400, "parse_exception", "request body is required")
    if not text.endswith(b"\n"):
        raise illegal("The bulk request must be terminated by a newline [\\n]")
    actions: list[_Action] = []
    lines = enumerate(text.split(b"\n"), 1)
    for number, line in lines:
        if not line.strip():
            continue
        where = f"Malformed action/metadata line [{number}]"
        name, meta = _read_action(parse_json(line), where)
        source = None if name == "delete" else next(lines, (0, None))[1]
        if name != "delete" and not source:
            raise illegal(f"{where}, the action [{name}] has no document after it")
        actions.append((name, meta, source))
    if not actions:
        raise invalid_request("no requests added")
    return actions


def _read_action(action: Any, where: str) -> tuple[str, dict[str, Any]]:
    if not isinstance(action, dict):
        raise illegal(f"{where}, expected START_OBJECT but found [{token(action)}]")
    if len(action) != 1:
        found = "END_OBJECT" if not action else "FIELD_NAME"
        raise illegal(f"{where}, expected {'FIELD_NAME' if not action else 'END_OBJECT'} but found [{found}]")
    name, meta = next(iter(action.items()))
    if name == "update":
        raise not_implemented("The bulk action [update]")
    if name not in _ACTIONS:
        raise illegal(f"{where}, expected field [create], [delete], [index] or [update] but found [{name}]")
    if not isinstance(meta, dict):
        raise illegal(f"{where}, expected START_OBJECT but found [{token(meta)}]")
    for key, value in meta.items():
        if key in _ELSEWHERE_META:
            raise not_implemented(f"[{key}] of a bulk action")
        if key not in ("_index", "_id"):
            raise illegal(f"Action/metadata line contains an unknown parameter [{key}] ({where})")
        if isinstance(value, (dict, list)):
            raise illegal(f"{where}, expected a simple value for field [{key}] but found [{token(value)}]")
    # Numbers and booleans are read as text.
    as_text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in meta.items()}
    return name, {key: text for key, text in as_text.items() if meta[key] is not None}


def _act(store: Store, name: str, target: str | None, doc_id: str | None, line: bytes | None) -> Answer:
    if target is None:
        raise invalid_request("index is missing")
    if name != "delete":
        doc_id = _new_id() if doc_id is None else doc_id
        return _put(store.written(target), doc_id, parse_json(line or b""), name == "create")
    if doc_id is None:
        raise invalid_request("id is missing")
    return _remove(store.index(target), doc_id)


# Search


_SEARCH_TYPES = ("query_then_fetch", "dfs_query_then_fetch")  # over one shard they do the same


def _check_search_type(kind: str, body: dict[str, Any]) -> None:
    if kind not in _SEARCH_TYPES:
        raise illegal(f"No search type for [{kind}]")
    if "knn" in body:
        what = "cannot set [search_type] when using [knn] search, since the search type is determined automatically"
        raise illegal(what)
    if "retriever" in body:
        raise not_implemented("[search_type] beside a [retriever]")


def _search(request: Request) -> Answer:
    index, body = request.store.index(request.path[0]), request.body()
    demanded = request.store.demanded(request.path[0])
    extra: dict[str, Any] = {name: request.params[name] for name in ("size", "from") if name in request.params}
    if (source := request.source()) is not None:
        extra["_source"] = source
    if "track_total_hits" in request.params:
        text = request.params["track_total_hits"]
        extra["track_total_hits"] = int(text) if text.lstrip("-").isdigit() else text
    if body is not None and not isinstance(body, dict):
        return 200, search.search(index, body, demanded)
    if "search_type" in request.params:
        _check_search_type(request.params["search_type"], body or {})
    return 200, search.search(index, {**(body or {}), **extra}, demanded)


def _count(request: Request) -> Answer:
    index, demanded = request.store.index(request.path[0]), request.store.demanded(request.path[0])
    return 200, search.count(index, request.body(), demanded)


def _elsewhere(request: Request) -> Answer:
    raise not_implemented(f"[{request.method} /{'/'.join(request.path)}]")


_SOURCE = "_source _source_includes _source_excludes _source_exclude_vectors"
_ROUTES: list[tuple[str, str, Callable[[Request], Answer], str]] = [
    ("GET HEAD", "/", _info, ""),
    ("GET", "/_license", _licence, ""),
    ("POST PUT", "/_bulk", _bulk, "refresh"),
    ("POST PUT", "/*/_bulk", _bulk, "refresh"),
    ("GET POST", "/*/_mget", _mget, _SOURCE),
    ("GET POST", "/*/_search", _search, f"{_SOURCE} size from track_total_hits search_type"),
    ("GET POST", "/*/_count", _count, ""),
    ("POST PUT", "/*/_doc/*", _write, "refresh"),
    ("POST", "/*/_doc", _write, "refresh"),
    ("GET HEAD", "/*/_doc/*", _read, _SOURCE),
    ("DELETE", "/*/_doc/*", _delete, "refresh"),
    ("GET POST", "/*/_refresh", _refresh, ""),
    ("GET", "/*/_stats", _stats, ""),
    ("GET", "/*/_mapping", _show("mappings"), ""),
    ("GET", "/*/_settings", _show("settings"), ""),
    ("PUT POST", "/*/_mapping", _elsewhere, ""),
    ("PUT", "/*/_settings", _put_settings, ""),
    ("POST", "/*/_forcemerge", _forcemerge, "max_num_segments"),
    ("PUT POST", "/*/_alias/*", _put_alias, ""),
    ("DELETE", "/*/_alias/*", _drop_alias, ""),
    ("GET HEAD", "/*/_alias/*", _show_aliases, ""),
    ("GET HEAD", "/*/_alias", _show_aliases, ""),
    ("GET HEAD", "/_alias/*", _show_aliases, ""),
    ("GET HEAD", "/_alias", _show_aliases, ""),
    ("POST", "/_aliases", _update_aliases, ""),
    ("POST PUT DELETE", "/_license", _elsewhere, ""),
    ("PUT", "/*", _create, ""),
    ("HEAD", "/*", _exists, ""),
    ("GET", "/*", _show("aliases", "mappings", "settings"), ""),
    ("DELETE", "/*", _drop, ""),
]
_WITH_BODY = (
    _bulk, _mget, _search, _count, _write, _create, _put_settings, _put_alias, _update_aliases, _elsewhere
)  # fmt: skip
# Parameters that a server takes somewhere; all others are unknown to it, too.
_ELSEWHERE = {
    "accept_enterprise", "allow_no_indices", "allow_partial_search_results", "analyze_wildcard", "analyzer",
    "batched_reduce_size", "ccs_minimize_roundtrips", "default_operator", "df", "docvalue_fields", "error_trace",
    "expand_wildcards", "explain", "features", "filter_path", "flat_settings", "force_synthetic_source", "format",
    "human", "if_primary_term", "if_seq_no", "ignore_throttled", "ignore_unavailable", "include_defaults",
    "include_named_queries_score", "index", "lenient", "level", "local", "master_timeout",
    "max_concurrent_shard_requests", "metric", "min_score", "only_expunge_deletes", "op_type", "pipeline",
    "pre_filter_shard_size",
    "preference", "pretty", "preserve_existing", "q", "realtime", "request_cache", "require_alias",
    "require_data_stream", "rest_total_hits_as_int", "routing", "scroll", "seq_no_primary_term", "sort", "source",
    "stats", "stored_fields", "suggest_field", "suggest_mode", "suggest_size", "suggest_text", "terminate_after",
    "timeout", "track_scores", "typed_keys", "version", "version_type", "wait_for_active_shards",
    "wait_for_completion", "write_index_only",
}  # fmt: skip


def answer(request: Request) -> Answer:
    """Find what a request asks for, and do it.

    Raises:
        NodeError: what the answer says instead.
    """
    where = "/" + "/".join(request.path)
    methods: set[str] = set()
    for allowed, path, run, params in _ROUTES:
        parts = [] if path == "/" else path[1:].split("/")
        if len(parts) != len(request.path) or not all(map(_fits, parts, request.path, range(len(parts)))):
            continue
        if request.method not in allowed.split():
            methods |= set(allowed.split())
            continue
        unknown = sorted(set(request.params) - set(params.split()))
        for name in unknown:
            if name in _ELSEWHERE or (name.startswith("_source") and name in _SOURCE.split()):
                raise not_implemented(f"The parameter [{name}] of [{request.method} {where}]")
        if unknown:
            named = "parameter" if len(unknown) == 1 else "parameters"
            raise illegal(f"request [{where}] contains unrecognized {named}: " + ", ".join(f"[{n}]" for n in unknown))
        if request.raw.strip() and run not in _WITH_BODY:
            raise illegal(f"request [{request.method} {where}] does not support having a body")
        return run(request)
    if methods:
        listed = ", ".join(sorted(methods))
        reason = f"Incorrect HTTP method for uri [{where}] and method [{request.method}], allowed: [{listed}]"
        raise NodeError(405, "method_not_allowed", reason)
    if request.method == "PUT" and len(request.path) == 1:
        check_index_name(request.path[0])
    raise not_implemented(f"[{request.method} {where}]")


def _fits(pattern: str, part: str, place: int) -> bool:
    return pattern == part or (pattern == "*" and (place > 0 or not part.startswith("_")))
