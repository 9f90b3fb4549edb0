"""A node in this process that answers the official Elasticsearch client, for notebooks without a cluster.

It executes the same requests with this project's own functions. It is not Elasticsearch, and its `info()` says so.
"""

from workbook.elasticsearch.connect import connect, is_local

__all__ = ["connect", "is_local"]
