"""What a search or a get shows of a document: `_source` and its filters, `fields`, sort values."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from workbook.elasticsearch._errors import NodeError, illegal, not_implemented, parsing, token
from workbook.elasticsearch._fieldtypes import VECTORS
from workbook.elasticsearch._index import Document, Index
from workbook.elasticsearch._json import Body
from workbook.elasticsearch._mapping import Mapping
from workbook.elasticsearch._ranking import Ranked
from workbook.elasticsearch._space import Space
from workbook.elasticsearch._vectors import to_json

Show = Callable[[Document], dict[str, Any] | None]
_ABSENT = object()


def parse_source(value: Any, index: Index) -> Show:
    """Read `_source`: a boolean, a pattern, patterns, or `includes`, `excludes` and `exclude_vectors`.

    Vectors are left out unless `exclude_vectors` is false (or the index setting
    `mapping.exclude_source_vectors` is), as from version 9.2 on.
    """
    hide = index.settings.get("mapping.exclude_source_vectors", "true") == "true"
    includes: list[str] = []
    excludes: list[str] = []
    if isinstance(value, dict):
        body = Body(value, "_source")
        includes = _patterns(body.take("includes", body.take("include", [])))
        excludes = _patterns(body.take("excludes", body.take("exclude", [])))
        hide = body.flag("exclude_vectors", hide)
        body.done()
    elif isinstance(value, (str, list)):
        includes = _patterns(value)
    elif value is False:
        return lambda _document: None
    elif value is not None and value is not True:
        raise parsing(f"Expected one of [VALUE_BOOLEAN, START_OBJECT] but found [{token(value)}]")

    def show(document: Document) -> dict[str, Any]:
        source = document.source if hide or not document.spots else document.full_source()
        return _filtered(source, "", includes, excludes) if includes or excludes else source

    return show


def _patterns(value: Any) -> list[str]:
    found = value if isinstance(value, list) else [value]
    if any(not isinstance(item, str) for item in found):
        raise parsing("[_source] takes names of fields, with * for any characters")
    return found


def _matches(path: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(path, pattern) or fnmatchcase(path, f"{pattern}.*") for pattern in patterns)


def _filtered(source: dict[str, Any], above: str, includes: list[str], excludes: list[str]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in source.items():
        path = f"{above}{name}"
        if _matches(path, excludes):
            continue
        whole = not includes or _matches(path, includes)
        if isinstance(value, dict):
            inner: Any = _filtered(value, f"{path}.", [] if whole else includes, excludes)
            if inner or whole:
                kept[name] = inner
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            rest = [] if whole else includes
            inner = [_filtered(item, f"{path}.", rest, excludes) if isinstance(item, dict) else item for item in value]
            if any(inner) or whole:
                kept[name] = inner
        elif whole:
            kept[name] = value
    return kept


def parse_fields(value: Any, mapping: Mapping) -> Callable[[Document], dict[str, Any]] | None:
    """Read `fields`: names or patterns, alone or as `{"field": name}`; a hit then shows each field's values."""
    if value is None:
        return None
    names = []
    for item in value if isinstance(value, list) else [value]:
        body = Body({"field": item} if isinstance(item, str) else item, "fields")
        names.append(body.text("field"))
        if body.take("format") is not None:
            raise not_implemented("[format] of [fields]")
        body.flag("include_unmapped")
        body.done()
    wanted = [field for field in mapping.fields.values() if any(fnmatchcase(field.path, name) for name in names)]

    def show(document: Document) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for field in wanted:
            if field.kind in VECTORS and field.path in document.root.vectors:
                vectors = to_json(document.root.vectors[field.path])
                found[field.path] = vectors
            elif field.path in document.root.values:
                found[field.path] = _as_sent(document.source, (field.parent or field.path).split("."))
        return found

    return show


def _as_sent(source: Any, steps: list[str]) -> list[Any]:
    if isinstance(source, list):
        return [value for item in source for value in _as_sent(item, steps)]
    if not steps:
        return [source] if source is not None else []
    if not isinstance(source, dict):
        return []
    found: list[Any] = []
    for size in range(1, len(steps) + 1):
        inner = source.get(".".join(steps[:size]), _ABSENT)
        if inner is not _ABSENT:
            found += _as_sent(inner, steps[size:])
    return found


class Sort:
    """The order that a search asks for: a list of keys, each ascending or descending.

    Attributes:
        keys: name, whether descending, and where documents without a value go.
        scored: whether `_score` is one of them.
    """

    def __init__(self, value: Any, mapping: Mapping) -> None:
        """Read `sort`.

        Raises:
            NodeError: 400.
        """
        self.keys: list[tuple[str, bool, str]] = []
        for item in value if isinstance(value, list) else [value]:
            name, options = (item, {}) if isinstance(item, str) else _only(item)
            body = Body({"order": options} if isinstance(options, str) else options, "field_sort")
            order = str(body.text("order", "desc" if name == "_score" else "asc")).lower()
            missing = str(body.text("missing", "_last"))
            if order not in ("asc", "desc"):
                raise illegal(f"Unknown SortOrder [{order}]")
            unmapped = body.text("unmapped_type", None)
            if body.take("mode") is not None or body.take("nested") is not None or missing not in ("_first", "_last"):
                raise not_implemented("[mode], [nested] and values of [missing] in a sort")
            body.done()
            if name not in ("_score", "_doc"):
                _check_sortable(name, mapping, unmapped)
            self.keys.append((name, order == "desc", missing))
        self.scored = any(name == "_score" for name, _, _ in self.keys)

    def apply(self, ranked: Ranked, space: Space) -> tuple[Ranked, list[list[Any]]]:
        """The documents in this order, and each one's sort values."""
        scores = dict(zip(ranked.rows.tolist(), ranked.scores.tolist(), strict=True))
        order = sorted(scores)
        values = {
            row: [_sort_value(space, row, name, descending, scores) for name, descending, _ in self.keys]
            for row in order
        }
        for number, (_, descending, missing) in reversed(list(enumerate(self.keys))):
            column = {row: values[row][number] for row in order}
            present = [row for row in order if column[row] is not None]
            absent = [row for row in order if column[row] is None]
            present.sort(key=column.__getitem__, reverse=descending)  # stable either way: ties stay in index order
            order = absent + present if missing == "_first" else present + absent
        rows = np.array(order, np.int64)
        found = Ranked(rows, np.array([scores[row] for row in order], np.float32), ranked.matched)
        return found, [values[row] for row in order]


def _sort_value(space: Space, row: int, name: str, descending: bool, scores: dict[int, float]) -> Any:
    if name == "_score":
        return scores[row]
    if name == "_doc":
        return row
    values = space.parts[row].values.get(name)
    found = (max if descending else min)(values) if values else None
    return int(found) if isinstance(found, bool) else found


def _only(item: Any) -> tuple[str, Any]:
    if not isinstance(item, dict) or len(item) != 1:
        raise illegal("malformed sort format, within the sort array, an object, or an actual string are allowed")
    return next(iter(item.items()))


def _check_sortable(name: str, mapping: Mapping, unmapped: str | None) -> None:
    field = mapping.fields.get(name)
    if field is None:
        if unmapped is None:
            raise NodeError(400, "query_shard_exception", f"No mapping found for [{name}] in order to sort on")
        return
    if field.kind == "text":
        raise illegal(
            f"Fielddata is disabled on [{name}]. Text fields are not optimised for operations that require "
            f"per-document field data like aggregations and sorting, so these operations are disabled by default. "
            f"Please use a keyword field instead."
        )
    if field.kind in VECTORS or field.nested:
        raise illegal(f"Field [{name}] of type [{field.kind}] does not support sorting")
