"""The local node: Elasticsearch's requests answered in this process, through the official client.

`elasticsearch.Elasticsearch` sends its requests through a node class of `elastic_transport`. The one made here answers
them itself instead of opening a connection, so the client, its helpers and every request body are the real ones and
only the wire is replaced. Scores come from this project's reference functions. It is not Elasticsearch: it knows what
the notebooks use, and the rest is an error 400 that names it, never a silent guess. It follows release 9.5.1, so
`rank_vectors` takes `[]` where its dims are known: such a document passes `exists`, and MaxSim of it is -Infinity, an
error. Later releases refuse `[]` ("requires at least one vector") and more than 8,192 vectors a document or query.

    client = Elasticsearch("http://local:9200", node_class=local_node())

Where it answers and a server would answer otherwise:

- kNN is exact over the vectors as they were sent, whatever the type of `index_options`; a server walks a graph or
  clusters, of quantised vectors where the mapping says so, and may miss a neighbour or score it a little off. So
  `num_candidates`, `rescore_vector`, `visit_percentage`, `m` and `ef_construction` are checked and change nothing.
- An index has one shard, and BM25 counts the documents that are there; a server counts for each shard, and deleted
  documents until it merges them away. `words` says how a text is cut.
- No licence is asked for. `rank_vectors`, `rrf` and `linear` need one on a server.
- An index has its mapping before its first document: nothing is guessed from values but the dims of a vector.
- A request is answered whole before the next one; there are no timeouts and no rejections.
- Messages leave out the line and column, and some have simpler words. A null is an error for every key of a request,
  a few of which a server lets pass. The names in `matched_queries` are in alphabetical order.
- Every dimension of a byte query is checked, as later releases do; 9.5.1 looks at the last and lets the others wrap.
- `_stats` counts bytes of JSON and of arrays, not of files.
"""

from __future__ import annotations

import gzip
import json
import time
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import numpy as np
from elastic_transport import ApiResponseMeta, BaseNode, HttpHeaders, NodeConfig
from elastic_transport.client_utils import DEFAULT, DefaultType

from workbook.elasticsearch.api import Request, answer
from workbook.elasticsearch.index import Store
from workbook.elasticsearch.reading import NodeError

_CONTENT_TYPE = "application/vnd.elasticsearch+json;compatible-with=9"


class NodeResponse(NamedTuple):
    """What a node gives to the client's transport, which asks for these two names."""

    meta: ApiResponseMeta
    body: bytes


class LocalNode(BaseNode):
    """A node of the official client whose other end is a store in this process.

    Make one with `local_node`, which gives every class its own store.
    """

    _CLIENT_META_HTTP_CLIENT = ("local", "0")
    store: Store

    def __init__(self, config: NodeConfig) -> None:
        super().__init__(config)
        if not hasattr(self, "store"):
            raise TypeError("LocalNode has no store of its own: pass node_class=local_node().")

    def perform_request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: DefaultType | float | None = DEFAULT,
    ) -> Any:
        """Answer one request. Safe to call from several threads: requests run one after another.

        Args:
            method: GET, PUT and so on.
            target: path and query string.
            body: the JSON, or the lines of a bulk request.
            headers: of the request; a body in gzip is unpacked.
            request_timeout: without effect: no request takes time on a wire.

        Returns:
            A `NodeResponse`.
        """
        started = time.perf_counter()
        status, value = self._answer(method, target, body, headers)
        text = b"" if method == "HEAD" or value is None else json.dumps(value, allow_nan=False).encode()
        meta = ApiResponseMeta(
            status=status,
            http_version="1.1",
            headers=HttpHeaders({"x-elastic-product": "Elasticsearch", "content-type": _CONTENT_TYPE}),
            duration=time.perf_counter() - started,
            node=self.config,
        )
        return NodeResponse(meta, text)

    def _answer(self, method: str, target: str, body: bytes | None, headers: HttpHeaders | None) -> tuple[int, Any]:
        parts = urlsplit(target)
        path = [unquote(part) for part in parts.path.split("/") if part]
        params = dict(parse_qsl(parts.query, keep_blank_values=True))
        with self.store.lock, np.errstate(all="ignore"):
            try:
                raw = _unpacked(body or b"", headers)
                return answer(Request(self.store, method.upper(), path, params, raw))
            except NodeError as error:
                return error.status, error.body()
            except RecursionError:
                return 400, NodeError(400, "parsing_exception", "the request is nested too deeply").body()

    def close(self) -> None:
        """Nothing to close: the store outlives its clients."""


def _unpacked(body: bytes, headers: HttpHeaders | None) -> bytes:
    if headers is None or headers.get("content-encoding") != "gzip":
        return body
    try:
        return gzip.decompress(body)
    except (OSError, EOFError) as error:
        raise NodeError(400, "parse_exception", f"the body is not gzip: {error}") from error


def local_node() -> type[LocalNode]:
    """A node class with a store of its own behind it, for `Elasticsearch(..., node_class=...)`."""

    class _LocalNode(LocalNode):
        store = Store()

    _LocalNode.__name__ = _LocalNode.__qualname__ = "LocalNode"
    return _LocalNode
