"""One index: its documents, their versions, and what a search sees of them."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workbook.elasticsearch._documents import parse_document
from workbook.elasticsearch._errors import NodeError, illegal, invalid_request
from workbook.elasticsearch._mapping import Mapping
from workbook.elasticsearch._parts import Parsed, Part, Spot, with_vectors
from workbook.elasticsearch._settings import refresh_seconds
from workbook.elasticsearch._space import Space


@dataclass
class Document:
    """A stored document: the source without its vectors, and what is searched."""

    id: str
    version: int
    seq_no: int
    source: dict[str, Any]
    spots: list[Spot]
    root: Part

    def full_source(self) -> dict[str, Any]:
        """The source as it was sent, vectors included (as float32)."""
        return with_vectors(self.source, self.root, self.spots)

    def size(self) -> int:
        """Bytes: the source as JSON and the vectors as arrays."""
        vectors = sum(self.root.at(spot.address).vectors[spot.path].nbytes for spot in self.spots)
        return len(json.dumps(self.source, ensure_ascii=False).encode()) + vectors


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
        record: called with every change, before it is acknowledged.
    """

    def __init__(
        self, name: str, settings: dict[str, str], mapping: dict[str, Any], created: int | None = None
    ) -> None:
        self.name, self.uuid = name, uuid.uuid4().hex[:22]
        self.created = time.time_ns() // 1_000_000 if created is None else created
        self.settings = settings
        self.mapping = Mapping(mapping)
        self.documents: dict[str, Document] = {}
        self.deleted: dict[str, int] = {}  # versions go on counting when an id comes back
        self.seq_no = 0
        self.record: Callable[[str, dict[str, Any], Document | None], None] = lambda _kind, _fields, _document: None
        self._stale_since: float | None = None
        self._show([])

    def put(self, doc_id: str, source: Any, *, create: bool = False, wanted: tuple[int, int] | None = None) -> str:
        """Write a document.

        Args:
            doc_id: its id.
            source: the JSON.
            create: refuse to replace.
            wanted: the sequence number and primary term that it must have now.

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
        self._check_version(doc_id, before, wanted)
        if create and before is not None:
            current = f"current version [{before.version}]"
            raise self._conflict(f"[{doc_id}]: version conflict, document already exists ({current})")
        self.store(doc_id, parse_document(source, self.mapping, doc_id), self._next_version(doc_id))
        return "updated" if before else "created"

    def store(self, doc_id: str, parsed: Parsed, version: int) -> None:
        """Keep a document that passed."""
        if parsed.mapping is not self.mapping:
            self.set_mapping(parsed.mapping)
        document = Document(doc_id, version, self.seq_no, parsed.source, parsed.spots, parsed.root)
        self.record("put", {"id": doc_id, "version": version}, document)
        self.documents.pop(doc_id, None)  # a replaced document moves to the end, as a new one would
        self.deleted.pop(doc_id, None)
        self.documents[doc_id] = document
        self._changed()

    def delete(self, doc_id: str, wanted: tuple[int, int] | None = None) -> int | None:
        """Delete a document.

        Returns:
            The version of the deletion; None where there was none.

        Raises:
            NodeError: 409 for a conflict.
        """
        before = self.documents.get(doc_id)
        self._check_version(doc_id, before, wanted)
        if before is None:
            return None
        version = self._next_version(doc_id)
        self.record("delete", {"id": doc_id, "version": version}, None)
        del self.documents[doc_id]
        self.deleted[doc_id] = version
        self._changed()
        return version

    def set_mapping(self, mapping: Mapping) -> None:
        """Take a mapping that grew."""
        self.record("mapping", {"mappings": mapping.raw}, None)
        self.mapping = mapping

    def set_settings(self, settings: dict[str, str]) -> None:
        """Take changed settings."""
        self.record("settings", {"settings": settings}, None)
        self.settings = settings

    def refresh(self) -> None:
        """Let searches see every write."""
        if self._stale_since is not None:
            self._show(list(self.documents.values()))
            self._stale_since = None

    def seen(self) -> Space:
        """What a search sees now."""
        if self._stale_since is not None:
            interval = refresh_seconds(self.settings.get("refresh_interval", "1s"))
            if 0 <= interval <= time.monotonic() - self._stale_since:
                self.refresh()
        if self._space.mapping is not self.mapping:
            self._show(self._documents_seen)
        return self._space

    def _show(self, documents: list[Document]) -> None:
        self._documents_seen = documents
        self._space = Space(self.mapping, [document.root for document in documents], [item.id for item in documents])

    def seen_document(self, row: int) -> Document:
        """The document of a row of `seen()`."""
        return self._documents_seen[row]

    def size(self) -> int:
        """Bytes of all documents, sources as JSON and vectors as arrays."""
        return sum(document.size() for document in self.documents.values())

    def _changed(self) -> None:
        self.seq_no += 1
        if self._stale_since is None:
            self._stale_since = time.monotonic()

    def _next_version(self, doc_id: str) -> int:
        before = self.documents.get(doc_id)
        return (before.version if before else self.deleted.get(doc_id, 0)) + 1

    def _check_version(self, doc_id: str, before: Document | None, wanted: tuple[int, int] | None) -> None:
        if wanted is None:
            return
        asked = f"required seqNo [{wanted[0]}], primary term [{wanted[1]}]"
        if before is None:
            raise self._conflict(f"[{doc_id}]: version conflict, {asked}. but no document was found")
        if (before.seq_no, 1) != wanted:
            current = f"current document has seqNo [{before.seq_no}] and primary term [1]"
            raise self._conflict(f"[{doc_id}]: version conflict, {asked}. {current}")

    def _conflict(self, reason: str) -> NodeError:
        extra: dict[str, Any] = {"index_uuid": self.uuid, "shard": "0", "index": self.name}
        return NodeError(409, "version_conflict_engine_exception", reason, **extra)
