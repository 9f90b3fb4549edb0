"""What goes to Elasticsearch: values, mappings, request bodies; and the file that starts one."""

import json

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import lateint_ref.elastic as elastic
from helpers import refused, unit_vectors
from lateint_ref import binarize
from lateint_ref.elastic import bodies, capacity, console, mappings
from notebook_rules import ROOT

# Values


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 4), st.integers(1, 6)),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False, max_value=2.0**49, min_value=-(2.0**49)),
    )
)
def test_float_values_are_the_same_float32(matrix):
    through_json = json.loads(json.dumps(elastic.float_values(matrix)))
    assert (np.asarray(through_json, dtype=np.float32) == matrix).all()


def test_float_values_are_short():
    vectors = unit_vectors(40, 128)
    values = elastic.float_values(vectors)
    digits = [repr(abs(value)).lstrip("0.").split("e")[0].replace(".", "") for row in values for value in row]
    assert max(map(len, digits)) <= 9
    assert len(json.dumps(values)) < 0.7 * len(json.dumps(vectors.tolist()))


def test_values_by_hand():
    assert elastic.float_values([[0.5, -1], [0, 2]]) == [[0.5, -1.0], [0.0, 2.0]]
    # nine digits of what float32 holds
    assert elastic.float_value(np.float32([0.1, 3e-30])) == [0.100000001, pytest.approx(3e-30)]
    assert elastic.byte_values(np.int8([[1, -128, 127]])) == [[1, -128, 127]]
    assert elastic.bit_values(binarize([[1, -1, 1, -1, -1, -1, -1, 1]])) == ["a1"]


def test_tensors_are_vectors_as_arrays_are():
    numbers = torch.tensor([[0.5, -2.0], [1.0, 0.25]])
    for tensor in (numbers, numbers.bfloat16(), numbers.half(), numbers.clone().requires_grad_()):
        assert elastic.float_values(tensor) == numbers.tolist()
        assert elastic.float_value(tensor[0]) == [0.5, -2.0]
        assert bodies.knn_section("a", tensor[1])["query_vector"] == [1.0, 0.25]
        assert bodies.maxsim_query("a", tensor) == bodies.maxsim_query("a", numbers.numpy())
        assert elastic.byte_values(4 * tensor) == [[2, -8], [4, 1]]


def test_values_refuse():
    for values, words in ([1.0, 2.0], "matrix"), ([], "empty"), ([[np.nan]], "NaN"), ([[1.0], [1.0, 2.0]], "length"):
        refused(ValueError, words, elastic.float_values, values)
    for value, words in ([[1.0]], "(single|one) vector"), (3.0, "(single|one) vector"), ([], "empty"):
        refused(ValueError, words, elastic.float_value, value)
    for values, words in ([[0.5]], "whole numbers from -128 to 127"), ([[128]], "got 128"), ([[-129, 0]], "got -129"):
        refused(ValueError, words, elastic.byte_values, values)
    refused(TypeError, "real numbers", elastic.float_values, [["a"]])
    refused(TypeError, "packed bits", elastic.bit_values, [[0.5]])


# Mappings


def test_mappings_by_hand():
    hnsw = {"type": "hnsw", "m": 16, "ef_construction": 100}
    dense = {"type": "dense_vector", "dims": 128, "index": True}
    assert mappings.rank_vectors(128) == {"type": "rank_vectors", "element_type": "float", "dims": 128}
    assert mappings.rank_vectors(128, "bit") == {"type": "rank_vectors", "element_type": "bit", "dims": 128}
    assert mappings.rank_vectors() == {"type": "rank_vectors", "element_type": "float"}
    assert mappings.dense_vector(128) == {**dense, "similarity": "dot_product", "index_options": hnsw}
    assert mappings.nested_vectors(128, "cosine", "flat") == {
        "type": "nested",
        "properties": {"vector": {**dense, "similarity": "cosine", "index_options": {"type": "flat"}}},
    }
    quantised = mappings.dense_vector(64, index="bbq_hnsw", m=32, ef_construction=200)
    assert quantised["index_options"] == {"type": "bbq_hnsw", "m": 32, "ef_construction": 200}
    fields = {"words": mappings.text(), "report": mappings.keyword()}
    properties = {"words": {"type": "text"}, "report": {"type": "keyword"}}
    assert mappings.strict(fields) == {"dynamic": "strict", "properties": properties}
    assert mappings.settings() == {"number_of_shards": 1, "number_of_replicas": 0}
    assert mappings.settings(shards=3, replicas=1) == {"number_of_shards": 3, "number_of_replicas": 1}


def test_mappings_refuse():
    rank, dense, strict = mappings.rank_vectors, mappings.dense_vector, mappings.strict
    refused(ValueError, "multiple of 8", rank, 12, "bit")
    refused(ValueError, "at most 4096", rank, 4097)
    refused(ValueError, "at most 32768", rank, 32776, "bit")
    refused(ValueError, "at least 1", rank, 0)
    refused(ValueError, "element_type must be one of .*bfloat16", rank, 8, "int8")
    refused(ValueError, "similarity must be one of", dense, 128, "dot")
    refused(ValueError, "index must be one of", dense, 128, index="ivf")
    refused(ValueError, "at least 64", dense, 63, index="bbq_hnsw")
    refused(ValueError, "has none", dense, 128, index="flat", m=8)
    refused(ValueError, "non-empty name", mappings.nested_vectors, 128, name=" ")
    refused(ValueError, "empty", strict, {})
    refused(ValueError, "with a type", strict, {"a": {"dims": 3}})
    refused(ValueError, "non-empty name", strict, {"": mappings.text()})
    refused(TypeError, "", strict, [mappings.text()])
    refused(TypeError, "", rank, 8.0)


# Request bodies

QUERY = np.float32([[1, 0, 0, 0, 0, 0, 0, 0.5], [0, 1, 0, 0, 0, 0, 0, 0]])
NUMBERS = [[1.0, 0, 0, 0, 0, 0, 0, 0.5], [0, 1.0, 0, 0, 0, 0, 0, 0]]
ONE_REPORT = {"term": {"report": "selmore-2023"}}


def scored(source, vectors, *filters, **more):
    query = {"bool": {"filter": list(filters) if len(filters) > 1 else filters[0]}}
    return {
        "script_score": {"query": query, "script": {"source": source, "params": {"query_vectors": vectors, **more}}}
    }


def test_script_scores_by_hand():
    has, call = {"exists": {"field": "vectors"}}, "maxSimDotProduct(params.query_vectors, 'vectors')"
    plain = scored(call, NUMBERS, has)
    assert bodies.maxsim_query("vectors", QUERY) == plain
    assert bodies.search(plain, 3) == {"size": 3, "_source": False, "query": plain}
    filtered = bodies.maxsim_query("vectors", QUERY, filter=ONE_REPORT, offset=2)
    assert filtered == scored(f"{call} + params.offset", NUMBERS, has, ONE_REPORT, offset=2)
    bits = bodies.inv_hamming_query("bits", binarize(QUERY))
    call = "maxSimInvHamming(params.query_vectors, 'bits')"
    assert bits == scored(call, ["81", "40"], {"exists": {"field": "bits"}})


def test_knn_by_hand():
    vector = np.float32([0.6, 0.8])
    section = {"field": "average", "query_vector": pytest.approx([0.6, 0.8]), "k": 10, "num_candidates": 100}
    assert bodies.knn_section("average", vector) == section
    assert bodies.knn_section("average", vector, k=500)["num_candidates"] == 1000
    assert bodies.knn_section("average", vector, k=10_000)["num_candidates"] == 10_000
    full = bodies.knn_section("average", vector, 5, 7, filter=ONE_REPORT, oversample=3)
    extras = {"k": 5, "num_candidates": 7, "filter": ONE_REPORT, "rescore_vector": {"oversample": 3}}
    assert full == section | extras
    assert bodies.knn(full, 5) == {"size": 5, "_source": False, "knn": full}
    assert bodies.knn([full, full])["knn"] == [full, full]


def test_two_stages_and_hybrid_by_hand():
    head = {"size": 10, "_source": False}
    first = {"knn": bodies.knn_section("average", [0.6, 0.8], k=50)}
    second = bodies.maxsim_query("vectors", QUERY)
    weights = {"rescore_query": second, "query_weight": 0.0, "rescore_query_weight": 1.0}
    again = {"window_size": 50, "query": weights}
    rescored = {"rescorer": {"retriever": first, "rescore": again}}
    assert bodies.rescorer(first, second, window_size=50) == {**head, "retriever": rescored}
    assert bodies.rescore(first, second, window_size=50) == {**head, **first, "rescore": again}
    both = bodies.rescorer(first, second, window_size=50, query_weight=1)
    assert both["retriever"]["rescorer"]["rescore"]["query"]["query_weight"] == 1
    words = {"standard": {"query": bodies.match_query("text", "tram fares")}}
    assert words["standard"]["query"] == {"match": {"text": {"query": "tram fares"}}}
    fusion = {"retrievers": [words, first], "rank_constant": 60, "rank_window_size": 50}
    assert bodies.hybrid([words, first], rank_window_size=50) == {**head, "retriever": {"rrf": fusion}}


def test_bodies_are_json_and_leave_their_parts_alone():
    first, second = {"knn": bodies.knn_section("a", [1.0])}, bodies.inv_hamming_query("b", binarize(QUERY))
    before = json.dumps([first, second])
    whole = bodies.rescore(first, second)
    whole["size"] = 0
    assert json.dumps([first, second]) == before
    assert json.loads(json.dumps(whole)) == whole


def test_bodies_refuse():
    section, rescorer, hybrid, other = bodies.knn_section, bodies.rescorer, bodies.hybrid, ONE_REPORT
    for field in ("", "a'); evil('"):
        refused(ValueError, "name of a field", bodies.maxsim_query, field, QUERY)
    refused(ValueError, "matrix", bodies.maxsim_query, "a", QUERY[0])
    for offset in (-1, float("nan")):
        refused(ValueError, "offset", bodies.maxsim_query, "a", QUERY, offset=offset)
    refused(ValueError, "words", bodies.match_query, "a", " ")
    refused(ValueError, "(single|one) vector", section, "a", QUERY)
    refused(ValueError, "k <= num_candidates", section, "a", [1.0], k=10, num_candidates=9)
    for sizes in ({"num_candidates": 10_001}, {"k": 10_001}):
        refused(ValueError, "num_candidates <= 10000", section, "a", [1.0], **sizes)
    refused(ValueError, "oversample", section, "a", [1.0], oversample=0.5)
    refused(ValueError, "window_size is 9", rescorer, other, other, window_size=9)
    refused(ValueError, "query_weight", rescorer, other, other, query_weight=-1)
    refused(ValueError, "query or knn", bodies.rescore, {"retriever": {}}, other)
    for one in ([other], other):
        refused(ValueError, "at least two", hybrid, one)
    refused(ValueError, "rank_window_size is 100", hybrid, [other] * 2, size=101)


def test_bodies_refuse_other_types():
    for query in ("match_all", {}):
        refused(TypeError, "", bodies.search, query)
    for sections in ([], "average"):
        refused(TypeError, "", bodies.knn, sections)
    refused(TypeError, "", bodies.inv_hamming_query, "a", QUERY)
    refused(TypeError, "", bodies.knn_section, "a", [1.0], filter=[ONE_REPORT])
    refused(TypeError, "", bodies.rescorer, None, ONE_REPORT)
    refused(TypeError, "", bodies.hybrid, ["knn", "standard"])


# The console's text


def test_console_text_is_the_request():
    body = bodies.rescorer({"knn": bodies.knn_section("average", [0.6, 0.8])}, bodies.maxsim_query("vectors", QUERY))
    text = console("GET", "pages/_search", body)
    line, rest = text.split("\n", 1)
    assert line == "GET /pages/_search"
    assert json.loads(rest) == body
    assert "[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5]" in rest
    assert console("DELETE", "/pages") == "DELETE /pages"


def test_console_text_cut_for_reading():
    body = {"a": [[1, 2, 3], [4, 5, 6], [7, 8, 9]], "b": ["x", None], "c": []}
    cut = console("POST", "x", body, show=2)
    assert "[1, 2, ...],\n    [4, 5, ...],\n    ...\n" in cut
    assert '"b": ["x", null],\n  "c": []' in cut
    assert console("POST", "x", {"q": [0.123456, 2.0, 3]}, show=2).endswith('"q": [0.123, 2.0, ...]\n}')
    assert "0.123456" in console("POST", "x", {"q": [0.123456, 2.0]}, show=2)
    odd = {"a": ["x  y", "[", "{}"], "b": [[], [{"c": ["\0...", "]"]}]]}
    assert json.loads(console("POST", "x", odd).split("\n", 1)[1]) == odd


def test_console_refuses():
    for method, path in (("PATCH", "x"), ("GET", "/")):
        refused(ValueError, "", console, method, path)
    refused(ValueError, "", console, "GET", "x", {"a": float("nan")})
    for body in ([1], {"a": np.ones(2)}):
        refused(TypeError, "", console, "GET", "x", body)
    refused(ValueError, "", console, "GET", "x", {"a": [1]}, 0)


# Capacity

A_PAGE, DIM = 1030, 128


def test_capacity_by_hand():
    assert capacity.rank_vectors_bytes(A_PAGE, DIM) == 1030 * (128 * 4 + 4)
    assert capacity.rank_vectors_bytes(A_PAGE, DIM, "bfloat16") == 1030 * (128 * 2 + 4)
    assert capacity.rank_vectors_bytes(A_PAGE, DIM, "byte") == 1030 * (128 + 4)
    assert capacity.rank_vectors_bytes(A_PAGE, DIM, "bit") == 1030 * (16 + 4)
    # The documentation's formulas, for a million vectors of 128 dimensions and m = 16.
    memory = {"hnsw": 512 + 64, "int8_hnsw": 132 + 64, "bbq_hnsw": 16 + 14 + 64, "flat": 512}
    for index, per_vector in memory.items():
        assert capacity.knn_memory_bytes(10**6, DIM, index) == 10**6 * per_vector
        full = 0 if index in ("hnsw", "flat") else 512
        assert capacity.knn_disk_bytes(10**6, DIM, index) == 10**6 * (full + per_vector)
    assert capacity.knn_memory_bytes(10, DIM, m=32) == 10 * (512 + 128)
    assert capacity.knn_memory_bytes(10, 129, "bbq_hnsw") == 10 * (17 + 14 + 64)
    # "When int8 quantizing 40GB of floating point vectors an extra 10GB" (without the corrections and the graph).
    assert capacity.knn_disk_bytes(1, 1000, "int8_hnsw") - capacity.knn_disk_bytes(1, 1000, "flat") == 1000 + 4 + 64


def test_shards_by_hand():
    assert capacity.shard_count(1, 1) == 1
    assert capacity.shard_count(50e9, 200_000_000) == 1
    assert capacity.shard_count(50e9 + 1, 1) == 2
    assert capacity.shard_count(1, 200_000_001) == 2
    assert capacity.shard_count(1e12, 900_000_000) == 20


def test_capacity_refuses():
    refused(ValueError, "must be", capacity.rank_vectors_bytes, 0, 128)
    refused(ValueError, "must be", capacity.rank_vectors_bytes, 1, 12, "bit")
    refused(ValueError, "must be", capacity.rank_vectors_bytes, 1, 8, "int8")
    refused(ValueError, "must be", capacity.knn_memory_bytes, 0, 128)
    refused(ValueError, "must be", capacity.knn_memory_bytes, 1, 128, "int4")
    refused(ValueError, "must be", capacity.knn_disk_bytes, 1, 0)
    for sizes in ((0, 1), (float("nan"), 1), (1e9, 0)):
        refused(ValueError, "must be", capacity.shard_count, *sizes)


# compose.yaml


def test_compose_pins_the_release_of_the_client_and_stays_on_this_machine():
    composed = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    service = composed["services"]["elasticsearch"]
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8").split("\nelasticsearch==")[1].split("\n")[0]
    assert service["image"] == f"docker.elastic.co/elasticsearch/elasticsearch:{pinned}"
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["environment"]["xpack.license.self_generated.type"] == "trial"
