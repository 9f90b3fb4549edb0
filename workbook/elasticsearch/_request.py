"""One request as the routes see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workbook.elasticsearch import _document_api as documents
from workbook.elasticsearch._errors import NodeError, illegal
from workbook.elasticsearch._json import parse_json
from workbook.elasticsearch._store import Store

Answer = tuple[int, Any]


@dataclass
class Request:
    """One request.

    Attributes:
        store: the node's indices.
        method: GET, PUT and so on.
        path: its parts, percent-decoding done.
        params: the query string.
        raw: the body.
    """

    store: Store
    method: str
    path: list[str]
    params: dict[str, str]
    raw: bytes

    def body(self) -> Any:
        """The body as JSON; None where there is none."""
        return parse_json(self.raw) if self.raw.strip() else None

    def required(self) -> Any:
        """The body as JSON; an error where there is none."""
        if not self.raw.strip():
            raise NodeError(400, "parse_exception", "request body is required")
        return parse_json(self.raw)

    def source(self) -> Any:
        """The `_source` that the query string asks for."""
        names = ("_source", "_source_includes", "_source_excludes", "_source_exclude_vectors")
        given = {name: self.params[name] for name in names if name in self.params}
        if not given:
            return None
        if given.get("_source") in ("false", "true"):
            if len(given) == 1:
                return given["_source"] == "true"
            del given["_source"]
        found: dict[str, Any] = {}
        if wanted := given.get("_source_includes", given.get("_source")):
            found["includes"] = wanted.split(",")
        if "_source_excludes" in given:
            found["excludes"] = given["_source_excludes"].split(",")
        if "_source_exclude_vectors" in given:
            found["exclude_vectors"] = given["_source_exclude_vectors"]
        return found

    def refreshed(self, names: set[str]) -> None:
        """Refresh what was written, where `refresh` asks for it."""
        value = self.params.get("refresh", "false")
        if value not in ("", "true", "false", "wait_for"):
            raise illegal(f"Unknown value for refresh: [{value}].")
        if value != "false":
            for name in names & set(self.store.indices):
                self.store.indices[name].refresh()

    def wanted(self) -> tuple[int, int] | None:
        """`if_seq_no` and `if_primary_term`."""
        return documents.wanted_version(self.params.get("if_seq_no"), self.params.get("if_primary_term"))
