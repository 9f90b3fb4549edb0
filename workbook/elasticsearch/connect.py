"""One client for both: a real cluster where one is named, otherwise the node in this process."""

from __future__ import annotations

import os

from elasticsearch import Elasticsearch

from lateint_ref.elastic.client import answered
from lateint_ref.elastic.client import connect as connect_cluster
from workbook.elasticsearch.node import LocalNode, local_node

LOCAL = "local"
_LOCAL_URL = "http://local:9200"


def connect(url: str | None = None, folder: str | os.PathLike[str] | None = None) -> Elasticsearch:
    """As `workbook.elasticsearch.connect`; where neither `url` nor `ES_URL` names a cluster, the node in this process.

    Args:
        url: as there, or `"local"` for the node in this process whatever `ES_URL` says.
        folder: where the node in this process keeps its indices; in memory by default.

    Raises:
        TypeError, ValueError, FileNotFoundError, PermissionError, OSError: as `workbook.elasticsearch.connect`, and a
            `ValueError` for a folder with a real cluster.
    """
    if url is not None and not isinstance(url, str):
        raise TypeError(f"url must be a string such as 'https://host:9200', got {type(url).__name__}.")
    named = (url if url is not None else os.environ.get("ES_URL", "")).strip()
    if url is not None and not named:
        raise ValueError("url is empty: give one, or leave it out to use ES_URL or the node in this process.")
    if not named or named == LOCAL:
        return answered(Elasticsearch(_LOCAL_URL, node_class=local_node(folder)), "the node in this process")
    if folder is not None:
        raise ValueError("folder is for the node in this process; a real cluster has its own data folder.")
    return connect_cluster(named)


def is_local(client: Elasticsearch) -> bool:
    """Whether the node in this process answers, rather than a real cluster."""
    return all(isinstance(node, LocalNode) for node in client.transport.node_pool.all())
