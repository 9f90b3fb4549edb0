"""Indexing that loses nothing: every document ends up in the index or in the report, with the reason.

Source: Elasticsearch reference, "Bulk API" (an answer per item, in order; `create` leaves an existing document alone)
and "Tune for indexing speed" (429 means slow down and send again).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from elasticsearch import ApiError, Elasticsearch, TransportError
from elasticsearch.helpers import streaming_bulk

from lateint_ref.checks import describe, whole

_CONFLICT = 409
_ID_BYTES = 512  # Elasticsearch's limit


@dataclass(frozen=True)
class Refused:
    """A document that is not in the index.

    Attributes:
        id: its id, or `"number 3"` (counted from 0) where it has none.
        status: HTTP status of its own answer; 0 where it was not sent, or got no answer.
        reason: what the server said, or what is wrong with the document.
    """

    id: str
    status: int
    reason: str


@dataclass
class Report:
    """What became of every document.

    Attributes:
        indexed: put in by this run.
        already_there: in the index before, or put in by a request of this run whose answer was lost.
        refused: those that are not in the index, and why.
        requests: batches sent; one that had to be sent again counts once.
        sent_bytes: their size, uncompressed.
    """

    indexed: int = 0
    already_there: int = 0
    refused: list[Refused] = field(default_factory=list)
    requests: int = 0
    sent_bytes: int = 0

    @property
    def total(self) -> int:
        """Documents dealt with."""
        return self.indexed + self.already_there + len(self.refused)

    def __str__(self) -> str:
        lines = [f"{self.indexed} indexed, {self.already_there} already there, {len(self.refused)} refused"]
        lines += [f"  {item.id}: {item.reason}" for item in self.refused[:10]]
        if len(self.refused) > 10:
            lines.append(f"  and {len(self.refused) - 10} more")
        return "\n".join(lines)


def index_documents(
    client: Elasticsearch,
    index: str,
    documents: Iterable[Mapping[str, Any]],
    *,
    total: int | None = None,
    max_bytes: int = 10_000_000,
    max_documents: int = 500,
    overwrite: bool = False,
    tries: int = 8,
    first_wait: float = 1.0,
    longest_wait: float = 60.0,
    progress: bool = True,
) -> Report:
    """Put documents into an index, in batches; run it again after anything went wrong.

    Each document has an `_id` of its own, so a second run finds what the first one put in, sends only the rest and
    duplicates nothing. Batches are bounded in bytes, since a page of float vectors is megabytes of JSON. What is
    answered with 429, 502, 503 or 504 is sent again after a wait that doubles; a connection that fails, at once.

    Args:
        client: from `connect`.
        index: an index that exists, with its mapping.
        documents: dictionaries of JSON values with `_id` and the fields. A generator is read as it is sent, so one
            batch at a time is in memory.
        total: how many there are, for the progress bar; by default `len(documents)` where it has a length.
        max_bytes: size of a batch. A larger document goes alone.
        max_documents: documents of a batch.
        overwrite: replace documents whose id is in the index. By default they are left as they are, also where the
            new content differs.
        tries: how often a batch is sent at most.
        first_wait: seconds before the second try.
        longest_wait: seconds at most.
        progress: show a progress bar.

    Returns:
        The report; `report.refused` is empty where all is well. The index is refreshed: what went in can be found.

    Raises:
        TypeError, ValueError: no iterable of dictionaries, no such index, or numbers out of range.
        elasticsearch.ApiError, elasticsearch.TransportError: a batch that was not taken in `tries` tries, or was
            refused as a whole: for a missing right, or (413) since it is too large, then lower `max_bytes`.
    """
    limits = whole(max_bytes, "max_bytes"), whole(max_documents, "max_documents")
    if not 0 <= first_wait <= longest_wait:
        raise ValueError(f"0 <= first_wait <= longest_wait must hold, got {first_wait} and {longest_wait}.")
    again = {
        "max_retries": whole(tries, "tries") - 1,
        "retry_on_status": (429, 502, 503, 504),  # too many requests, or a node or proxy that is down or overloaded
        "initial_backoff": first_wait,
        "max_backoff": longest_wait,
    }
    if isinstance(documents, (str, bytes, Mapping)) or not isinstance(documents, Iterable):
        raise TypeError(f"documents must be an iterable of dictionaries, got {describe(documents)}.")
    if not client.indices.exists(index=index):
        raise ValueError(f"there is no index {index!r}: create it with its mapping first, or vectors become numbers.")
    from tqdm.auto import tqdm

    report, operation = Report(), "index" if overwrite else "create"
    client.indices.refresh(index=index)
    resume = not overwrite and client.count(index=index)["count"] > 0
    if total is None and isinstance(documents, Sized):
        total = len(documents)
    # The helper waits between tries after a status, so the client itself must not come first and try without waiting.
    sender = client.options(max_retries=tries - 1, retry_on_timeout=True, retry_on_status=())
    # Not disable=False where a bar is wanted: that would overrule TQDM_DISABLE.
    quiet: dict[str, Any] = {} if progress else {"disable": True}
    with tqdm(total=total, unit="doc", desc=index, **quiet) as bar:
        for batch in _batches(_items(documents, operation, report), *limits):
            there = already_indexed(client, index, [item.id for item in batch]) if resume else set()
            report.already_there += len(there)
            if waiting := [item for item in batch if item.id not in there]:
                _send(sender, index, operation, waiting, report, again)
            bar.update(report.total - bar.n)
    client.indices.refresh(index=index)
    return report


def already_indexed(client: Elasticsearch, index: str, ids: Sequence[str]) -> set[str]:
    """Those of the ids that are in the index, refreshed or not: to skip what need not be encoded again.

    Raises:
        TypeError, ValueError: `ids` is a single string, or the index could not be asked for one.
    """
    if isinstance(ids, str):
        raise TypeError(f"ids must be a list of ids, got the single string {ids!r}.")
    found: set[str] = set()
    for start in range(0, len(ids), 1000):
        answer = client.mget(index=index, ids=list(ids[start : start + 1000]), source=False)
        for document in answer["docs"]:
            if "error" in document:
                raise ValueError(f"{index!r} could not be asked for {document['_id']!r}: {document['error']}.")
            if document["found"]:
                found.add(document["_id"])
    return found


class _Item(NamedTuple):
    id: str
    fields: bytes  # as JSON
    size: int  # bytes of both of its lines


def _items(documents: Iterable[Mapping[str, Any]], operation: str, report: Report) -> Iterator[_Item]:
    """Documents as items, one at a time; what cannot be sent goes into the report instead."""
    seen: set[str] = set()
    for number, document in enumerate(documents):
        if not isinstance(document, Mapping):
            raise TypeError(
                f"document number {number} must be a dictionary with _id and fields, got {describe(document)}."
            )
        name = document.get("_id")
        if not isinstance(name, str) or not 0 < len(name.encode("utf-8", "replace")) <= _ID_BYTES:
            reason = f"_id must be a string of 1 to {_ID_BYTES} bytes, got {name!r:.80}"
            report.refused.append(Refused(f"number {number}", 0, reason))
        elif name in seen:
            report.refused.append(Refused(name, 0, "its _id stands twice among the documents; the first was kept"))
        else:
            seen.add(name)
            try:
                fields = _line({key: value for key, value in document.items() if key != "_id"})
                size = len(_line({operation: {"_id": name}})) + len(fields) + 2  # two line ends
            except (TypeError, ValueError) as error:  # a NaN, an array, half a surrogate pair
                report.refused.append(Refused(name, 0, f"it cannot be written as JSON: {error}"))
            else:
                yield _Item(name, fields, size)


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")


def _batches(items: Iterable[_Item], max_bytes: int, max_documents: int) -> Iterator[list[_Item]]:
    """Runs of items that fit both limits; an item larger than `max_bytes` goes alone.

    The helper cuts batches, too, but what is in the index already is asked for batch by batch, before that.
    """
    batch: list[_Item] = []
    size = 0
    for item in items:
        if batch and (size + item.size > max_bytes or len(batch) == max_documents):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += item.size
    if batch:
        yield batch


def _send(
    client: Elasticsearch, index: str, operation: str, batch: Sequence[_Item], report: Report, tries: dict[str, Any]
) -> None:
    """Send one batch, and book every one of its items."""
    size = sum(item.size for item in batch)
    report.requests += 1
    report.sent_bytes += size
    unanswered = {item.id for item in batch}
    answers = streaming_bulk(
        client,
        ({"_op_type": operation, "_id": item.id, "_source": item.fields} for item in batch),
        index=index,
        chunk_size=len(batch),
        max_chunk_bytes=size,
        raise_on_error=False,
        **tries,
    )
    try:
        for taken, answer in answers:
            result = answer[operation]
            unanswered.discard(result["_id"])
            if taken:
                report.indexed += 1
            elif result["status"] == _CONFLICT and operation == "create":
                report.already_there += 1
            else:
                report.refused.append(Refused(result["_id"], result["status"], _reason(result)))
    except (ApiError, TransportError) as error:
        error.add_note(f"{report.indexed} documents were indexed before. Run it again to continue.")
        raise
    for name in sorted(unanswered):
        report.refused.append(Refused(name, 0, "it was sent, and the answer says nothing of it: run it again"))


def _reason(result: Mapping[str, Any]) -> str:
    """The server's words, with the cause behind them where it names one."""
    error = result.get("error")
    if not isinstance(error, Mapping):
        return f"no reason given ({error!r})"
    words = f"{error.get('type')}: {error.get('reason')}"
    cause = error.get("caused_by")
    return f"{words} ({cause.get('reason')})" if isinstance(cause, Mapping) else words
