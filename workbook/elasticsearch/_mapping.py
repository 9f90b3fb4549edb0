"""The mapping of an index: checked, flattened to its fields, and merged with additions."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from workbook.elasticsearch._errors import NodeError, illegal, not_implemented, token
from workbook.elasticsearch._fieldtypes import OBJECTS, Field, check_field, mapper_error

_ROOT = {"properties", "dynamic", "_meta", "date_detection", "numeric_detection"}
_ELSEWHERE = {"_source", "_routing", "dynamic_templates", "dynamic_date_formats", "runtime", "_data_stream_timestamp"}
_DYNAMIC = {"true", "false", "strict"}
MAX_FIELDS = 1000


class Mapping:
    """What an index knows of its fields.

    Attributes:
        raw: as `GET index/_mapping` shows it, under `mappings`.
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

    def _flatten(self, properties: dict[str, Any], above: str, nested: str) -> None:
        for name, declared in properties.items():
            path = f"{above}{name}"
            kind = declared.get("type", "object")
            if kind in OBJECTS:
                self.objects[path] = declared
                if kind == "nested":
                    self.nested.add(path)
                self._flatten(declared.get("properties", {}), f"{path}.", path if kind == "nested" else nested)
                continue
            self.fields[path] = Field(path, kind, declared, nested)
            for sub, inner in declared.get("fields", {}).items():
                self.fields[f"{path}.{sub}"] = Field(f"{path}.{sub}", inner["type"], inner, nested, parent=path)

    def under(self, path: str) -> Iterator[Field]:
        """The field of this path, or all fields of an object."""
        if path in self.fields:
            yield self.fields[path]
        for name, found in self.fields.items():
            if name.startswith(f"{path}."):
                yield found

    def dynamic(self, path: str) -> str:
        """What happens to an unknown field of this object: "true", "false" or "strict"."""
        while True:
            found = self.objects.get(path, {}).get("dynamic")
            if found is not None:
                return str(found).lower()
            if not path:
                return "true"
            path = path.rpartition(".")[0]

    def merged(self, addition: dict[str, Any]) -> Mapping:
        """This mapping with fields added.

        Raises:
            NodeError: 400 where a field would change.
        """
        raw = copy.deepcopy(self.raw)
        for key, value in addition.items():
            if key == "properties":
                _merge(raw.setdefault("properties", {}), value, "")
            else:
                raw[key] = value
        found = Mapping(raw)
        count = len(found.fields) + len(found.objects) - 1
        if count > MAX_FIELDS:
            raise illegal(f"Limit of total fields [{MAX_FIELDS}] has been exceeded")
        return found


def parse_mapping(body: Any) -> dict[str, Any]:
    """Check a `mappings` body, down to the last field.

    Returns:
        The body, copied, with `"true"` for `true` and so on resolved.

    Raises:
        NodeError: 400.
    """
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise mapper_error(f"Expected map for [mappings] but got {token(body)}")
    for key in body:
        if key in _ELSEWHERE:
            raise not_implemented(f"[{key}] of a mapping")
        if key not in _ROOT:
            raise mapper_error(f"Root mapping definition has unsupported parameters:  [{key} : {body[key]}]")
    found = copy.deepcopy(body)
    _check_dynamic(found)
    if "properties" in found:
        _check_properties(found["properties"], "")
    return found


def _check_dynamic(declared: dict[str, Any]) -> None:
    if "dynamic" in declared:
        declared["dynamic"] = str(declared["dynamic"]).lower()
        if declared["dynamic"] not in _DYNAMIC:
            if declared["dynamic"] == "runtime":
                raise not_implemented("[dynamic: runtime]")
            raise mapper_error(f"Could not convert [dynamic] to boolean or [strict]: [{declared['dynamic']}]")


def _check_properties(properties: Any, above: str, sub_fields: bool = False) -> None:
    if not isinstance(properties, dict):
        raise mapper_error(f"Expected map for property [properties] on field [{above.rstrip('.') or '_doc'}]")
    for name, declared in properties.items():
        if not name.strip():
            raise illegal("field name cannot be an empty string")
        if not isinstance(declared, dict):
            raise mapper_error(
                f"Expected map for property [fields] on field [{name}] but got a class {token(declared)}"
            )
        if "." in name and not sub_fields:
            raise not_implemented(f"A mapping that names a field with a dot ([{name}]); nest it in [properties]. That")
        check_field(name, declared)
        if sub_fields and (declared.get("type") in OBJECTS or "type" not in declared or "fields" in declared):
            raise mapper_error(f"Type [{declared.get('type', 'object')}] cannot be used in multi field")
        if sub_fields and declared["type"].endswith(("_vector", "_vectors")):
            raise mapper_error(f"Field [{name}] of type [{declared['type']}] can't be used in multifields")
        _check_dynamic(declared)
        if "properties" in declared:
            _check_properties(declared["properties"], f"{above}{name}.")
        if "fields" in declared:
            _check_properties(declared["fields"], f"{above}{name}.", sub_fields=True)


def _merge(old: dict[str, Any], new: dict[str, Any], above: str) -> None:
    for name, declared in new.items():
        path = f"{above}{name}"
        before = old.get(name)
        if before is None:
            old[name] = copy.deepcopy(declared)
            continue
        kinds = before.get("type", "object"), declared.get("type", "object")
        if kinds[0] != kinds[1]:
            if "nested" in kinds or "object" in kinds:
                raise illegal(f"can't merge a mapping of [{path}] from type [{kinds[0]}] with type [{kinds[1]}]")
            raise illegal(f"mapper [{path}] cannot be changed from type [{kinds[0]}] to [{kinds[1]}]")
        for key in sorted({*before, *declared} - {"properties", "fields", "dynamic", "meta", "type"}):
            was, now = before.get(key), declared.get(key)
            if was == now or (key == "dims" and was is None):
                continue
            if key not in declared and key in ("dims", "element_type") and key == "dims":
                continue  # inferred from a document, and silent in the mapping sent again
            raise _conflict(path, key, was, now)
        before.update({key: value for key, value in declared.items() if key not in ("properties", "fields")})
        for key in ("properties", "fields"):
            if key in declared:
                _merge(before.setdefault(key, {}), declared[key], f"{path}.")


def _conflict(path: str, key: str, was: Any, now: Any) -> NodeError:
    return illegal(
        f"Mapper for [{path}] conflicts with existing mapper:\n\t"
        f"Cannot update parameter [{key}] from [{_java(was)}] to [{_java(now)}]"
    )


def _java(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
