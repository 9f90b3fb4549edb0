"""A node in this process that answers the official Elasticsearch client, for notebooks without a cluster.

It executes the same requests with this project's own functions. It is not Elasticsearch, and its `info()` says so;
`node` has the list of differences. `connect()` takes a real cluster where one is named.
"""

from __future__ import annotations

import os

from elasticsearch import Elasticsearch

from lateint_ref import elastic
from workbook.elasticsearch.node import LocalNode, local_node

__all__ = ["LOCAL", "connect", "is_local"]

LOCAL = "local"


def connect(url: str | None = None) -> Elasticsearch:
    """As `workbook.elasticsearch.connect`; where neither `url` nor `ES_URL` names a cluster, the node in this process.

    Args:
        url: as there, or `"local"` for a node in this process whatever `ES_URL` says. Every such node is a new one.

    Raises:
        TypeError, ValueError, FileNotFoundError, PermissionError, OSError: as `workbook.elasticsearch.connect`.
    """
    if url is None and not os.environ.get("ES_URL", "").strip():
        url = LOCAL
    if url != LOCAL:
        return elastic.connect(url)
    return elastic.answered(Elasticsearch("http://local:9200", node_class=local_node()), "the node in this process")


def is_local(client: Elasticsearch) -> bool:
    """Whether the node in this process answers, rather than a real cluster."""
    return all(isinstance(node, LocalNode) for node in client.transport.node_pool.all())
