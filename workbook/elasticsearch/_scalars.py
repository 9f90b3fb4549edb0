"""Values of text, keyword, number, boolean and date fields: what a document may hold and how it is compared."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from workbook.elasticsearch._errors import illegal, token
from workbook.elasticsearch._fieldtypes import FLOATS, INTEGERS, Field

Scalar = str | float | int | bool


def parse_scalar(value: Any, field: Field) -> Scalar:
    """One value of a field, as it is searched and sorted: a string, number, boolean, or a date's milliseconds.

    Raises:
        NodeError: 400, with the words of the cause only; the caller names the field and the document.
    """
    if isinstance(value, (dict, list)):
        raise illegal(f"Can't get text on a {token(value)}")
    kind = field.kind
    if kind in ("text", "keyword"):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if kind == "boolean":
        return _boolean(value)
    if kind == "date":
        return _milliseconds(value)
    return _number(value, kind)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false", "") and isinstance(value, str):
        return value == "true"
    raise illegal(f"Failed to parse value [{value}] as only [true] or [false] are allowed.")


def _number(value: Any, kind: str) -> float | int:
    if isinstance(value, bool):
        raise illegal(f"Current token ({token(value)}) not numeric, can not use numeric value accessors")
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            try:
                value = float(value)
            except ValueError:
                raise illegal(f'For input string: "{value}"') from None
    try:
        as_float = float(value)
    except OverflowError:
        as_float = float("inf")
    if as_float != as_float or as_float in (float("inf"), float("-inf")):
        raise illegal(f"[{kind}] supports only finite values, but got [{value}]")
    if kind in FLOATS:
        return as_float
    whole = int(value)  # decimals are cut off: the server's `coerce`
    bits = INTEGERS[kind]
    if not -(2 ** (bits - 1)) <= whole < 2 ** (bits - 1):
        raise illegal(f"Value [{value}] is out of range for a{'n' if kind == 'integer' else ''} {kind}")
    return whole


def _milliseconds(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        text = value.strip()
        for pattern in ("%Y", "%Y-%m"):
            try:
                return _since_1970(datetime.strptime(text, pattern))
            except ValueError:
                continue
        try:
            return _since_1970(datetime.fromisoformat(text))
        except ValueError:
            if text.lstrip("-").isdigit():
                return int(text)
    raise illegal(f"failed to parse date field [{value}] with format [strict_date_optional_time||epoch_millis]")


def _since_1970(moment: datetime) -> int:
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def looks_like_date(text: str) -> bool:
    """Whether dynamic mapping makes a date of this string: a year, month and day with dashes (or slashes)."""
    if len(text) < 10 or not text[:4].isdigit() or text[4] not in "-/" or text[7] != text[4]:
        return False
    try:
        datetime.fromisoformat(text.replace("/", "-"))
    except ValueError:
        return False
    return True
