"""Reading JSON as the server does: no NaN, no key twice, and the keys of an object checked."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

from workbook.elasticsearch._errors import NodeError, illegal, not_implemented, unknown_field, wrong_type

_REQUIRED = object()


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

    Every taker removes the key, checks its JSON type, and returns the default where it is missing or null.
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
        """Any value."""
        found = self._left.pop(name, None)
        return default if found is None else found

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
            raise NodeError(
                400,
                "x_content_parse_exception",
                f"[{self.where}] failed to parse field [{name}]",
                NodeError(400, "number_format_exception", f'For input string: "{found}"'),
            )
        return value

    def integer(self, name: str, default: Any = _REQUIRED) -> Any:
        """A whole number; decimals are an error."""
        found = self.number(name, default)
        if found is None or found is default:
            return found
        if found != int(found):
            raise NodeError(
                400,
                "x_content_parse_exception",
                f"[{self.where}] failed to parse field [{name}]",
                illegal(f"{found} cannot be converted to Integer without data loss"),
            )
        if not -(2**31) <= found < 2**31:
            raise NodeError(
                400, "x_content_parse_exception", f"[{self.where}] [{name}] ({int(found)}) is out of range for an int"
            )
        return int(found)

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean; the strings true and false count."""
        found = self._left.pop(name, None)
        if found is None:
            return default
        if isinstance(found, str) and found in ("true", "false"):
            return found == "true"
        if not isinstance(found, bool):
            raise wrong_type(self.where, name, found)
        return found

    def _get(self, name: str, default: Any) -> Any:
        found = self._left.pop(name, None)
        if found is not None:
            return found
        if default is _REQUIRED:
            raise NodeError(400, "x_content_parse_exception", f"[{self.where}] Required [{name}]")
        return default

    def left(self) -> dict[str, Any]:
        """What nobody took yet."""
        return self._left

    def done(self) -> None:
        """Raise for a key that nobody took: 400, unknown or not implemented."""
        for name in self._left:
            if name in self._known:
                raise not_implemented(f"[{name}] of [{self.where}]")
            raise unknown_field(self.where, name)
