"""Which request goes where: methods, paths and the parameters that each takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbook.elasticsearch import _document_api as documents
from workbook.elasticsearch import _index_api as indices
from workbook.elasticsearch import _search
from workbook.elasticsearch._bulk_api import bulk
from workbook.elasticsearch._errors import NodeError, illegal, not_implemented
from workbook.elasticsearch._index import Index
from workbook.elasticsearch._request import Answer, Request
from workbook.elasticsearch._settings import check_index_name


def _create(request: Request) -> Answer:
    return 200, indices.create(request.store, request.path[0], request.body())


def _exists(request: Request) -> Answer:
    try:
        found = indices.resolve(request.store, request.path[0])
    except NodeError:
        return 404, None
    return (200 if found else 404), None


def _write(request: Request) -> Answer:
    name, action = request.path[0], request.path[1]
    doc_id = request.path[2] if len(request.path) > 2 else documents.new_id()
    operation = request.params.get("op_type", "create" if action == "_create" or len(request.path) < 3 else "index")
    if operation not in ("index", "create"):
        raise illegal(f"opType must be 'create' or 'index', found: [{operation}]")
    source, wanted = request.required(), request.wanted()
    request.refreshed(set())
    index = documents.open_or_create(request.store, name)
    answer = documents.put(index, doc_id, source, create=operation == "create", wanted=wanted)
    request.refreshed({name})
    return 201 if answer["result"] == "created" else 200, answer


def _read(request: Request) -> Answer:
    index = request.store.index(request.path[0])
    status, answer = documents.get(index, request.path[2], request.source())
    return (status, None) if request.method == "HEAD" else (status, answer)


def _read_source(request: Request) -> Answer:
    index = request.store.index(request.path[0])
    status, answer = documents.get(index, request.path[2], request.source())
    if request.method == "HEAD":
        return status, None
    if status == 404:
        reason = f"Document not found [{request.path[0]}]/[{request.path[2]}]"
        raise NodeError(404, "resource_not_found_exception", reason)
    return status, answer.get("_source")


def _delete_document(request: Request) -> Answer:
    status, answer = documents.delete(request.store.index(request.path[0]), request.path[2], request.wanted())
    request.refreshed({request.path[0]})
    return status, answer


def _update(request: Request) -> Answer:
    value, wanted = request.required(), request.wanted()
    index = documents.open_or_create(request.store, request.path[0])
    status, answer = documents.update(index, request.path[2], value, wanted)
    request.refreshed({index.name})
    return status, answer


def _bulk(request: Request) -> Answer:
    default = request.path[0] if len(request.path) > 1 else None
    request.refreshed(set())
    answer, touched = bulk(request.store, default, request.raw)
    request.refreshed(touched)
    return 200, answer


def _mget(request: Request) -> Answer:
    default = request.path[0] if len(request.path) > 1 else None
    return 200, documents.mget(request.store, default, request.body(), request.source())


def _search_route(request: Request) -> Answer:
    expression = request.path[0] if len(request.path) > 1 else "_all"
    found = indices.resolve(request.store, expression, several=False)
    index = found[0] if found else Index("none", {}, {})  # a pattern that fits no index finds nothing
    body = request.body()
    extra: dict[str, Any] = {name: request.params[name] for name in ("size", "from") if name in request.params}
    if (source := request.source()) is not None:
        extra["_source"] = source
    if "track_total_hits" in request.params:
        text = request.params["track_total_hits"]
        extra["track_total_hits"] = int(text) if text.lstrip("-").isdigit() else text
    if "q" in request.params:
        raise not_implemented("A search by [q]")
    if extra and body is not None and not isinstance(body, dict):
        return 200, _search.search(index, body)
    return 200, _search.search(index, {**(body or {}), **extra} if extra else body)


def _count(request: Request) -> Answer:
    expression = request.path[0] if len(request.path) > 1 else "_all"
    found = [_search.count(index, request.body()) for index in indices.resolve(request.store, expression)]
    shards = {**_search.SHARDS, "total": len(found), "successful": len(found)}
    return 200, {"count": sum(item["count"] for item in found), "_shards": shards}


def _over(call: Callable[..., Any], *extra: Any) -> Callable[[Request], Answer]:
    def run(request: Request) -> Answer:
        expression = request.path[0] if request.path and not request.path[0].startswith("_") else "_all"
        return 200, call(request.store, expression, *extra)

    return run


_SOURCE = "_source _source_includes _source_excludes _source_exclude_vectors"
_WRITE = "refresh if_seq_no if_primary_term timeout op_type wait_for_active_shards require_alias"
_SEARCH = f"{_SOURCE} size from track_total_hits q allow_no_indices ignore_unavailable expand_wildcards preference \
request_cache timeout search_type rest_total_hits_as_int typed_keys allow_partial_search_results"
_INDICES = "timeout master_timeout allow_no_indices ignore_unavailable expand_wildcards wait_for_active_shards \
include_defaults flat_settings local features write_index_only preserve_existing"
_HEALTH = "wait_for_status timeout level local wait_for_active_shards"
_ELSEWHERE = {
    "analyze_wildcard", "analyzer", "batched_reduce_size", "default_operator", "df", "docvalue_fields", "explain",
    "filter_path", "lenient",
    "max_concurrent_shard_requests", "pipeline", "pre_filter_shard_size", "routing", "scroll", "sort", "stats",
    "stored_fields", "suggest_field", "terminate_after", "version", "version_type",
}  # fmt: skip
_EVERYWHERE = {"pretty", "human", "error_trace", "format"}
_ROUTES: list[tuple[str, str, Callable[[Request], Answer], str]] = [
    ("GET HEAD", "/", lambda request: (200, indices.info()), ""),
    ("GET", "/_license", lambda request: (200, indices.licence()), "local accept_enterprise"),
    ("GET", "/_cluster/health", lambda request: (200, indices.health(request.store)), _HEALTH),
    ("GET", "/_cluster/health/*", lambda request: (200, indices.health(request.store, request.path[2])), _HEALTH),
    ("POST PUT", "/_bulk", _bulk, f"refresh timeout wait_for_active_shards {_SOURCE}"),
    ("POST PUT", "/*/_bulk", _bulk, f"refresh timeout wait_for_active_shards {_SOURCE}"),
    ("GET POST", "/_mget", _mget, f"realtime refresh {_SOURCE}"),
    ("GET POST", "/*/_mget", _mget, f"realtime refresh {_SOURCE}"),
    ("GET POST", "/_search", _search_route, _SEARCH),
    ("GET POST", "/*/_search", _search_route, _SEARCH),
    ("GET POST", "/_count", _count, "allow_no_indices ignore_unavailable expand_wildcards"),
    ("GET POST", "/*/_count", _count, "allow_no_indices ignore_unavailable expand_wildcards"),
    ("POST PUT", "/*/_doc/*", _write, _WRITE),
    ("POST", "/*/_doc", _write, _WRITE),
    ("POST PUT", "/*/_create/*", _write, _WRITE),
    ("GET HEAD", "/*/_doc/*", _read, f"realtime refresh {_SOURCE}"),
    ("GET HEAD", "/*/_source/*", _read_source, f"realtime refresh {_SOURCE}"),
    ("DELETE", "/*/_doc/*", _delete_document, _WRITE),
    ("POST", "/*/_update/*", _update, f"{_WRITE} retry_on_conflict {_SOURCE}"),
    ("GET POST", "/_refresh", _over(indices.refresh), _INDICES),
    ("GET POST", "/*/_refresh", _over(indices.refresh), _INDICES),
    ("GET", "/_stats", _over(indices.stats), f"{_INDICES} metric level fields"),
    ("GET", "/*/_stats", _over(indices.stats), f"{_INDICES} metric level fields"),
    ("GET", "/*/_stats/*", _over(indices.stats), f"{_INDICES} metric level fields"),
    ("GET", "/_mapping", _over(indices.show, ("mappings",)), _INDICES),
    ("GET", "/*/_mapping", _over(indices.show, ("mappings",)), _INDICES),
    ("PUT POST", "/*/_mapping",
     lambda request: (200, indices.put_mapping(request.store, request.path[0], request.required())), _INDICES),
    ("GET", "/_settings", _over(indices.show, ("settings",)), _INDICES),
    ("GET", "/*/_settings", _over(indices.show, ("settings",)), _INDICES),
    ("PUT", "/*/_settings",
     lambda request: (200, indices.put_settings(request.store, request.path[0], request.required())), _INDICES),
    ("PUT", "/*", _create, _INDICES),
    ("HEAD", "/*", _exists, _INDICES),
    ("GET", "/*", _over(indices.show), _INDICES),
    ("DELETE", "/*", lambda request: (200, indices.delete(request.store, request.path[0])), _INDICES),
]  # fmt: skip


def answer(request: Request) -> Answer:
    """Find what a request asks for, and do it.

    Raises:
        NodeError: what the answer says instead.
    """
    methods: list[str] = []
    for allowed, path, run, params in _ROUTES:
        parts = [] if path == "/" else path[1:].split("/")
        if len(parts) != len(request.path):
            continue
        if not all(
            _fits(part, given, not place) for place, (part, given) in enumerate(zip(parts, request.path, strict=True))
        ):
            continue
        if request.method not in allowed.split():
            methods += allowed.split()
            continue
        unknown = sorted(set(request.params) - set(params.split()) - _EVERYWHERE)
        elsewhere = [name for name in unknown if name in _ELSEWHERE]
        if elsewhere:
            raise not_implemented(f"The parameter [{elsewhere[0]}]")
        if unknown:
            named = "parameter" if len(unknown) == 1 else "parameters"
            listed = ", ".join(f"[{name}]" for name in unknown)
            where = "/" + "/".join(request.path)
            raise illegal(f"request [{where}] contains unrecognized {named}: {listed}")
        return run(request)
    where = "/" + "/".join(request.path)
    if methods:
        listed = ", ".join(sorted(set(methods)))
        reason = f"Incorrect HTTP method for uri [{where}] and method [{request.method}], allowed: [{listed}]"
        raise NodeError(405, "method_not_allowed", reason)
    if request.method == "PUT" and len(request.path) == 1:
        check_index_name(request.path[0])
    raise not_implemented(f"[{request.method} {where}]")


def _fits(pattern: str, part: str, first: bool) -> bool:
    return pattern == part or (pattern == "*" and (not first or part == "_all" or not part.startswith("_")))
