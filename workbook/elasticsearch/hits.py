"""What an answer shows of a document: its source, values of fields, the names of queries that match, inner hits.

Source: Elasticsearch reference, "Retrieve selected fields", "Retrieve inner hits", "Bool query" (named queries).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from workbook.elasticsearch.documents import Part, plain, source_at
from workbook.elasticsearch.index import Document
from workbook.elasticsearch.mapping import Field, Mapping
from workbook.elasticsearch.queries import Query, rows_of
from workbook.elasticsearch.ranking import by_score
from workbook.elasticsearch.reading import Body, illegal, not_implemented
from workbook.elasticsearch.space import Space
from workbook.elasticsearch.vectors import to_json

Show = Callable[[Part], dict[str, Any]]
MAX_DOCVALUES = MAX_INNER = 100


def parse_fields(value: Any, mapping: Mapping, path: str = "") -> Show:
    """Read `fields`, a list of names, alone or as `{"field": name}`; a hit then shows each field's values.

    Args:
        value: the JSON, or None.
        mapping: of the index.
        path: the nested object whose documents are shown: their values stand under it.
    """
    wanted = _fields(value, mapping, "fields", ["format", "include_unmapped"], path)

    def show(part: Part) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for field in wanted:
            name = field.path[len(path) + 1 :] if path else field.path
            if field.path in part.vectors:
                found[name] = to_json(part.vectors[field.path])
            elif field.path in part.values:
                found[name] = part.values[field.path]
        return {path: [found]} if path and found else found

    return show


def parse_docvalues(value: Any, mapping: Mapping, path: str = "") -> Show:
    """Read `docvalue_fields`: as `fields`, but with the values as they are kept, in order and each once."""
    wanted = _fields(value, mapping, "docvalue_fields", ["format"], path)
    if len(wanted) > MAX_DOCVALUES:
        raise illegal(
            f"Trying to retrieve too many docvalue_fields. Must be less than or equal to: [{MAX_DOCVALUES}] but was "
            f"[{len(wanted)}]. This limit can be set by changing the [index.max_docvalue_fields_search] index level "
            f"setting."
        )
    for field in wanted:
        if field.kind == "text":
            raise illegal(f"Fielddata is disabled on [{field.path}]. Text fields are not optimised for doc values.")

    def show(part: Part) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for field in wanted:
            if field.path in part.vectors:
                found[field.path] = [to_json(part.vectors[field.path])]
            elif field.path in part.values:
                kept = sorted(part.values[field.path])
                kept = sorted(set(kept)) if field.kind == "keyword" else kept
                found[field.path] = [float(np.float32(item)) for item in kept] if field.kind == "float" else kept
        return found

    return show


def _fields(value: Any, mapping: Mapping, where: str, known: list[str], path: str) -> list[Field]:
    wanted: list[Field] = []
    for item in value if isinstance(value, list) else [] if value is None else [value]:
        body = Body({"field": item} if isinstance(item, str) else item, where, known)
        name = plain(body.text("field"), where)
        body.done()
        field = mapping.fields.get(name)
        if field is None:  # as on the server, a name outside the mapping shows nothing
            continue
        if field.nested != path:
            raise not_implemented(f"A {'nested ' if field.nested else ''}field ([{name}]) in [{where}]")
        wanted.append(field)
    return wanted


def matched_queries(named: dict[str, Query], space: Space, row: int) -> list[str]:
    """The names, in alphabetical order, of the queries that match a document."""
    return [name for name in sorted(named) if named[name].matches(space)[row]]


@dataclass
class InnerHits:
    """An `inner_hits`: which nested documents made their document a hit.

    Attributes:
        query: what is asked of the nested documents.
        path: of the nested object; None for the one that holds the field of a `knn`.
        name: the key in the answer; by default the path.
        start, size: which of them to show, best first.
        source, fields, docvalues: what to show of each.
    """

    query: Query
    path: str | None
    name: str | None
    start: int
    size: int
    source: Any
    fields: Any
    docvalues: Any

    @cached_property
    def _every(self) -> Query:
        return self.query.unlimited()

    def where(self, mapping: Mapping) -> str:
        """The path of the nested object."""
        nested = {mapping.fields[name].nested for name in self.query.fields if name in mapping.fields}
        path = self.path if self.path is not None else next(iter(nested), "")
        if not path or any(path.startswith(f"{outer}.") for outer in mapping.nested):
            raise not_implemented(f"[inner_hits] for [{path or 'a field outside a nested object'}]")
        return path

    def show(self, space: Space, row: int, document: Document, index: str, exclude_vectors: bool) -> dict[str, Any]:
        """The nested documents of one hit."""
        path = self.where(space.mapping)
        inside = space.nested(path)
        assert inside.parents is not None
        children = rows_of(inside.parents == row)
        found = children[self._every.matches(inside)[children]]
        best = by_score(found, self._every.scores(inside, found), inside.none())
        fields = parse_fields(self.fields, space.mapping, path)
        docvalues = parse_docvalues(self.docvalues, space.mapping, path)
        hits = []
        for child, score in zip(best.rows.tolist(), best.scores, strict=True):
            offset = child - int(children[0])
            shown: dict[str, Any] = {"_index": index, "_id": document.id, "_nested": {"field": path, "offset": offset}}
            shown["_score"] = as_json(score)
            if self.source is not False:
                shown["_source"] = source_at(document, path, offset, self.source, exclude_vectors)
            if values := {**docvalues(inside.parts[child]), **fields(inside.parts[child])}:
                shown["fields"] = values
            hits.append(shown)
        largest = hits[0]["_score"] if hits else None
        end = self.start + self.size
        total = {"value": len(hits), "relation": "eq"}
        return {"hits": {"total": total, "max_score": largest, "hits": hits[self.start : end]}}


def parse_inner_hits(value: Any, query: Query, path: str | None) -> InnerHits:
    """Read an `inner_hits`.

    Raises:
        NodeError: 400.
    """
    known = ["collapse", "explain", "highlight", "ignore_unmapped", "script_fields", "seq_no_primary_term", "sort"]
    body = Body(value, "inner_hits", [*known, "stored_fields", "track_scores", "version"])
    name, start, size = body.text("name", None), body.integer("from", 0), body.integer("size", 3)
    source, fields, docvalues = body.take("_source"), body.take("fields"), body.take("docvalue_fields")
    body.done()
    if start < 0 or size < 0:
        raise illegal(f"illegal {'from' if start < 0 else 'size'} value, at least 0 or higher")
    if start + size > MAX_INNER:
        raise illegal(
            f"Inner result window is too large, the inner hit definition's [{name or path}]'s from + size must be less "
            f"than or equal to: [{MAX_INNER}] but was [{start + size}]. This limit can be set by changing the "
            f"[index.max_inner_result_window] index level setting."
        )
    if not (source is None or isinstance(source, bool) or (isinstance(source, dict) and set(source) <= _FLAG)):
        raise not_implemented("Names of fields in the [_source] of [inner_hits]")
    return InnerHits(query, path, name, start, size, source, fields, docvalues)


_FLAG = {"exclude_vectors"}


def as_json(score: np.float32) -> float:
    """A float32 as the shortest decimal that reads back the same."""
    return float(str(np.float32(score)))
