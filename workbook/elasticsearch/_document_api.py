"""Documents one at a time and in bulk: index, create, update, get, delete, mget.

Source: Elasticsearch reference, "Document APIs".
"""

from __future__ import annotations

import base64
import uuid
from typing import Any

from workbook.elasticsearch._errors import NodeError, illegal, invalid_request, no_such_index, parsing, token
from workbook.elasticsearch._hits import parse_source
from workbook.elasticsearch._index import Document, Index
from workbook.elasticsearch._json import Body
from workbook.elasticsearch._store import Store

_SHARDS = {"total": 1, "successful": 1, "failed": 0}


def new_id() -> str:
    """An id for a document that came without one: 22 letters, digits, dashes."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").lstrip("-_") or new_id()


def open_or_create(store: Store, name: str) -> Index:
    """The index, made with an empty mapping where it is missing, as a write does."""
    return store.indices[name] if name in store.indices else store.create(name, {}, {})


def written(index: Index, doc_id: str, result: str, version: int, seq_no: int) -> dict[str, Any]:
    """The answer to a write."""
    return {
        "_index": index.name,
        "_id": doc_id,
        "_version": version,
        "result": result,
        "_shards": _SHARDS,
        "_seq_no": seq_no,
        "_primary_term": 1,
    }


def put(index: Index, doc_id: str, source: Any, *, create: bool, wanted: tuple[int, int] | None) -> dict[str, Any]:
    """Write one document."""
    result = index.put(doc_id, source, create=create, wanted=wanted)
    document = index.documents[doc_id]
    return written(index, doc_id, result, document.version, document.seq_no)


def delete(index: Index, doc_id: str, wanted: tuple[int, int] | None = None) -> tuple[int, dict[str, Any]]:
    """Delete one document; the status is 404 where there was none."""
    version = index.delete(doc_id, wanted)
    if version is None:
        return 404, written(index, doc_id, "not_found", 1, max(index.seq_no - 1, 0))
    return 200, written(index, doc_id, "deleted", version, index.seq_no - 1)


def update(index: Index, doc_id: str, value: Any, wanted: tuple[int, int] | None = None) -> tuple[int, dict[str, Any]]:
    """Merge a part into a document, or write one where it is missing (`upsert`, `doc_as_upsert`)."""
    body = Body(value, "UpdateRequest", ["script", "scripted_upsert", "_source"])
    doc, upsert = body.take("doc"), body.take("upsert")
    as_upsert, detect = body.flag("doc_as_upsert"), body.flag("detect_noop", True)
    body.done()
    if doc is None:
        raise invalid_request("script or doc is missing")
    if not isinstance(doc, dict):
        raise parsing(f"[UpdateRequest] doc doesn't support values of type: {token(doc)}")
    before = index.documents.get(doc_id)
    if before is None:
        first = doc if as_upsert else upsert
        if first is None:
            extra: dict[str, Any] = {"index_uuid": index.uuid, "shard": "0", "index": index.name}
            raise NodeError(404, "document_missing_exception", f"[{doc_id}]: document missing", **extra)
        return 201, put(index, doc_id, first, create=False, wanted=wanted)
    old = before.full_source()
    merged = _merged(old, doc)
    if detect and merged == old:
        return 200, written(index, doc_id, "noop", before.version, before.seq_no)
    return 200, put(index, doc_id, merged, create=False, wanted=wanted)


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    found = dict(old)
    for name, value in new.items():
        inner = found.get(name)
        found[name] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return found


def get(index: Index, doc_id: str, source: Any = None) -> tuple[int, dict[str, Any]]:
    """Read one document by its id, as of the last write."""
    document = index.documents.get(doc_id)
    if document is None:
        return 404, {"_index": index.name, "_id": doc_id, "found": False}
    return 200, found_document(index, document, source)


def found_document(index: Index, document: Document, source: Any) -> dict[str, Any]:
    """A document as get and mget show it."""
    answer = {
        "_index": index.name,
        "_id": document.id,
        "_version": document.version,
        "_seq_no": document.seq_no,
        "_primary_term": 1,
        "found": True,
    }
    shown = parse_source(source, index)(document)
    return answer if shown is None else {**answer, "_source": shown}


def mget(store: Store, default: str | None, value: Any, source: Any) -> dict[str, Any]:
    """Read several documents; a missing index is an error of its item."""
    body = Body(value or {}, "mget")
    ids, docs = body.take("ids"), body.take("docs")
    body.done()
    items = [{"_id": item} for item in ids] if isinstance(ids, list) else docs
    if not isinstance(items, list) or not items:
        raise invalid_request("no documents to get")
    found = []
    for item in items:
        one = Body(item, "mget", ["routing", "stored_fields", "version", "version_type"])
        name, doc_id = one.text("_index", default), one.text("_id", None)
        shown = one.take("_source", source)
        one.done()
        if name is None or doc_id is None:
            raise invalid_request(f"{'index' if name is None else 'id'} is missing for doc 0")
        if name not in store.indices:
            found.append({"_index": name, "_id": doc_id, "error": no_such_index(name).body()["error"]})
        else:
            found.append(get(store.indices[name], doc_id, shown)[1])
    return {"docs": found}


def wanted_version(seq_no: Any, term: Any) -> tuple[int, int] | None:
    """`if_seq_no` and `if_primary_term`, which come together or not at all."""
    if seq_no is None and term is None:
        return None
    if seq_no is None or term is None:
        given, missing = ("ifSeqNo", "primary term") if term is None else ("primary term", "ifSeqNo")
        raise invalid_request(f"{given} is set, but {missing} is not")
    try:
        return int(seq_no), int(term)
    except (TypeError, ValueError):
        raise illegal(f"if_seq_no and if_primary_term must be whole numbers, got [{seq_no}] and [{term}]") from None
