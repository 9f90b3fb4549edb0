"""A small index and a table of requests, to be run on the node in this process and on a real cluster alike."""

import numpy as np

from helpers import unit_vectors
from lateint_ref import average_vector, binarize, pool_tokens
from lateint_ref.elastic import bit_values, bodies, byte_values, float_value, float_values, mappings

DIM, DOCUMENTS = 64, 40
WORDS = ("harbour", "lamp", "tram", "fare", "water", "ticket", "bridge", "boat", "river", "museum", "night", "rises")
EMPTY = {"d7", "d23"}  # documents without vectors

FIELDS = {
    "text": mappings.text(),
    "report": mappings.keyword(),
    "number": {"type": "integer"},
    "floats": mappings.rank_vectors(DIM),
    "bytes": mappings.rank_vectors(DIM, "byte"),
    "bits": mappings.rank_vectors(DIM, "bit"),
    "dot": mappings.dense_vector(DIM, "dot_product", "flat"),
    "cosine": mappings.dense_vector(DIM, "cosine", "flat"),
    "inner": mappings.dense_vector(DIM, "max_inner_product", "flat"),
    "l2": mappings.dense_vector(DIM, "l2_norm", "flat"),
    "pooled": mappings.nested_vectors(DIM, "dot_product", "flat"),
}


def documents():
    rng = np.random.default_rng(5)
    for number in range(DOCUMENTS):
        words = " ".join(rng.choice(WORDS, rng.integers(3, 14)))
        fields = {"_id": f"d{number}", "text": words, "report": f"r{number % 4}", "number": number}
        vectors = unit_vectors(int(rng.integers(4, 13)), DIM, seed=number)
        if fields["_id"] not in EMPTY:
            mean = average_vector(vectors)
            fields |= {
                "floats": float_values(vectors),
                "bytes": byte_values(np.round(vectors * 127)),
                "bits": bit_values(binarize(vectors)),
                "dot": float_value(mean),
                **{name: float_value(mean * (1 + number / 10)) for name in ("cosine", "inner", "l2")},
                "pooled": [{"vector": float_value(row)} for row in pool_tokens(vectors, 3)],
            }
        yield fields


QUERY = unit_vectors(5, DIM, seed=1000)
MEAN = average_vector(QUERY)
ONE = float_value(MEAN)
BYTES = byte_values(np.round(QUERY * 127))
EXACT = bodies.maxsim_query("floats", QUERY)
AVERAGE = bodies.knn_section("dot", MEAN, k=20, num_candidates=40)
ONE_REPORT = {"term": {"report": "r1"}}
MATCH = bodies.match_query("text", "harbour lamp at night")


def script(source, query=None, **params):
    return {
        "script_score": {"query": query or {"exists": {"field": "dot"}}, "script": {"source": source, "params": params}}
    }


def with_bytes(function, field):
    return script(f"{function}(params.q, '{field}')", {"exists": {"field": field}}, q=BYTES)


GUARD = "doc['floats'].size() == 0 ? 0 : maxSimDotProduct(params.q, 'floats')"

REQUESTS = {
    "match_all": {"query": {"match_all": {}}, "size": 50},
    "match": bodies.search(MATCH, 40),
    "term": {"query": ONE_REPORT, "size": 20},
    "terms": {"query": {"terms": {"report": ["r1", "r3"]}}, "size": 30},
    "ids": {"query": {"ids": {"values": ["d3", "d1", "no such"]}}},
    "exists": {"query": {"exists": {"field": "floats"}}, "size": 50},
    "bool": {"query": {"bool": {"must": [MATCH], "must_not": [ONE_REPORT], "should": [{"term": {"report": "r2"}}]}}},
    "page 2": {"query": MATCH, "from": 5, "size": 5},
    "min_score": {"query": MATCH, "min_score": 1.0, "size": 40},
    "fields": {"query": ONE_REPORT, "fields": ["number"], "_source": False, "size": 20},
    "range": {"query": {"range": {"number": {"gt": 5, "lte": 20}}}, "size": 20},
    "maxsim": bodies.search(EXACT, 38),
    "maxsim, filtered": bodies.search(bodies.maxsim_query("floats", QUERY, filter=ONE_REPORT), 20),
    "maxsim, offset": bodies.search(bodies.maxsim_query("floats", -QUERY, offset=5), 38),
    "maxsim, guarded": {"query": script(GUARD, {"match_all": {}}, q=float_values(QUERY)), "size": 40},
    "asymmetric": bodies.search(bodies.maxsim_query("bits", QUERY, offset=20), 38),
    "inverse Hamming": bodies.search(bodies.inv_hamming_query("bits", binarize(QUERY)), 38),
    "bytes, dot product": {"query": with_bytes("maxSimDotProduct", "bytes"), "size": 38},
    "bytes, inverse Hamming": {"query": with_bytes("maxSimInvHamming", "bytes"), "size": 38},
    "bits with whole numbers": {"query": with_bytes("maxSimDotProduct", "bits"), "size": 38},
    "cosineSimilarity": {
        "query": script("cosineSimilarity(params.q, 'cosine') + 1.0", q=float_value(MEAN)),
        "size": 38,
    },
    "dotProduct": {"query": script("dotProduct(params.q, 'inner') + 10", q=ONE), "size": 38},
    "l2norm": {"query": script("1 / (1 + l2norm(params.q, 'l2'))", q=ONE), "size": 38},
    **{
        f"knn, {name}": bodies.knn(bodies.knn_section(name, MEAN, k=38), 38)
        for name in ("dot", "cosine", "inner", "l2")
    },
    "knn, opposite": bodies.knn(bodies.knn_section("inner", -MEAN, k=38), 38),
    "knn, filtered": bodies.knn(bodies.knn_section("dot", MEAN, k=5, filter=ONE_REPORT), 20),
    "knn, two sections": bodies.knn([bodies.knn_section("dot", row, k=38) for row in QUERY[:2]], 38),
    "knn as a query": {"query": {"knn": {"field": "dot", "query_vector": float_value(MEAN), "k": 6}}, "size": 20},
    "knn and words": {**bodies.knn(AVERAGE, 30), "query": MATCH},
    "knn, nested": bodies.knn(bodies.knn_section("pooled.vector", MEAN, k=20), 20),
    "knn as a retriever": {"retriever": {"knn": AVERAGE}, "size": 20},
    "standard retriever": {"retriever": {"standard": {"query": MATCH}}, "size": 20},
    "rescorer": bodies.rescorer({"knn": AVERAGE}, EXACT, window_size=20),
    "rescorer, both scores": bodies.rescorer({"knn": AVERAGE}, EXACT, window_size=20, query_weight=1),
    "rescore": bodies.rescore({"knn": AVERAGE}, EXACT, window_size=20),
    "rescore of words": bodies.rescore({"query": MATCH}, EXACT, window_size=20, query_weight=0.5),
    "rrf": bodies.hybrid([{"standard": {"query": MATCH}}, {"knn": AVERAGE}], size=20, rank_window_size=20),
    "rrf, rescored": bodies.rescorer(
        bodies.hybrid([{"standard": {"query": MATCH}}, {"knn": AVERAGE}], rank_window_size=20)["retriever"],
        EXACT,
        window_size=20,
    ),
}

# Requests that are refused, with the status that both give. (What the words are is each server's own affair.)
REFUSED = {
    "an unknown query": ({"query": {"nearest": {}}}, 400),
    "an unknown key": ({"quarry": {"match_all": {}}}, 400),
    "an unknown function": ({"query": script("maxSim(params.q, 'floats')", q=float_values(QUERY))}, 400),
    "a query vector of other dims": (bodies.search(bodies.maxsim_query("floats", QUERY[:, :8])), 400),
    "Hamming on floats": ({"query": with_bytes("maxSimInvHamming", "floats")}, 400),
    "a score below zero": ({"query": script("dotProduct(params.q, 'dot') - 10", q=ONE)}, 400),
    "documents without the field": (
        {"query": script("maxSimDotProduct(params.q, 'floats')", {"match_all": {}}, q=float_values(QUERY)), "size": 50},
        400,
    ),
    "kNN over rank_vectors": (bodies.knn(bodies.knn_section("floats", MEAN)), 400),
    "kNN of other dims": (bodies.knn(bodies.knn_section("dot", MEAN[:8])), 400),
    "kNN, not of length 1": (bodies.knn(bodies.knn_section("dot", 2 * MEAN)), 400),
    "k above num_candidates": ({"knn": {**AVERAGE, "k": 50, "num_candidates": 10}}, 400),
    "too many candidates": ({"knn": {**AVERAGE, "num_candidates": 10_001}}, 400),
    "a window below size": ({**bodies.rescorer({"knn": AVERAGE}, EXACT, window_size=20), "size": 21}, 400),
    "a query beside a retriever": ({"retriever": {"knn": AVERAGE}, "query": {"match_all": {}}}, 400),
    "rrf of one retriever": ({"retriever": {"rrf": {"retrievers": [{"knn": AVERAGE}]}}}, 400),
}
