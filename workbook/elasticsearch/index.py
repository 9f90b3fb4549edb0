"""One index: its settings, its documents and their versions, and what a search sees of them; and the store of all."""

from __future__ import annotations

import re
import threading
import time
import uuid
from typing import Any, NamedTuple

from workbook.elasticsearch.documents import Parsed, parse_document
from workbook.elasticsearch.mapping import Mapping
from workbook.elasticsearch.reading import NodeError, illegal, invalid_request, no_such_index, not_implemented
from workbook.elasticsearch.space import Space

# number_of_replicas is remembered and shown: the one node of this process has no place for a copy, as any single node.
_SETTINGS = {
    "number_of_shards": "1",
    "number_of_replicas": "1",
    "refresh_interval": "1s",
    "max_result_window": "10000",
    "mapping.exclude_source_vectors": "true",
}
_SHOWN = ("number_of_shards", "number_of_replicas")
_FINAL = ("number_of_shards", "mapping.exclude_source_vectors")
_ELSEWHERE_SETTINGS = (
    "analysis.", "auto_expand_replicas", "blocks.", "codec", "default_pipeline", "final_pipeline", "hidden",
    "lifecycle.", "mapping.", "max_rescore_window", "merge.", "number_of_routing_shards", "priority", "query.",
    "routing.", "similarity.", "sort.", "translog.",
)  # fmt: skip
_UNITS = {"nanos": 1e-9, "micros": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Document(Parsed):
    """A stored document.

    Attributes:
        id, version, seq_no: as the answers show them.
    """

    def __init__(self, parsed: Parsed, doc_id: str, version: int, seq_no: int) -> None:
        super().__init__(parsed.source, parsed.spots, parsed.root, parsed.mapping)
        self.id, self.version, self.seq_no = doc_id, version, seq_no


class Index:
    """The documents of one index, in the order they were last written.

    A search sees what was there at the last refresh: one asked for, or, as on a server, the one that comes by
    itself `refresh_interval` after a write. Reading a document by its id sees every write at once.

    Attributes:
        name, uuid, created: as its settings show them; `created` in milliseconds since 1970.
        settings: flat, `number_of_shards` and so on.
        mapping: its fields.
        documents: by id.
        seq_no: writes so far.
    """

    def __init__(self, name: str, settings: dict[str, str], mapping: Mapping) -> None:
        self.name, self.uuid = name, uuid.uuid4().hex[:22]
        self.created = time.time_ns() // 1_000_000
        self.settings = {**_SETTINGS, **settings}
        self.given = settings
        self.mapping = mapping
        self.documents: dict[str, Document] = {}
        self.seq_no = 0
        self._deleted: dict[str, int] = {}  # versions go on counting when an id comes back
        self._stale_since: float | None = None
        self._show([])

    @property
    def exclude_vectors(self) -> bool:
        """Whether `_source` leaves vectors out unless asked for."""
        return self.settings["mapping.exclude_source_vectors"] == "true"

    def put(self, doc_id: str, source: Any, create: bool = False) -> str:
        """Write a document.

        Args:
            doc_id: its id.
            source: the JSON.
            create: refuse to replace.

        Returns:
            "created" or "updated".

        Raises:
            NodeError: 400 for a document that does not fit the mapping, 409 for a conflict; nothing has changed.
        """
        size = len(doc_id.encode())
        if size > 512:
            reason = f"id [{doc_id[:64]}...] is too long, must be no longer than 512 bytes but was: {size}"
            raise invalid_request(reason)
        if not doc_id:
            raise illegal("if _id is specified it must not be empty")
        before = self.documents.get(doc_id)
        if create and before is not None:
            extra: dict[str, Any] = {"index_uuid": self.uuid, "shard": "0", "index": self.name}
            reason = f"[{doc_id}]: version conflict, document already exists (current version [{before.version}])"
            raise NodeError(409, "version_conflict_engine_exception", reason, **extra)
        self.store(doc_id, parse_document(source, self.mapping, doc_id))
        return "updated" if before else "created"

    def store(self, doc_id: str, parsed: Parsed) -> None:
        """Keep a document that passed."""
        self.mapping = parsed.mapping
        version = self._next_version(doc_id)
        self.documents.pop(doc_id, None)  # a replaced document moves to the end, as a new one would
        self._deleted.pop(doc_id, None)
        self.documents[doc_id] = Document(parsed, doc_id, version, self.seq_no)
        self._changed()

    def delete(self, doc_id: str) -> int | None:
        """Delete a document; returns the version of the deletion, None where there was none."""
        if doc_id not in self.documents:
            return None
        self._deleted[doc_id] = self._next_version(doc_id)
        del self.documents[doc_id]
        self._changed()
        return self._deleted[doc_id]

    def refresh(self) -> None:
        """Let searches see every write."""
        if self._stale_since is not None:
            self._show(list(self.documents.values()))
            self._stale_since = None

    def seen(self) -> Space:
        """What a search sees now."""
        if self._stale_since is not None:
            interval = refresh_seconds(self.settings["refresh_interval"])
            if 0 <= interval <= time.monotonic() - self._stale_since:
                self.refresh()
        if self._space.mapping is not self.mapping:
            self._show(self._documents_seen)
        return self._space

    def seen_document(self, row: int) -> Document:
        """The document of a row of `seen()`."""
        return self._documents_seen[row]

    def size(self) -> int:
        """Bytes of all documents, sources as JSON and vectors as arrays."""
        return sum(document.size() for document in self.documents.values())

    def shown_settings(self) -> dict[str, Any]:
        """The settings as the server shows them, those that were given and those that it always gives."""
        nested: dict[str, Any] = {}
        for name in (*_SHOWN, *(name for name in self.given if name not in _SHOWN)):
            target = nested
            *above, last = name.split(".")
            for step in above:
                target = target.setdefault(step, {})
            target[last] = self.settings[name]
        fixed = {"creation_date": str(self.created), "uuid": self.uuid, "provided_name": self.name}
        return {**nested, **fixed, "version": {"created": "lateint_ref"}}

    def update_settings(self, body: Any) -> None:
        """Change settings; null takes one back to its default.

        Raises:
            NodeError: 400, a setting that is wrong or fixed; nothing has changed.
        """
        changed, reset = parse_settings(body), _flat(body, "", nulls=True)
        for name in (*changed, *reset):
            if name in _FINAL:
                raise illegal(f"final {self.name} setting [index.{name}], not updateable")
            _check_setting(name, changed.get(name, _SETTINGS.get(name, "")))
        self.given = {name: value for name, value in {**self.given, **changed}.items() if name not in reset}
        self.settings = {**_SETTINGS, **self.given}

    def _show(self, documents: list[Document]) -> None:
        self._documents_seen = documents
        self._space = Space(self.mapping, [document.root for document in documents], [item.id for item in documents])

    def _changed(self) -> None:
        self.seq_no += 1
        if self._stale_since is None:
            self._stale_since = time.monotonic()

    def _next_version(self, doc_id: str) -> int:
        before = self.documents.get(doc_id)
        return (before.version if before else self._deleted.get(doc_id, 0)) + 1


class Alias(NamedTuple):
    """Another name of an index: the index's own name, and the alias as the server shows it, with its `filter`."""

    target: str
    shown: dict[str, Any]


class Store:
    """The indices of a local node, in memory.

    Attributes:
        indices: by name.
        aliases: by name.
        lock: held while a request runs.
    """

    def __init__(self) -> None:
        self.indices: dict[str, Index] = {}
        self.aliases: dict[str, Alias] = {}
        self.lock = threading.RLock()

    def index(self, name: str) -> Index:
        """The index of this name or alias.

        Raises:
            NodeError: 404; 400 for several or a pattern.
        """
        if name in self.aliases:
            name = self.aliases[name].target
        if name in self.indices:
            return self.indices[name]
        if name == "_all" or "*" in name or "," in name:
            raise not_implemented(f"A request to several indices at once ([{name}])")
        raise no_such_index(name)

    def demanded(self, name: str) -> Any:
        """The filter of the alias of this name; None where it has none or is an index."""
        return self.aliases[name].shown.get("filter") if name in self.aliases else None

    def drop(self, name: str) -> None:
        """Delete an index and its aliases.

        Raises:
            NodeError: 404; 400 for an alias.
        """
        if name in self.aliases:
            what = "matches an alias, specify the corresponding concrete indices instead."
            raise illegal(f"The provided expression [{name}] {what}")
        del self.indices[self.index(name).name]
        self.aliases = {alias: entry for alias, entry in self.aliases.items() if entry.target != name}

    def written(self, name: str) -> Index:
        """The index to write to."""
        if name in self.aliases:
            return self.index(name)
        if name not in self.indices:
            check_index_name(name)
            raise not_implemented(f"A write that creates its index ([{name}], which must be created first)")
        return self.indices[name]

    def create(self, name: str, settings: Any, mapping: Mapping) -> Index:
        """Make an index.

        Raises:
            NodeError: 400 where it exists already, the name is not allowed, or a setting is wrong.
        """
        check_index_name(name)
        if name in self.aliases:
            reason = f"Invalid index name [{name}], already exists as alias"
            raise NodeError(400, "invalid_index_name_exception", reason, index_uuid="_na_", index=name)
        if name in self.indices:
            extra: dict[str, Any] = {"index_uuid": self.indices[name].uuid, "index": name}
            reason = f"index [{name}/{self.indices[name].uuid}] already exists"
            raise NodeError(400, "resource_already_exists_exception", reason, **extra)
        self.indices[name] = Index(name, parse_settings(settings), mapping)
        return self.indices[name]


def check_index_name(name: str) -> None:
    """Refuse a name that no index can have.

    Raises:
        NodeError: 400 `invalid_index_name_exception`.
    """
    reason = None
    if name != name.lower():
        reason = "must be lowercase"
    elif any(char in ' "*\\<|,>/?' for char in name):
        reason = "must not contain the following characters [' ','\"','*','\\\\','<','|',',','>','/','?']"
    elif "#" in name or ":" in name:
        reason = f"must not contain '{'#' if '#' in name else ':'}'"
    elif name[0] in "_-+":
        reason = "must not start with '_', '-', or '+'"
    elif name in (".", ".."):
        reason = "must not be '.' or '..'"
    elif len(name.encode()) > 240:
        reason = f"index name is too long, ({len(name.encode())} > 240)"
    if reason:
        extra: dict[str, Any] = {"index_uuid": "_na_", "index": name}
        raise NodeError(400, "invalid_index_name_exception", f"Invalid index name [{name}], {reason}", **extra)


def parse_settings(body: Any) -> dict[str, str]:
    """Settings as one level of dotted names without the leading `index.`.

    Raises:
        NodeError: 400, not an object, an unknown setting or a wrong value.
    """
    if body is not None and not isinstance(body, dict):
        raise illegal("malformed settings, expected an object")
    found = _flat(body or {}, "")
    for name, value in found.items():
        _check_setting(name, value)
    return found


def _flat(body: dict[str, Any], above: str, nulls: bool = False) -> dict[str, str]:
    """The settings that have a value, or (`nulls`) those that have none."""
    found: dict[str, str] = {}
    for name, value in body.items():
        path = f"{above}{name}"
        if isinstance(value, dict):
            found |= _flat(value, f"{path}.", nulls)
        elif (value is None) == nulls:
            found[path.removeprefix("index.")] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def _check_setting(name: str, value: str) -> None:
    if name not in _SETTINGS:
        if name.startswith(_ELSEWHERE_SETTINGS):
            raise not_implemented(f"The index setting [index.{name}]")
        raise illegal(f"unknown setting [index.{name}] please check that any required plugins are installed")
    if name == "mapping.exclude_source_vectors":
        if value not in ("true", "false"):
            raise illegal(f"Failed to parse value [{value}] as only [true] or [false] are allowed.")
    elif name == "refresh_interval":
        refresh_seconds(value)
    else:
        least = 0 if name == "number_of_replicas" else 1
        if not re.fullmatch(r"-?\d+", value):
            cause = NodeError(400, "number_format_exception", f'For input string: "{value}"')
            raise illegal(f"Failed to parse value [{value}] for setting [index.{name}]", cause)
        if int(value) < least:
            raise illegal(f"Failed to parse value [{value}] for setting [index.{name}] must be >= {least}")
        if name == "number_of_shards" and int(value) != 1:
            raise not_implemented(f"More than one shard ([index.number_of_shards: {value}])")


def refresh_seconds(text: str) -> float:
    """A time value in seconds; -1 for never."""
    if text == "-1":
        return -1.0
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(nanos|micros|ms|s|m|h|d)", text)
    if not match:
        raise illegal(
            f"failed to parse setting [index.refresh_interval] with value [{text}] as a time value: unit is missing or "
            f"unrecognized"
        )
    return float(match[1]) * _UNITS[match[2]]
