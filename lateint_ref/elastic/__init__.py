"""Elasticsearch: mappings and request bodies for a real cluster and for a node in this process.

`mappings` and `bodies` make plain dictionaries. Needs the extra `elastic`.
"""

from importlib.util import find_spec

if find_spec("elasticsearch") is None:
    raise ModuleNotFoundError(
        "lateint_ref.elastic needs the official client, also for the node in this process: "
        "pip install -c constraints.txt -e '.[elastic]'",
        name="elasticsearch",
    )

from lateint_ref.elastic import bodies, mappings
from lateint_ref.elastic.values import bit_values, byte_values, float_value, float_values

__all__ = [
    "bit_values",
    "bodies",
    "byte_values",
    "float_value",
    "float_values",
    "mappings",
]
