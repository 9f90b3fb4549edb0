"""Elasticsearch: a client, mappings, request bodies, indexing. Needs the extra `elastic`.

`connect()` gives the client; `mappings` and `bodies` make plain dictionaries, as one pastes them into a console;
`float_values` and its kind make the numbers that go into both; `index_documents` fills an index; `capacity` sizes one.
"""

from importlib.util import find_spec

if find_spec("elasticsearch") is None:
    raise ModuleNotFoundError(
        "lateint_ref.elastic needs the official client: pip install -c constraints.txt -e '.[elastic]'",
        name="elasticsearch",
    )

from lateint_ref.elastic import bodies, capacity, mappings
from lateint_ref.elastic.client import answered, connect
from lateint_ref.elastic.indexing import Refused, Report, already_indexed, index_documents
from lateint_ref.elastic.values import bit_values, byte_values, console, float_value, float_values

__all__ = [
    "Refused",
    "Report",
    "already_indexed",
    "answered",
    "bit_values",
    "bodies",
    "byte_values",
    "capacity",
    "connect",
    "console",
    "float_value",
    "float_values",
    "index_documents",
    "mappings",
]
