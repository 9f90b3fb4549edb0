"""What a search of the local node costs beside the reference function that it calls."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

from lateint_ref._checks import Float32Array
from lateint_ref.bits import binarize, to_hex
from lateint_ref.maxsim import maxsim_scores
from lateint_ref.multivectors import MultiVectors
from lateint_ref.packed import binarize_collection, maxsim_asymmetric_scores, maxsim_inv_hamming_scores
from workbook import bench

_ADDED = 100.0  # to every score, so that none is below zero
_SEARCH = "  local node, the same"


def report(rounds: int, n_docs: int = 500, n_vectors: int = 1030) -> None:
    """Print the table: 32 query vectors, `n_docs` documents of `n_vectors` vectors, 128 dimensions."""
    print(f"\nLocal node: a search of {n_docs} documents of {n_vectors} vectors, request and answer in JSON included")
    if find_spec("elasticsearch") is None:
        print("needs the extra elastic: pip install -c constraints.txt -e '.[elastic]'")
        return
    print(table(bench.measure(pages(n_docs, n_vectors), rounds)).to_string())


def pages(n_docs: int, n_vectors: int) -> dict[str, bench.Contender]:
    """What is timed: reference functions, each followed by the search that calls it; compared before they are timed."""
    query = bench._unit_vectors(32, seed=1)
    documents = MultiVectors(
        bench._unit_vectors(n_docs * n_vectors, seed=2), np.arange(n_docs + 1, dtype=np.int64) * n_vectors
    )
    bits, query_bits = binarize_collection(documents), binarize(query)
    client = _filled(documents, bits)
    numbers = query.astype(float).tolist()
    cases: list[tuple[str, Any, str, Any]] = [
        ("maxsim_scores", lambda: maxsim_scores(query, documents), "maxSimDotProduct(params.q, 'page')", numbers),
        (
            "maxsim_asymmetric_scores",
            lambda: maxsim_asymmetric_scores(query, bits),
            "maxSimDotProduct(params.q, 'bits')",
            numbers,
        ),
        (
            "maxsim_inv_hamming_scores",
            lambda: maxsim_inv_hamming_scores(query_bits, bits),
            "maxSimInvHamming(params.q, 'bits')",
            to_hex(query_bits),
        ),
    ]
    contenders: dict[str, bench.Contender] = {}
    for name, reference, source, params in cases:
        script = {"source": f"{source} + params.added", "params": {"q": params, "added": _ADDED}}
        body = {"script_score": {"query": {"exists": {"field": "page"}}, "script": script}}

        def search(body: dict[str, Any] = body, size: int = 10) -> Any:
            return client.search(index="pages", query=body, source=False, size=size)

        _same_scores(search(size=n_docs), reference())
        contenders[name] = reference
        contenders[f"{_SEARCH} ({name})"] = search
    return contenders


def table(seconds: dict[str, float]) -> Any:
    """Milliseconds, and a search's as a multiple of its reference function's, as a `DataFrame`."""
    import pandas as pd

    rows: dict[str, dict[str, Any]] = {}
    for name, value in seconds.items():
        own = name.removeprefix(f"{_SEARCH} (").removesuffix(")")
        rows[name] = {"ms": round(1000 * value, 1), "times the function": round(value / seconds[own], 2)}
    return pd.DataFrame(rows).T


def _filled(documents: MultiVectors, bits: Any) -> Any:
    """A client of a local node that holds the documents, put in beside the JSON door: that is not what is timed."""
    from elasticsearch import Elasticsearch

    from workbook.elasticsearch.documents import Parsed, Part, Spot
    from workbook.elasticsearch.node import local_node

    node = local_node()
    client = Elasticsearch("http://local:9200", node_class=node)
    fields = {"page": {"type": "rank_vectors", "dims": documents.dim}}
    fields["bits"] = {**fields["page"], "element_type": "bit"}
    client.indices.create(index="pages", mappings={"properties": fields})
    index = node.store.index("pages")
    spots = [Spot((name,), (), name) for name in fields]
    for number in range(len(documents)):
        part = Part(vectors={"page": documents[number], "bits": bits[number]})
        index.store(str(number), Parsed({}, spots, part, index.mapping))
    client.indices.refresh(index="pages")
    return client


def _same_scores(answer: Any, expected: Float32Array) -> None:
    found = {hit["_id"]: hit["_score"] - _ADDED for hit in answer["hits"]["hits"]}
    np.testing.assert_allclose([found[str(number)] for number in range(len(expected))], expected, atol=1e-4)
