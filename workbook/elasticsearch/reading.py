"""A request's JSON, read as the server reads it, and the errors that answer what it does not take.

No NaN, no key twice, and every key of an object checked: one that a server knows and the local node does not is a 400
that says so, any other unknown one a 400 in the server's words. A real answer also gives the line and column where
parsing stopped; the local node does not track those and leaves them out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

NOT_IMPLEMENTED = "not_implemented_by_local_node"
_REQUIRED = object()


class NodeError(Exception):
    """What ends a request early: a status and the `error` object of the answer.

    Attributes:
        status: the HTTP status code.
        kind: the error's `type`.
        reason: its `reason`, for people.
        cause: the error behind it, if any.
        extra: further keys of the error object.
    """

    def __init__(self, status: int, kind: str, reason: str, cause: NodeError | None = None, **extra: Any) -> None:
        super().__init__(f"{kind}: {reason}")
        self.status, self.kind, self.reason, self.cause, self.extra = status, kind, reason, cause, extra

    def entry(self) -> dict[str, Any]:
        """The error object, with its causes."""
        found: dict[str, Any] = {"type": self.kind, "reason": self.reason, **self.extra}
        if self.cause is not None:
            found["caused_by"] = self.cause.entry()
        return found

    def body(self) -> dict[str, Any]:
        """The answer's body."""
        root = {"type": self.kind, "reason": self.reason, **self.extra}
        return {"error": {"root_cause": [root], **self.entry()}, "status": self.status}


class ShardError(NodeError):
    """A request that parsed and then failed while it ran on the index."""

    def __init__(self, index: str, error: NodeError) -> None:
        super().__init__(error.status, "search_phase_execution_exception", "all shards failed", error)
        self.index, self.error = index, error

    def body(self) -> dict[str, Any]:
        """The answer's body: the failure stands under `failed_shards`."""
        failure = {"shard": 0, "index": self.index, "node": "local", "reason": self.error.entry()}
        root = {"type": self.error.kind, "reason": self.error.reason, **self.error.extra}
        outer = {"type": self.kind, "reason": self.reason, "phase": "query", "grouped": True}
        return {
            "error": {"root_cause": [root], **outer, "failed_shards": [failure], "caused_by": self.error.entry()},
            "status": self.status,
        }


def illegal(reason: str, cause: NodeError | None = None) -> NodeError:
    """A value that is not allowed."""
    return NodeError(400, "illegal_argument_exception", reason, cause)


def parsing(reason: str) -> NodeError:
    """A request body whose form is wrong."""
    return NodeError(400, "parsing_exception", reason)


def unknown_field(where: str, name: str) -> NodeError:
    """A key that an object of the request body does not take."""
    return NodeError(400, "x_content_parse_exception", f"[{where}] unknown field [{name}]")


def wrong_type(where: str, name: str, got: Any) -> NodeError:
    """A key whose value has the wrong JSON type."""
    reason = f"[{where}] {name} doesn't support values of type: {token(got)}"
    return NodeError(400, "x_content_parse_exception", reason)


def build_error(where: str, error: NodeError) -> NodeError:
    """What the server's object parser makes of an error in an object that it has read to its end."""
    reason = f"Failed to build [{where}] after last required field arrived"
    return NodeError(400, "x_content_parse_exception", reason, error)


def field_error(where: str, name: str, error: NodeError) -> NodeError:
    """What it makes of an error in the value of a key."""
    return NodeError(400, "x_content_parse_exception", f"[{where}] failed to parse field [{name}]", error)


def invalid_request(*reasons: str) -> NodeError:
    """A request that parsed but cannot be right."""
    listed = "".join(f"{number}: {reason};" for number, reason in enumerate(reasons, 1))
    return NodeError(400, "action_request_validation_exception", f"Validation Failed: {listed}")


def not_implemented(what: str) -> NodeError:
    """Something a real cluster does and the local node does not."""
    return NodeError(
        400,
        NOT_IMPLEMENTED,
        f"{what} is not implemented by the local node, which is not Elasticsearch. "
        f"Send this request to a real cluster (ES_URL names one).",
    )


def no_such_index(name: str) -> NodeError:
    """An index that does not exist."""
    extra: dict[str, Any] = {
        "resource.type": "index_or_alias",
        "resource.id": name,
        "index_uuid": "_na_",
        "index": name,
    }
    return NodeError(404, "index_not_found_exception", f"no such index [{name}]", **extra)


def token(value: Any) -> str:
    """The JSON token that a value begins with, as the server names it."""
    if value is None:
        return "VALUE_NULL"
    if isinstance(value, bool):
        return "VALUE_BOOLEAN"
    if isinstance(value, (int, float)):
        return "VALUE_NUMBER"
    if isinstance(value, str):
        return "VALUE_STRING"
    return "START_OBJECT" if isinstance(value, dict) else "START_ARRAY"


def parse_json(text: bytes | str) -> Any:
    """The value of a JSON text.

    Raises:
        NodeError: 400 where it is not JSON (in UTF-8), holds NaN or Infinity, or an object names one key twice.
    """
    try:
        decoded = text if isinstance(text, str) else text.decode("utf-8")
        found = json.loads(decoded, parse_constant=_no_constant, object_pairs_hook=_no_duplicates)
        if "\\ud" in decoded or "\\uD" in decoded:
            json.dumps(found, ensure_ascii=False).encode("utf-8")  # half a surrogate pair is no character
        return found
    except RecursionError:
        raise NodeError(400, "x_content_parse_exception", "the document is nested too deeply") from None
    except ValueError as error:
        raise NodeError(400, "x_content_parse_exception", f"the text is not JSON: {error}") from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"Non-standard token '{name}': NaN and Infinity are no JSON numbers")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"Duplicate field '{twice}'")
    return found


class Body:
    """An object of a request body whose keys are taken one by one; what is left over at the end is an error.

    Every taker removes the key, checks its JSON type, and returns the default where it is missing. Null is an error.
    """

    def __init__(self, value: Any, where: str, known: Iterable[str] = ()) -> None:
        """Wrap `value`.

        Args:
            value: the parsed JSON.
            where: the object's name, for messages.
            known: keys that a real server takes and the local node does not implement.
        """
        if not isinstance(value, dict):
            raise wrong_type(where, f"[{where}]", value)
        self.where, self._left, self._known = where, dict(value), set(known)

    def take(self, name: str, default: Any = None) -> Any:
        """Any value but null."""
        if name not in self._left:
            return default
        found = self._left.pop(name)
        if found is None:
            raise wrong_type(self.where, name, found)
        return found

    def text(self, name: str, default: Any = _REQUIRED) -> Any:
        """A string; numbers and booleans are written out, as the server does."""
        found = self._get(name, default)
        if isinstance(found, bool):
            return str(found).lower()
        if isinstance(found, (dict, list)):
            raise wrong_type(self.where, name, found)
        return str(found) if isinstance(found, (int, float)) else found

    def number(self, name: str, default: Any = _REQUIRED) -> Any:
        """A number, as float; a string that holds one counts."""
        found = self._get(name, default)
        if found is None or found is default:
            return found
        if isinstance(found, bool) or not isinstance(found, (int, float, str)):
            raise wrong_type(self.where, name, found)
        try:
            value = float(found)
        except (ValueError, OverflowError):
            value = math.nan
        if not abs(value) < 3.5e38:  # a float32, and not NaN
            cause = NodeError(400, "number_format_exception", f'For input string: "{found}"')
            raise field_error(self.where, name, cause)
        return value

    def integer(self, name: str, default: Any = _REQUIRED) -> Any:
        """A whole number; decimals are an error."""
        found = self.number(name, default)
        if found is None or found is default:
            return found
        if found != int(found):
            cause = illegal(f"{found} cannot be converted to Integer without data loss")
            raise field_error(self.where, name, cause)
        if not -(2**31) <= found < 2**31:
            raise NodeError(
                400, "x_content_parse_exception", f"[{self.where}] [{name}] ({int(found)}) is out of range for an int"
            )
        return int(found)

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean; the strings true and false count."""
        found = self.take(name)
        if found is None:
            return default
        if isinstance(found, str) and found in ("true", "false"):
            return found == "true"
        if not isinstance(found, bool):
            raise wrong_type(self.where, name, found)
        return found

    def _get(self, name: str, default: Any) -> Any:
        found = self.take(name)
        if found is not None:
            return found
        if default is _REQUIRED:
            raise NodeError(400, "x_content_parse_exception", f"[{self.where}] Required [{name}]")
        return default

    def left(self) -> dict[str, Any]:
        """What nobody took yet."""
        return self._left

    def done(self, query: bool = False) -> None:
        """Raise for a key that nobody took: 400, unknown (some queries have words of their own) or not implemented."""
        for name in self._left:
            if name in self._known:
                raise not_implemented(f"[{name}] of [{self.where}]")
            if query:
                raise parsing(f"[{self.where}] query does not support [{name}]")
            raise unknown_field(self.where, name)
