"""The bulk request: many writes in one body of lines.

Source: Elasticsearch reference, "Bulk API".
"""

from __future__ import annotations

import json
import time
from typing import Any

from workbook.elasticsearch._document_api import delete, new_id, open_or_create, put, update, wanted_version
from workbook.elasticsearch._errors import NodeError, illegal, invalid_request, not_implemented, token
from workbook.elasticsearch._json import parse_json
from workbook.elasticsearch._store import Store

_ACTIONS = ("index", "create", "update", "delete")
_META = ("_index", "_id", "if_seq_no", "if_primary_term", "retry_on_conflict", "require_alias")
_NO_MEANING = ("pipeline", "routing", "dynamic_templates", "list_executed_pipelines")


def bulk(store: Store, default: str | None, text: bytes) -> tuple[dict[str, Any], set[str]]:
    """Run a bulk request: one line an action, for all but delete followed by one with the document.

    A line that is no action refuses the whole request before anything is written; a document that does not fit is an
    error of its item alone.

    Returns:
        The answer, and the names of the indices written to.
    """
    started = time.perf_counter()
    actions = _read_actions(text)
    items, touched = [], set()
    for name, meta, line in actions:
        answer: dict[str, Any] = {"_index": meta.get("_index", default), "_id": meta.get("_id")}
        try:
            status, answer = _act(store, name, meta, default, line)
            touched.add(answer["_index"])
        except NodeError as error:
            status = error.status
            answer = {**answer, "error": error.entry()}
        items.append({name: {**answer, "status": status}})
    failed = any("error" in next(iter(item.values())) for item in items)
    took = int(1000 * (time.perf_counter() - started))
    return {"errors": failed, "took": took, "items": items}, touched


def _read_actions(text: bytes) -> list[tuple[str, dict[str, Any], bytes | None]]:
    if not text.strip():
        raise NodeError(400, "parse_exception", "request body is required")
    if not text.endswith(b"\n"):
        raise illegal("The bulk request must be terminated by a newline [\\n]")
    actions: list[tuple[str, dict[str, Any], bytes | None]] = []
    lines = iter(text.split(b"\n"))
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        action = parse_json(line)
        where = f"Malformed action/metadata line [{number + len([a for a in actions if a[2] is not None])}]"
        if not isinstance(action, dict):
            raise illegal(f"{where}, expected START_OBJECT but found [{token(action)}]")
        if len(action) != 1:
            found = "END_OBJECT" if not action else "FIELD_NAME"
            raise illegal(f"{where}, expected {'FIELD_NAME' if not action else 'END_OBJECT'} but found [{found}]")
        name, meta = next(iter(action.items()))
        if name not in _ACTIONS:
            raise illegal(f"{where}, expected field [create], [delete], [index] or [update] but found [{name}]")
        if not isinstance(meta, dict):
            raise illegal(f"{where}, expected START_OBJECT but found [{token(meta)}]")
        meta = _checked(meta, where)
        source = None if name == "delete" else next(lines, None)
        if name != "delete" and not source:
            raise illegal(f"{where}, the action [{name}] has no document after it")
        actions.append((name, meta, source))
    if not actions:
        raise invalid_request("no requests added")
    return actions


def _checked(meta: dict[str, Any], where: str) -> dict[str, Any]:
    found = dict(meta)
    for key, value in meta.items():
        if key in _NO_MEANING and value is not None:
            raise not_implemented(f"[{key}] of a bulk action")
        if key not in _META and key not in _NO_MEANING:
            raise illegal(f"Action/metadata line contains an unknown parameter [{key}] ({where})")
        if isinstance(value, (dict, list)):
            raise illegal(f"{where}, expected a simple value for field [{key}] but found [{token(value)}]")
        if key in ("_index", "_id") and value is not None and not isinstance(value, str):
            found[key] = json.dumps(value)  # numbers and booleans are read as text
    return found


def _act(
    store: Store, name: str, meta: dict[str, Any], default: str | None, line: bytes | None
) -> tuple[int, dict[str, Any]]:
    target = meta.get("_index", default)
    if target is None:
        raise invalid_request("index is missing")
    doc_id = meta.get("_id")
    wanted = wanted_version(meta.get("if_seq_no"), meta.get("if_primary_term"))
    if name == "delete":
        if doc_id is None:
            raise invalid_request("id is missing")
        return delete(store.index(target), str(doc_id), wanted)
    source = parse_json(line or b"")
    if name == "update":
        if doc_id is None:
            raise invalid_request("id is missing")
        return update(open_or_create(store, target), str(doc_id), source, wanted)
    create = name == "create" or doc_id is None
    doc_id = new_id() if doc_id is None else str(doc_id)
    answer = put(open_or_create(store, target), doc_id, source, create=create, wanted=wanted)
    return 201 if answer["result"] == "created" else 200, answer
