"""One document, read by the mapping: its values by field, its vectors as arrays, its nested documents."""

from __future__ import annotations

import json
from typing import Any

from workbook.elasticsearch._errors import NodeError, illegal, token
from workbook.elasticsearch._fieldtypes import VECTORS, Field
from workbook.elasticsearch._mapping import Mapping
from workbook.elasticsearch._parts import Address, Parsed, Part, Spot, Steps
from workbook.elasticsearch._scalars import looks_like_date, parse_scalar
from workbook.elasticsearch._vectors import Vectors, check_dims, check_magnitude, parse_matrix, parse_vector, width


class _Reader:
    def __init__(self, mapping: Mapping, document: str) -> None:
        self.mapping, self.document = mapping, document
        self.spots: list[Spot] = []
        self.address: Address = ()

    def object(self, value: dict[str, Any], path: str, part: Part, steps: Steps) -> dict[str, Any]:
        """Read an object's fields into `part`; returns it without its vectors."""
        kept: dict[str, Any] = {}
        for name, inner in value.items():
            if not name or not name.strip("."):
                raise self.failed("field name cannot be an empty string")
            full = f"{path}.{name}" if path else name
            found = self.value(inner, full, path, part, (*steps, name))
            if found is not _TAKEN:
                kept[name] = found
        return kept

    def value(self, value: Any, path: str, above: str, part: Part, steps: Steps) -> Any:
        mapping = self.mapping
        if path in mapping.objects:
            return self.objects(value, path, part, steps)
        if path not in mapping.fields:
            if value is None or value == [] or not self.introduce(value, path, above):
                return value
            return self.value(value, path, above, part, steps)
        found = mapping.fields[path]
        if found.kind in VECTORS:
            if value is None:
                return value
            part.vectors[path] = self.vector(value, found)
            self.spots.append(Spot(steps, self.address, path))
            return _TAKEN
        self.scalars(value, found, part)
        return value

    def objects(self, value: Any, path: str, part: Part, steps: Steps) -> Any:
        if value is None:
            return value
        declared = self.mapping.objects[path]
        if declared.get("enabled") in (False, "false"):
            return value
        many = value if isinstance(value, list) else [value]
        kept: list[Any] = []
        for number, item in enumerate(many):
            if item is None:
                kept.append(item)
                continue
            if not isinstance(item, dict):
                raise self.failed(
                    f"object mapping for [{path}] tried to parse field [{path.rpartition('.')[2]}] as object, but "
                    f"found a concrete value"
                )
            inside, outside = part, self.address
            if path in self.mapping.nested:
                inside = Part()
                beside = part.nested.setdefault(path, [])
                self.address = (*outside, (path, len(beside)))
                beside.append(inside)
            here = (*steps, number) if isinstance(value, list) else steps
            kept.append(self.object(item, path, inside, here))
            self.address = outside
        return kept if isinstance(value, list) else kept[0]

    def scalars(self, value: Any, found: Field, part: Part) -> None:
        if isinstance(value, list):
            for item in value:
                self.scalars(item, found, part)
            return
        if value is None:
            return
        try:
            parsed = parse_scalar(value, found)
        except NodeError as error:
            shown = json.dumps(value)[:50] if isinstance(value, (dict, list)) else value
            raise NodeError(
                400,
                "document_parsing_exception",
                f"failed to parse field [{found.path}] of type [{found.kind}] in {self.document}. "
                f"Preview of field's value: '{shown}'",
                error,
            ) from error
        for target in (found, *(f for f in self.mapping.under(found.path) if f.parent == found.path)):
            limit = target.settings.get("ignore_above")
            if limit is not None and isinstance(parsed, str) and len(parsed) > int(limit):
                continue
            kept = parsed if target is found else parse_scalar(value, target)
            part.values.setdefault(target.path, []).append(kept)

    def vector(self, value: Any, found: Field) -> Vectors:
        element = found.element_type
        try:
            if found.kind == "rank_vectors":
                vectors = parse_matrix(value, element, found.path, found.dims, self.document)
            else:
                vectors = parse_vector(value, element)
                what = f"The [dense_vector] field [{found.path}] in doc [{self.document}]"
                check_dims(vectors, element, what, found.dims)
                if found.indexed:
                    check_magnitude(vectors, element, found.similarity)
            if found.dims is None:
                self.add(found.path, {**found.settings, "type": found.kind, "dims": width(vectors, element)})
        except NodeError as error:
            raise self.failed(error.reason, error) from error
        return vectors

    def introduce(self, value: Any, path: str, above: str) -> bool:
        """Map an unknown field; False where the mapping says to leave it unsearched."""
        dynamic = self.mapping.dynamic(above)
        if dynamic == "false":
            return False
        if dynamic == "strict":
            raise NodeError(
                400,
                "strict_dynamic_mapping_exception",
                f"mapping set to strict, dynamic introduction of [{path.rpartition('.')[2]}] within "
                f"[{above or '_doc'}] is not allowed",
            )
        declared = _inferred(value)
        if declared is None:
            return False
        self.add(path, declared)
        return True

    def add(self, path: str, declared: dict[str, Any]) -> None:
        inner: dict[str, Any] = declared
        steps = path.split(".")
        for depth in range(len(steps) - 1, 0, -1):
            above = ".".join(steps[:depth])
            entry: dict[str, Any] = {"properties": {steps[depth]: inner}}
            kind = self.mapping.objects.get(above, {}).get("type")
            if above in self.mapping.fields:
                raise self.failed(f"can't merge a non object mapping [{above}] with an object mapping")
            inner = {"type": kind, **entry} if kind else entry
        self.mapping = self.mapping.merged({"properties": {steps[0]: inner}})

    def failed(self, reason: str, cause: NodeError | None = None) -> NodeError:
        return NodeError(400, "document_parsing_exception", f"failed to parse: {reason}", cause or illegal(reason))


_TAKEN = object()


def _inferred(value: Any) -> dict[str, Any] | None:
    if isinstance(value, list):
        numbers = all(type(item) in (int, float) for item in value)
        if numbers and 128 <= len(value) <= 4096 and any(isinstance(item, float) for item in value):
            return {"type": "dense_vector", "dims": len(value), "index": True, "similarity": "cosine"}
        return next((found for item in value if (found := _inferred(item)) is not None), None)
    if value is None:
        return None
    if isinstance(value, dict):
        return {"properties": {}}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int):
        return {"type": "long"}
    if isinstance(value, float):
        return {"type": "float"}
    if looks_like_date(value):
        return {"type": "date"}
    return {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}


def parse_document(source: Any, mapping: Mapping, doc_id: str) -> Parsed:
    """Read one document.

    Raises:
        NodeError: 400, and nothing has changed.
    """
    if not isinstance(source, dict):
        reason = f"failed to parse: expecting token of type [START_OBJECT] but found [{token(source)}]"
        raise NodeError(400, "document_parsing_exception", reason)
    for name in source:
        if name in ("_id", "_index", "_source", "_version", "_seq_no", "_score"):
            raise NodeError(
                400,
                "document_parsing_exception",
                f"Field [{name}] is a metadata field and cannot be added inside a document. Use the index API request "
                f"parameters.",
            )
    reader = _Reader(mapping, f"document with id '{doc_id}'")
    root = Part()
    kept = reader.object(source, "", root, ())
    return Parsed(kept, reader.spots, root, reader.mapping)
