"""One document: read by the mapping into what is searched, and shown again as `_source` and `fields`."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from workbook.elasticsearch.mapping import FLOATS, INTEGERS, VECTORS, Field, Mapping, check_index_dims
from workbook.elasticsearch.reading import Body, NodeError, illegal, not_implemented, parsing, token
from workbook.elasticsearch.vectors import (
    Vectors,
    check_dims,
    check_magnitude,
    parse_matrix,
    parse_vector,
    to_json,
    width,
)

Scalar = str | float | int | bool
Steps = tuple[str | int, ...]
Address = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Spot:
    """Where a vector stood in a document, and where it is kept.

    Attributes:
        steps: keys and positions in the source.
        address: nested path and number, level by level, of the part that holds it.
        path: its field.
    """

    steps: Steps
    address: Address
    path: str


@dataclass
class Part:
    """What is searched of a document, or of one of its nested documents.

    Attributes:
        values: field path to its values, in order.
        vectors: field path to its vector `(dim,)` or vectors `(n, dim)`.
        nested: path of a nested object to its documents.
    """

    values: dict[str, list[Scalar]] = field(default_factory=dict)
    vectors: dict[str, Vectors] = field(default_factory=dict)
    nested: dict[str, list[Part]] = field(default_factory=dict)

    def at(self, address: Address) -> Part:
        """The part of a nested document below this one."""
        part = self
        for path, number in address:
            part = part.nested[path][number]
        return part


@dataclass
class Parsed:
    """A document that passed.

    Attributes:
        source: the JSON as sent, without its vectors.
        spots: where in the source each vector stood, and what holds it now.
        root: what is searched.
        mapping: the index's mapping, with the dims that this document added to it.
    """

    source: dict[str, Any]
    spots: list[Spot]
    root: Part
    mapping: Mapping

    def with_vectors(self, wanted: Callable[[str], bool]) -> dict[str, Any]:
        """The source as it was sent, with the vectors of the fields wanted (as float32)."""
        spots = [spot for spot in self.spots if wanted(spot.path)]
        if not spots:
            return self.source
        found = copy.deepcopy(self.source)
        for spot in spots:
            target: Any = found
            for step in spot.steps[:-1]:
                target = target[step]
            target[spot.steps[-1]] = to_json(self.root.at(spot.address).vectors[spot.path])
        return found

    def size(self) -> int:
        """Bytes: the source as JSON and the vectors as arrays."""
        vectors = sum(self.root.at(spot.address).vectors[spot.path].nbytes for spot in self.spots)
        return len(json.dumps(self.source, ensure_ascii=False).encode()) + vectors


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
            reason = f"Field [{name}] is a metadata field and cannot be added inside a document. Use the index API "
            raise NodeError(400, "document_parsing_exception", f"{reason}request parameters.")
    reader = _Reader(mapping, f"document with id '{doc_id}'")
    root = Part()
    kept = reader.object(source, "", root, ())
    return Parsed(kept, reader.spots, root, reader.mapping)


_TAKEN = object()


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
            found = self.value(inner, f"{path}.{name}" if path else name, path, part, (*steps, name))
            if found is not _TAKEN:
                kept[name] = found
        return kept

    def value(self, value: Any, path: str, above: str, part: Part, steps: Steps) -> Any:
        if path in self.mapping.objects:
            return self.objects(value, path, part, steps)
        if path not in self.mapping.fields:
            if value is not None and value != []:
                self.refuse_unmapped(path, above)
            return value
        found = self.mapping.fields[path]
        if found.kind not in VECTORS:
            self.scalars(value, found, part)
            return value
        if value is None:
            return value
        part.vectors[path] = self.vector(value, found)
        self.spots.append(Spot(steps, self.address, path))
        return _TAKEN

    def objects(self, value: Any, path: str, part: Part, steps: Steps) -> Any:
        if value is None:
            return value
        kept: list[Any] = []
        for number, item in enumerate(value if isinstance(value, list) else [value]):
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
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, list):
                self.scalars(item, found, part)
            elif item is not None:
                try:
                    part.values.setdefault(found.path, []).append(parse_scalar(item, found))
                except NodeError as error:
                    shown = json.dumps(item)[:50] if isinstance(item, dict) else item
                    reason = f"failed to parse field [{found.path}] of type [{found.kind}] in {self.document}. "
                    reason += f"Preview of field's value: '{shown}'"
                    raise NodeError(400, "document_parsing_exception", reason, error) from error

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
                    check_index_dims(found.settings.get("index_options", {}).get("type", ""), width(vectors, element))
        except NodeError as error:
            raise self.failed(error.reason, error) from error
        if found.dims is None:
            self.mapping = self.mapping.with_dims(found.path, width(vectors, element))
        return vectors

    def refuse_unmapped(self, path: str, above: str) -> None:
        """An unknown field: an error, or left unsearched where the mapping says so."""
        dynamic = self.mapping.dynamic(above)
        if dynamic == "strict":
            name = path.rpartition(".")[2]
            reason = (
                f"mapping set to strict, dynamic introduction of [{name}] within [{above or '_doc'}] is not allowed"
            )
            raise NodeError(400, "strict_dynamic_mapping_exception", reason)
        if dynamic == "true":
            raise not_implemented(f"A guess at the type of the unmapped field [{path}] (map it, or set [dynamic])")

    def failed(self, reason: str, cause: NodeError | None = None) -> NodeError:
        return NodeError(400, "document_parsing_exception", f"failed to parse: {reason}", cause or illegal(reason))


def parse_scalar(value: Any, found: Field) -> Scalar:
    """One value of a text, keyword, number or boolean field, as it is searched.

    Raises:
        NodeError: 400, with the words of the cause only; the caller names the field and the document.
    """
    if isinstance(value, (dict, list)):
        raise illegal(f"Can't get text on a {token(value)}")
    if found.kind in ("text", "keyword"):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if found.kind == "boolean":
        if value in (True, False) and isinstance(value, bool):
            return value
        if value in ("true", "false", ""):
            return bool(value == "true")
        raise illegal(f"Failed to parse value [{value}] as only [true] or [false] are allowed.")
    return _number(value, found.kind)


def _number(value: Any, kind: str) -> float | int:
    if isinstance(value, bool):
        raise illegal(f"Current token ({token(value)}) not numeric, can not use numeric value accessors")
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    except ValueError:
        raise illegal(f'For input string: "{value}"') from None
    if number != number or number in (float("inf"), float("-inf")):
        raise illegal(f"[{kind}] supports only finite values, but got [{value}]")
    if kind in FLOATS:
        return number
    try:
        whole = int(value)
    except ValueError:
        whole = int(number)  # decimals in a string are cut off, as in a number: the server's `coerce`
    bits = INTEGERS[kind]
    if not -(2 ** (bits - 1)) <= whole < 2 ** (bits - 1):
        raise illegal(f"Value [{value}] is out of range for a{'n' if kind == 'integer' else ''} {kind}")
    return whole


def parse_source(value: Any, exclude_vectors: bool) -> Callable[[Parsed], dict[str, Any] | None]:
    """Read `_source`: a boolean, names of fields, or `includes`, `excludes` and `exclude_vectors`.

    Vectors are left out unless they are named, or `exclude_vectors` is false here or by the index setting
    `mapping.exclude_source_vectors`, as from version 9.2 on.
    """
    includes: list[str] = []
    excludes: list[str] = []
    if isinstance(value, dict):
        body = Body(value, "_source", ["include", "exclude"])
        includes, excludes = _names(body.take("includes", [])), _names(body.take("excludes", []))
        exclude_vectors = body.flag("exclude_vectors", exclude_vectors)
        body.done()
    elif isinstance(value, (str, list)):
        includes = _names(value)
    elif value is False:
        return lambda _document: None
    elif value is not None and value is not True:
        raise parsing(f"Expected one of [VALUE_BOOLEAN, START_OBJECT] but found [{token(value)}]")

    def show(document: Parsed) -> dict[str, Any]:
        source = document.with_vectors(lambda path: path in includes or not exclude_vectors)
        return _filtered(source, "", includes, excludes) if includes or excludes else source

    return show


def _names(value: Any) -> list[str]:
    found = value if isinstance(value, list) else [value]
    if any(not isinstance(item, str) for item in found):
        raise parsing("[_source] takes names of fields")
    return [plain(item, "_source") for item in found]


def plain(name: str, where: str) -> str:
    """The name of a field, without a pattern."""
    if "*" in name:
        raise not_implemented(f"A pattern ([{name}]) in [{where}]")
    return name


def _filtered(source: dict[str, Any], above: str, includes: list[str], excludes: list[str]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in source.items():
        path = f"{above}{name}"
        if path in excludes:
            continue
        whole = not includes or path in includes
        rest = [] if whole else includes
        many = value if isinstance(value, list) else [value]
        if any(isinstance(item, dict) for item in many):
            inner = [_filtered(item, f"{path}.", rest, excludes) if isinstance(item, dict) else item for item in many]
            if any(inner) or whole:
                kept[name] = inner if isinstance(value, list) else inner[0]
        elif whole:
            kept[name] = value
    return kept


def source_at(document: Parsed, path: str, offset: int, value: Any, exclude_vectors: bool) -> Any:
    """The part of a document's source that one of its nested documents came from.

    Args:
        document: the document.
        path: of the nested object, which lies in no other one.
        offset: which of its documents, from 0.
        value: as for `parse_source`, and so is
        exclude_vectors: whether vectors stay out unless asked for.
    """
    found: list[Any] = [parse_source(value, exclude_vectors)(document)]
    for step in path.split("."):
        below = [item[step] for item in found if isinstance(item, dict) and step in item]
        found = [item for one in below for item in (one if isinstance(one, list) else [one])]
    return [item for item in found if item is not None][offset]
