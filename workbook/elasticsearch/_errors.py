"""The errors of the local node, in the form and words of the server's own.

A real answer also gives the line and column of the request where parsing stopped; the local node does not track
those and leaves them out.
"""

from __future__ import annotations

from typing import Any

NOT_IMPLEMENTED = "not_implemented_by_local_node"


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
