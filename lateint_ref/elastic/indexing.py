"""Indexing that loses nothing: every document ends up in the index or in the report, with the reason.

Source: Elasticsearch reference, "Bulk API" (an answer per item, in order; `create` leaves an existing document alone)
and "Tune for indexing speed" (429 means slow down and send again).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from typing import Any

from elasticsearch import Elasticsearch

from lateint_ref.checks import describe, whole
from lateint_ref.elastic import _bulk
from lateint_ref.elastic.report import IndexingStoppedError, Refused, Report

__all__ = ["IndexingStoppedError", "Refused", "Report", "already_indexed", "document_id", "index_documents"]


def document_id(*parts: str) -> str:
    """The same id for the same parts, on every machine and in every run: for documents that bring none.

    Args:
        parts: what tells this document from all others, as file name and page number.

    Returns:
        32 hexadecimal digits.

    Raises:
        TypeError: a part that is not a string.
        ValueError: no parts.
    """
    if not parts:
        raise ValueError("document_id needs at least one part that tells the document from all others.")
    for part in parts:
        if not isinstance(part, str):
            raise TypeError(f"the parts of an id must be strings, got {describe(part)}.")
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


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
    sleep: Callable[[float], None] = time.sleep,
) -> Report:
    """Put documents into an index, in batches; run it again after anything went wrong.

    Each document has an `_id` of its own, so a second run finds what the first one put in, sends only the rest and
    duplicates nothing. Batches are bounded in bytes, since a page of float vectors is megabytes of JSON. A batch that
    is answered with 429 or 5xx, or not at all, is sent again after a wait that doubles; so are single documents.

    Args:
        client: from `connect`.
        index: an index that exists, with its mapping.
        documents: dictionaries of JSON values with `_id` and the fields. A generator is read as it is sent, so one
            batch at a time is in memory.
        total: how many there are, for the progress bar; by default `len(documents)` where it has a length.
        max_bytes: size of a batch, in bytes. A larger document goes alone.
        max_documents: documents of a batch.
        overwrite: replace documents whose id is in the index. By default they are left as they are, also where the
            new content differs.
        tries: how often a batch is sent at most.
        first_wait: seconds before the second try; doubled for each further one, and shortened at random by up to half
            so that several writers do not come back at once.
        longest_wait: seconds at most.
        progress: show a progress bar.
        sleep: waits that many seconds; tests put in their own.

    Returns:
        The report; `report.refused` is empty where all is well. The index is refreshed: what went in can be found.

    Raises:
        IndexingStoppedError: a batch that the cluster did not take in `tries` tries.
        ValueError: no such index, or numbers out of range.
        TypeError: `documents` is not an iterable of dictionaries.
        elasticsearch.ApiError: a request that is refused as a whole, as for a missing right.
    """
    limits = whole(max_bytes, "max_bytes"), whole(max_documents, "max_documents")
    if isinstance(documents, (str, bytes, Mapping)) or not isinstance(documents, Iterable):
        raise TypeError(f"documents must be an iterable of dictionaries, got {describe(documents)}.")
    if not client.indices.exists(index=index):
        raise ValueError(f"there is no index {index!r}: create it with its mapping first, or vectors become numbers.")
    from tqdm.auto import tqdm

    report = Report()
    client.indices.refresh(index=index)
    resume = not overwrite and client.count(index=index)["count"] > 0
    if total is None and isinstance(documents, Sized):
        total = len(documents)
    waits = _bulk.Waits(whole(tries, "tries"), first_wait, longest_wait, sleep)
    operation = "index" if overwrite else "create"
    # Not disable=False where a bar is wanted: that would overrule TQDM_DISABLE.
    quiet: dict[str, Any] = {} if progress else {"disable": True}
    with tqdm(total=total, unit="doc", desc=index, **quiet) as bar:
        for batch in _bulk.batches(_bulk.items(documents, operation, report, bar.update), *limits):
            waiting = batch
            if resume:
                there = already_indexed(client, index, [item.id for item in waiting])
                report.already_there += len(there)
                waiting = [item for item in waiting if item.id not in there]
            if waiting:
                _bulk.send(client, index, waiting, report, waits)
            bar.update(len(batch))
    client.indices.refresh(index=index)
    return report


def already_indexed(client: Elasticsearch, index: str, ids: Sequence[str]) -> set[str]:
    """Those of the ids that are in the index, refreshed or not: to skip what need not be encoded again.

    Raises:
        TypeError: `ids` is a single string.
        elasticsearch.NotFoundError: no such index.
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
