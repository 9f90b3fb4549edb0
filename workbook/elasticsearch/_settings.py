"""Index names and index settings: what the server takes."""

from __future__ import annotations

import re
from typing import Any

from workbook.elasticsearch._errors import NodeError, illegal, not_implemented

_KNOWN = {
    "number_of_shards": "1",
    "number_of_replicas": "1",
    "refresh_interval": "1s",
    "max_result_window": "10000",
    "mapping.exclude_source_vectors": "true",
}
_FIXED = {"number_of_shards", "mapping.exclude_source_vectors"}
# Taken and remembered; on one node in one process they have nothing to act on.
_WITHOUT_EFFECT = {
    "auto_expand_replicas", "blocks.read_only", "codec", "hidden", "mapping.total_fields.limit", "max_rescore_window",
    "merge.policy.max_merged_segment", "number_of_routing_shards", "priority",
    "routing.allocation.include._tier_preference",
    "translog.durability", "translog.flush_threshold_size", "translog.sync_interval",
}  # fmt: skip
_UNITS = {"nanos": 1e-9, "micros": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def check_index_name(name: str) -> None:
    """Refuse a name that no index can have.

    Raises:
        NodeError: 400 `invalid_index_name_exception`.
    """
    reason = None
    if not name:
        reason = "must not be empty"
    elif name != name.lower():
        reason = "must be lowercase"
    elif any(char in ' "*\\<|,>/?' for char in name):
        reason = "must not contain the following characters [' ','\"','*','\\\\','<','|',',','>','/','?']"
    elif "#" in name:
        reason = "must not contain '#'"
    elif ":" in name:
        reason = "must not contain ':'"
    elif name[0] in "_-+":
        reason = "must not start with '_', '-', or '+'"
    elif name in (".", ".."):
        reason = "must not be '.' or '..'"
    elif len(name.encode()) > 240:
        reason = f"index name is too long, ({len(name.encode())} > 240)"
    if reason:
        extra: dict[str, Any] = {"index_uuid": "_na_", "index": name}
        raise NodeError(400, "invalid_index_name_exception", f"Invalid index name [{name}], {reason}", **extra)


def flatten_settings(body: Any) -> dict[str, str]:
    """Settings as one level of dotted names without the leading `index.`.

    Raises:
        NodeError: 400, not an object, an unknown setting or a wrong value.
    """
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise illegal("malformed settings, expected an object")
    found: dict[str, str] = {}
    _collect(body, "", found)
    for name, value in found.items():
        _check(name, value)
    return found


def _collect(body: dict[str, Any], above: str, found: dict[str, str]) -> None:
    for name, value in body.items():
        path = f"{above}{name}"
        if isinstance(value, dict):
            _collect(value, f"{path}.", found)
        elif value is not None:
            found[path.removeprefix("index.")] = str(value).lower() if isinstance(value, bool) else str(value)


def _check(name: str, value: str) -> None:
    if name.startswith(("analysis.", "similarity.", "sort.", "lifecycle.", "default_pipeline", "final_pipeline")):
        raise not_implemented(f"The index setting [index.{name}]")
    if name not in _KNOWN and name not in _WITHOUT_EFFECT:
        raise illegal(f"unknown setting [index.{name}] please check that any required plugins are installed")
    if name in ("number_of_shards", "number_of_replicas", "max_result_window"):
        least = 0 if name == "number_of_replicas" else 1
        if not value.lstrip("-").isdigit():
            cause = NodeError(400, "number_format_exception", f'For input string: "{value}"')
            raise illegal(f"Failed to parse value [{value}] for setting [index.{name}]", cause)
        if int(value) < least:
            raise illegal(f"Failed to parse value [{value}] for setting [index.{name}] must be >= {least}")
        if name == "number_of_shards" and int(value) != 1:
            raise not_implemented(f"More than one shard ([index.number_of_shards: {value}])")
    if name == "mapping.exclude_source_vectors" and value not in ("true", "false"):
        raise illegal(f"Failed to parse value [{value}] as only [true] or [false] are allowed.")
    if name == "refresh_interval":
        refresh_seconds(value)


def check_update(name: str, settings: dict[str, str]) -> None:
    """Refuse to change a setting that an open index cannot change."""
    fixed = [f"index.{key}" for key in settings if key in _FIXED]
    if fixed:
        raise illegal(f"Can't update non dynamic settings [[{', '.join(fixed)}]] for open indices [[{name}]]")


def with_defaults(settings: dict[str, str]) -> dict[str, str]:
    """The settings that an index always shows."""
    return {"number_of_shards": "1", "number_of_replicas": "1", **settings}


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
