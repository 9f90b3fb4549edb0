"""Bytes of each kind of field, in memory and on disk, and shards: Elasticsearch's rules of thumb, field by field.

The arithmetic is `lateint_ref.cost`'s, whose `plan` is of a whole system. These are estimates, to be checked
with the analyze-index-disk-usage API of a real cluster.
"""

from lateint_ref.cost import knn_disk_bytes, knn_memory_bytes, rank_vectors_bytes, shard_count

__all__ = ["knn_disk_bytes", "knn_memory_bytes", "rank_vectors_bytes", "shard_count"]
