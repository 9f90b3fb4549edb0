"""The script_score query: documents of another query, scored by a script.

Source: Elasticsearch reference, "Script score query".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lateint_ref.checks import Float32Array, Int64Array
from workbook.elasticsearch._errors import illegal, not_implemented, parsing, token
from workbook.elasticsearch._json import Body
from workbook.elasticsearch._query import PARSERS, Query, parse_query, take_boost
from workbook.elasticsearch._query_compound import rows_of
from workbook.elasticsearch._script import Script
from workbook.elasticsearch._space import Mask, Space


class ScriptScore(Query):
    """What its query matches, scored by a script."""

    def __init__(self, query: Query, script: Script, least: float | None, boost: float) -> None:
        self.query, self.script, self.least, self.boost = query, script, least, boost

    def fields(self) -> set[str]:
        """As its query."""
        return self.query.fields()

    def matches(self, space: Space) -> Mask:
        """As its query, and with a score of at least `min_score` where that is given."""
        found = self.query.matches(space)
        if self.least is not None:
            rows = rows_of(found)
            found = found.copy()
            found[rows] = self.scores(space, rows) >= np.float32(self.least)
        return found

    def scores(self, space: Space, rows: Int64Array) -> Float32Array:
        """The script's values, which must not be negative."""
        if not len(rows):
            return np.zeros(0, np.float32)
        with np.errstate(over="ignore"):
            found = self.script.run(space, rows, lambda part: self.query.scores(space, part)).astype(np.float32)
        bad = np.flatnonzero((found < 0) | ~np.isfinite(found))
        if len(bad):
            value = {"nan": "NaN", "inf": "Infinity"}.get(str(found[bad[0]]), str(found[bad[0]]))
            raise illegal(
                f"script_score script returned an invalid score [{value}] for doc [{rows[bad[0]]}]. "
                f"Must be a non-negative score!"
            )
        return found * np.float32(self.boost)


def parse_script_body(value: Any) -> Script:
    """A `script`: its source, or an object with source and params."""
    if value is None:
        raise illegal("script cannot be null")
    body = Body({"source": value} if isinstance(value, str) else value, "script")
    if body.take("id") is not None:
        raise not_implemented("A stored script ([id])")
    source = body.take("source")
    if not isinstance(source, str):
        raise illegal(
            f"must specify either [source] for an inline script or [id] for a stored script, got {token(source)}"
        )
    language = body.text("lang", "painless")
    if language != "painless":
        raise (
            not_implemented(f"The script language [{language}]")
            if language in ("expression", "mustache")
            else illegal(f"script_lang not supported [{language}]")
        )
    params = body.take("params", {})
    if not isinstance(params, dict):
        raise parsing(f"[script] params doesn't support values of type: {token(params)}")
    body.take("options")
    body.done()
    return Script(source, params)


def _parse_script_score(value: dict[str, Any]) -> Query:
    body = Body(value, "script_score")
    inner = body.take("query")
    if inner is None:
        raise parsing("[script_score] Required [query]")
    script = body.take("script")
    if script is None:
        raise parsing("[script_score] Required [script]")
    found = ScriptScore(parse_query(inner), parse_script_body(script), body.number("min_score", None), take_boost(body))
    body.done()
    return found


PARSERS["script_score"] = _parse_script_score
