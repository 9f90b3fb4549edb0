"""A node that fails on purpose: what a cluster under load, a proxy or a network does to single requests."""

import json
from collections import Counter
from typing import ClassVar

from elastic_transport import ApiResponseMeta, ConnectionTimeout, HttpHeaders
from elastic_transport import ConnectionError as NoConnection

from workbook.elasticsearch.node import NodeResponse, local_node

PRODUCT = {"x-elastic-product": "Elasticsearch", "content-type": "application/vnd.elasticsearch+json;compatible-with=9"}


def faulty_node(faults=()):
    """A node class that goes through `faults`, one a bulk request, and then works.

    A fault is `None` (works), a status for the whole request, `"lost"` (never arrives), `"late"` (is carried out, but
    no answer comes in time), `"cut"` (carried out; the answer ends after its first item), or a dictionary from
    document id to the status of that item alone (the others are carried out).

    Returns:
        The class; its `sent` counts the documents of all bulk requests by id, `sizes` holds the requests' bytes.
    """

    class FaultyNode(local_node()):
        left: ClassVar = list(faults)
        sent: ClassVar = Counter()
        sizes: ClassVar = []

        def perform_request(self, method, target, body=None, headers=None, request_timeout=None):
            if "_bulk" not in target:
                return super().perform_request(method, target, body, headers, request_timeout)
            lines = body.rstrip(b"\n").split(b"\n")
            actions = [json.loads(line) for line in lines[::2]]
            ids = [next(iter(action.values()))["_id"] for action in actions]
            self.sent.update(ids)
            self.sizes.append(len(body))
            fault = self.left.pop(0) if self.left else None
            if isinstance(fault, int):
                return self.reply(fault, {"error": {"type": "an_exception", "reason": "on purpose"}, "status": fault})
            if fault == "lost":
                raise NoConnection("connection refused")
            failing = fault if isinstance(fault, dict) else {}
            pairs = zip(ids, lines[::2], lines[1::2], strict=True)
            kept = b"".join(action + b"\n" + fields + b"\n" for name, action, fields in pairs if name not in failing)
            done = json.loads(super().perform_request(method, target, kept, headers).body)["items"] if kept else []
            if fault == "late":
                raise ConnectionTimeout("no answer in time")
            others = iter(done)
            items = [
                refused(next(iter(action)), name, failing[name]) if name in failing else next(others)
                for name, action in zip(ids, actions, strict=True)
            ]
            return self.reply(200, {"took": 1, "errors": True, "items": items[:1] if fault == "cut" else items})

        def reply(self, status, body):
            meta = ApiResponseMeta(status, "1.1", HttpHeaders(PRODUCT), 0.0, self.config)
            return NodeResponse(meta, json.dumps(body).encode())

    return FaultyNode


def refused(operation, name, status):
    kind = "es_rejected_execution_exception" if status == 429 else "document_parsing_exception"
    error = {"type": kind, "reason": "on purpose", "caused_by": {"type": "x", "reason": "by the test"}}
    return {operation: {"_index": "docs", "_id": name, "status": status, "error": error}}
