"""The wire side of indexing: documents as lines, lines as batches, batches sent until every item has its answer."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from elasticsearch import ApiError, Elasticsearch, TransportError

from lateint_ref.checks import describe
from lateint_ref.elastic.report import IndexingStoppedError, Refused, Report

# Worth another try: too many requests, or a node or proxy that is down or overloaded.
_AGAIN = {429, 500, 502, 503, 504}
_CONFLICT, _TOO_LARGE = 409, 413
_ID_BYTES = 512  # Elasticsearch's limit


@dataclass(frozen=True)
class Item:
    """A document as it goes over the wire: its id, the line with the action, the line with the fields."""

    id: str
    lines: tuple[bytes, bytes]

    @property
    def size(self) -> int:
        """Bytes, newlines included."""
        return sum(len(line) + 1 for line in self.lines)


class Waits:
    """How often a batch is tried, and the waits between: doubled each time, shortened at random by up to half."""

    def __init__(self, tries: int, first: float, longest: float, sleep: Callable[[float], None]) -> None:
        if not 0 <= first <= longest:
            raise ValueError(f"0 <= first_wait <= longest_wait must hold, got {first} and {longest}.")
        self.tries, self._first, self._longest, self._sleep = tries, first, longest, sleep
        self._random = random.Random()

    def wait(self, number: int) -> None:
        """Wait before try `number + 2`."""
        self._sleep(min(self._longest, self._first * 2.0**number) * self._random.uniform(0.5, 1.0))


def items(
    documents: Iterable[Mapping[str, Any]], operation: str, report: Report, refused: Callable[[int], object]
) -> Iterator[Item]:
    """Documents as items, one at a time; what cannot be sent goes into the report instead.

    Args:
        documents: dictionaries with `_id`.
        operation: `create` or `index`.
        report: gets the refused ones.
        refused: called with 1 for each of them.

    Raises:
        TypeError: a document that is not a dictionary.
    """
    seen: set[str] = set()
    for number, document in enumerate(documents):
        if not isinstance(document, Mapping):
            raise TypeError(
                f"document number {number} must be a dictionary with _id and fields, got {describe(document)}."
            )
        name = document.get("_id")
        if not isinstance(name, str) or not 0 < len(name.encode("utf-8", "replace")) <= _ID_BYTES:
            report.refused.append(
                Refused(f"number {number}", 0, f"_id must be a string of 1 to {_ID_BYTES} bytes, got {name!r:.80}")
            )
        elif name in seen:
            report.refused.append(Refused(name, 0, "its _id stands twice among the documents; the first was kept"))
        else:
            seen.add(name)
            try:
                fields = {key: value for key, value in document.items() if key != "_id"}
                yield Item(name, (_line({operation: {"_id": name}}), _line(fields)))
                continue
            except (TypeError, ValueError) as error:  # a NaN, an array, half a surrogate pair
                report.refused.append(Refused(name, 0, f"it cannot be written as JSON: {error}"))
        refused(1)


def batches(documents: Iterable[Item], max_bytes: int, max_documents: int) -> Iterator[list[Item]]:
    """Runs of items that fit both limits; an item larger than `max_bytes` goes alone."""
    batch: list[Item] = []
    size = 0
    for item in documents:
        if batch and (size + item.size > max_bytes or len(batch) == max_documents):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += item.size
    if batch:
        yield batch


def send(client: Elasticsearch, index: str, batch: Sequence[Item], report: Report, waits: Waits) -> None:
    """Send one batch until each item was taken, found or refused.

    Raises:
        IndexingStoppedError: the batch was not answered in all tries.
        elasticsearch.ApiError: it was refused as a whole with a status that another try does not change.
    """
    once = client.options(max_retries=0, retry_on_timeout=False, retry_on_status=())
    waiting, last, answered = list(batch), "", False
    for number in range(waits.tries):
        if number:
            waits.wait(number - 1)
            report.retries += 1
        report.requests += 1
        report.sent_bytes += sum(item.size for item in waiting)
        try:
            lines: Any = [line for item in waiting for line in item.lines]  # the client sends bytes as they are
            answer = once.bulk(index=index, operations=lines)
        except ApiError as error:
            if error.status_code == _TOO_LARGE:
                _halve(client, index, waiting, report, waits)
                return
            if error.status_code not in _AGAIN:
                raise
            last, answered = f"status {error.status_code}", False
        except TransportError as error:  # no connection, no answer in time, or half an answer
            last, answered = type(error).__name__, False
        else:
            waiting, last = _sorted_out(waiting, answer.body["items"], report)
            answered = True
        if not waiting:
            return
    if not answered:
        raise IndexingStoppedError(
            f"{index!r} did not take a batch of {len(waiting)} documents, the first {waiting[0].id!r}, in "
            f"{waits.tries} tries (the last one: {last}). {report.indexed} were indexed before. Run it again to "
            "continue.",
            report,
        )
    for item in waiting:
        report.refused.append(Refused(item.id, 503, f"not taken in {waits.tries} tries, the last one: {last}"))


def _sorted_out(waiting: list[Item], answers: Sequence[Mapping[str, Any]], report: Report) -> tuple[list[Item], str]:
    """Book each answered item; return those to send again, and why."""
    again, last = [], "an answer for fewer items than were sent"
    for number, item in enumerate(waiting):
        if number >= len(answers):
            again.append(item)
            continue
        (operation, result), *_ = answers[number].items()
        status = int(result.get("status", 500))
        if result.get("_id") != item.id:
            raise RuntimeError(f"the answer for {item.id!r} is about {result.get('_id')!r}: items must come in order.")
        if 200 <= status < 300:
            report.indexed += 1
        elif status == _CONFLICT and operation == "create":
            report.already_there += 1
        elif status in _AGAIN:
            again.append(item)
            last = f"status {status}, {_reason(result)}"
        else:
            report.refused.append(Refused(item.id, status, _reason(result)))
    return again, last


def _halve(client: Elasticsearch, index: str, batch: list[Item], report: Report, waits: Waits) -> None:
    """What is too large for one request goes as two; a single document that is too large is refused."""
    if len(batch) == 1:
        reason = f"{batch[0].size:,} bytes are more than the server takes in one request (http.max_content_length)"
        report.refused.append(Refused(batch[0].id, _TOO_LARGE, reason))
        return
    middle = len(batch) // 2
    for half in (batch[:middle], batch[middle:]):
        send(client, index, half, report, waits)


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")


def _reason(result: Mapping[str, Any]) -> str:
    """The server's words, with the cause behind them where it names one."""
    error = result.get("error")
    if not isinstance(error, Mapping):
        return f"no reason given ({error!r})"
    words = f"{error.get('type')}: {error.get('reason')}"
    cause = error.get("caused_by")
    return f"{words} ({cause.get('reason')})" if isinstance(cause, Mapping) else words
