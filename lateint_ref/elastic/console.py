"""Requests as text, for reading and for pasting into Kibana's console (or, after `-d`, into curl)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lateint_ref.checks import describe, whole

_MARK = "\u0000"
_MARKED = re.compile(r'"\\u0000(\d+)"')  # as JSON writes it


def console(method: str, path: str, body: Mapping[str, Any] | None = None, show: int | None = None) -> str:
    """A request as the console takes it: a line with method and path, then the body.

    Arrays of numbers or short strings stand on one line.

    Args:
        method: `GET`, `POST`, `PUT` or `DELETE`.
        path: as `pages/_search`.
        body: a dictionary of JSON values.
        show: print that many items of a longer array, floats to three decimals, and then `...`: for reading only.
            By default everything, so that the text can be pasted.

    Raises:
        TypeError: `body` is not a dictionary, or holds something that is not JSON.
        ValueError: another method, an empty path, `show` below 1, or a NaN.
    """
    if method not in ("GET", "POST", "PUT", "DELETE"):
        raise ValueError(f"method must be GET, POST, PUT or DELETE, got {method!r}.")
    if not isinstance(path, str) or not path.strip("/ "):
        raise ValueError(f"path must be such as 'pages/_search', got {path!r}.")
    line = f"{method} /{path.lstrip('/')}"
    if body is None:
        return line
    if not isinstance(body, Mapping):
        raise TypeError(f"body must be a dictionary, got {describe(body)}.")
    limit = None if show is None else whole(show, "show")
    rows: list[str] = []
    text = json.dumps(_with_rows(body, limit, rows), indent=2, allow_nan=False, ensure_ascii=False)
    return f"{line}\n" + _MARKED.sub(lambda found: rows[int(found.group(1))], text)


def _with_rows(value: Any, limit: int | None, rows: list[str]) -> Any:
    """The value with a mark in place of each array of plain values; the arrays go to `rows`, one line each."""
    if isinstance(value, Mapping):
        return {str(key): _with_rows(item, limit, rows) for key, item in value.items()}
    if isinstance(value, str) and _MARK in value:
        raise ValueError("body holds a string with a null character, which no request needs.")
    if not isinstance(value, (list, tuple)):
        return value
    cut = limit is not None and len(value) > limit
    if all(isinstance(item, (int, float, str, bool, type(None))) for item in value):
        shown = [round(item, 3) if cut and isinstance(item, float) else item for item in value[:limit]]
        items = [json.dumps(item, allow_nan=False, ensure_ascii=False) for item in shown]
        return _mark(f"[{', '.join([*items, *(['...'] if cut else [])])}]", rows)
    kept = [_with_rows(item, limit, rows) for item in value[:limit]]
    return [*kept, _mark("...", rows)] if cut else kept


def _mark(row: str, rows: list[str]) -> str:
    rows.append(row)
    return f"{_MARK}{len(rows) - 1}"
