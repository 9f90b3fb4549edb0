"""Elasticsearch: a client, mappings, request bodies and indexing.

`connect()` gives the client; `mappings` and `bodies` make plain dictionaries; `index_documents` fills an index;
`capacity` sizes a cluster. Needs the extra `elastic`.
"""

from importlib.util import find_spec

if find_spec("elasticsearch") is None:
    raise ModuleNotFoundError(
        "lateint_ref.elastic needs the official client: pip install -c constraints.txt -e '.[elastic]'",
        name="elasticsearch",
    )

from lateint_ref.elastic import bodies, capacity, mappings
from lateint_ref.elastic.client import connect
from lateint_ref.elastic.indexing import already_indexed, document_id, index_documents
from lateint_ref.elastic.report import IndexingStoppedError, Refused, Report
from lateint_ref.elastic.values import bit_values, byte_values, float_value, float_values

__all__ = [
    "IndexingStoppedError",
    "Refused",
    "Report",
    "already_indexed",
    "bit_values",
    "bodies",
    "byte_values",
    "capacity",
    "connect",
    "document_id",
    "float_value",
    "float_values",
    "index_documents",
    "mappings",
]
