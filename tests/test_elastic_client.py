"""What goes to Elasticsearch: values, mappings, request bodies; and the file that starts one."""

import json

import numpy as np
import pytest
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
    assert (
        max(len(repr(abs(value)).lstrip("0.").split("e")[0].replace(".", "")) for row in values for value in row) <= 9
    )
    assert len(json.dumps(values)) < 0.7 * len(json.dumps(vectors.tolist()))


def test_values_by_hand():
    assert elastic.float_values([[0.5, -1], [0, 2]]) == [[0.5, -1.0], [0.0, 2.0]]
    assert elastic.float_value(np.float32([0.1, 3e-30])) == [
        0.100000001,
        pytest.approx(3e-30),
    ]  # nine digits of what float32 holds
    assert elastic.byte_values(np.int8([[1, -128, 127]])) == [[1, -128, 127]]
    assert elastic.bit_values(binarize([[1, -1, 1, -1, -1, -1, -1, 1]])) == ["a1"]


@pytest.mark.parametrize(
    ("function", "value", "words"),
    [
        (elastic.float_values, [1.0, 2.0], "matrix"),
        (elastic.float_values, [], "empty"),
        (elastic.float_values, [[np.nan]], "NaN"),
        (elastic.float_values, [[1.0], [1.0, 2.0]], "differ in length"),
        (elastic.float_value, [[1.0]], "single vector"),
        (elastic.float_value, 3.0, "single vector"),
        (elastic.float_value, [], "empty"),
        (elastic.byte_values, [[0.5]], "whole numbers from -128 to 127"),
        (elastic.byte_values, [[128]], "got 128"),
        (elastic.byte_values, [[-129, 0]], "got -129"),
    ],
)
def test_values_refuse(function, value, words):
    refused(ValueError, words, function, value)


def test_values_refuse_other_types():
    refused(TypeError, "real numbers", elastic.float_values, [["a"]])
    refused(TypeError, "packed bits", elastic.bit_values, [[0.5]])


# Mappings


def test_mappings_by_hand():
    fields = {
        "words": mappings.text(),
        "report": mappings.keyword(),
        "vectors": mappings.rank_vectors(128),
        "bits": mappings.rank_vectors(128, "bit"),
        "average": mappings.dense_vector(128),
        "pooled": mappings.nested_vectors(128, "cosine", "flat"),
    }
    hnsw = {"type": "hnsw", "m": 16, "ef_construction": 100}
    assert mappings.strict(fields) == {
        "dynamic": "strict",
        "properties": {
            "words": {"type": "text"},
            "report": {"type": "keyword"},
            "vectors": {"type": "rank_vectors", "element_type": "float", "dims": 128},
            "bits": {"type": "rank_vectors", "element_type": "bit", "dims": 128},
            "average": {
                "type": "dense_vector",
                "dims": 128,
                "index": True,
                "similarity": "dot_product",
                "index_options": hnsw,
            },
            "pooled": {
                "type": "nested",
                "properties": {
                    "vector": {
                        "type": "dense_vector",
                        "dims": 128,
                        "index": True,
                        "similarity": "cosine",
                        "index_options": {"type": "flat"},
                    }
                },
            },
        },
    }
    assert mappings.rank_vectors() == {"type": "rank_vectors", "element_type": "float"}
    quantised = mappings.dense_vector(64, index="bbq_hnsw", m=32, ef_construction=200)
    assert quantised["index_options"] == {"type": "bbq_hnsw", "m": 32, "ef_construction": 200}
    assert mappings.settings() == {"number_of_shards": 1, "number_of_replicas": 0}
    assert mappings.settings(shards=3, replicas=1) == {"number_of_shards": 3, "number_of_replicas": 1}


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: mappings.rank_vectors(12, "bit"), "multiple of 8"),
        (lambda: mappings.rank_vectors(4097), "at most 4096"),
        (lambda: mappings.rank_vectors(32776, "bit"), "at most 32768"),
        (lambda: mappings.rank_vectors(0), "at least 1"),
        (lambda: mappings.rank_vectors(8, "int8"), "element_type must be one of float, bfloat16, byte, bit"),
        (lambda: mappings.dense_vector(128, "dot"), "similarity must be one of"),
        (lambda: mappings.dense_vector(128, index="ivf"), "index must be one of"),
        (lambda: mappings.dense_vector(63, index="bbq_hnsw"), "at least 64"),
        (lambda: mappings.dense_vector(128, index="flat", m=8), "has none"),
        (lambda: mappings.dense_vector(128, m=0), "m must be"),
        (lambda: mappings.nested_vectors(128, name=" "), "non-empty name"),
        (lambda: mappings.strict({}), "empty"),
        (lambda: mappings.strict({"a": {"dims": 3}}), "with a type"),
        (lambda: mappings.strict({"": mappings.text()}), "non-empty name"),
        (lambda: mappings.settings(0), "shards"),
        (lambda: mappings.settings(1, -1), "replicas"),
    ],
)
def test_mappings_refuse(build, words):
    refused(ValueError, words, build)


@pytest.mark.parametrize(
    "build",
    [
        lambda: mappings.rank_vectors(8.0),
        lambda: mappings.dense_vector("128"),
        lambda: mappings.strict([mappings.text()]),
        lambda: mappings.settings(replicas=0.5),
    ],
)
def test_mappings_refuse_other_types(build):
    with pytest.raises(TypeError):
        build()


# Request bodies

QUERY = np.float32([[1, 0, 0, 0, 0, 0, 0, 0.5], [0, 1, 0, 0, 0, 0, 0, 0]])
NUMBERS = [[1.0, 0, 0, 0, 0, 0, 0, 0.5], [0, 1.0, 0, 0, 0, 0, 0, 0]]
ONE_REPORT = {"term": {"report": "selmore-2023"}}


def scored(source, vectors, *filters):
    script = {"source": source, "params": {"query_vectors": vectors}}
    return {
        "script_score": {
            "query": {"bool": {"filter": list(filters) if len(filters) > 1 else filters[0]}},
            "script": script,
        }
    }


def test_script_scores_by_hand():
    has = {"exists": {"field": "vectors"}}
    plain = scored("maxSimDotProduct(params.query_vectors, 'vectors')", NUMBERS, has)
    assert bodies.maxsim_query("vectors", QUERY) == plain
    assert bodies.search(plain, 3) == {"size": 3, "_source": False, "query": plain}
    filtered = bodies.maxsim_query("vectors", QUERY, filter=ONE_REPORT, offset=2)
    wanted = scored("maxSimDotProduct(params.query_vectors, 'vectors') + params.offset", NUMBERS, has, ONE_REPORT)
    wanted["script_score"]["script"]["params"]["offset"] = 2
    assert filtered == wanted
    bits = bodies.inv_hamming_query("bits", binarize(QUERY))
    source = "maxSimInvHamming(params.query_vectors, 'bits')"
    assert bits == scored(source, ["81", "40"], {"exists": {"field": "bits"}})


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


def test_two_stages_by_hand():
    first = {"knn": bodies.knn_section("average", [0.6, 0.8], k=50)}
    second = bodies.maxsim_query("vectors", QUERY)
    again = {
        "window_size": 50,
        "query": {"rescore_query": second, "query_weight": 0.0, "rescore_query_weight": 1.0},
    }
    assert bodies.rescorer(first, second, window_size=50) == {
        "size": 10,
        "_source": False,
        "retriever": {"rescorer": {"retriever": first, "rescore": again}},
    }
    assert bodies.rescore(first, second, window_size=50) == {"size": 10, "_source": False, **first, "rescore": again}
    default = bodies.rescorer(first, second, window_size=50, query_weight=1)
    assert default["retriever"]["rescorer"]["rescore"]["query"]["query_weight"] == 1


def test_hybrid_by_hand():
    words = {"standard": {"query": bodies.match_query("text", "tram fares")}}
    first = {"knn": bodies.knn_section("average", [0.6, 0.8], k=50)}
    assert words["standard"]["query"] == {"match": {"text": {"query": "tram fares"}}}
    fusion = {"retrievers": [words, first], "rank_constant": 60, "rank_window_size": 50}
    assert bodies.hybrid([words, first], rank_window_size=50) == {
        "size": 10,
        "_source": False,
        "retriever": {"rrf": fusion},
    }


def test_bodies_are_json_and_leave_their_parts_alone():
    first, second = {"knn": bodies.knn_section("a", [1.0])}, bodies.inv_hamming_query("b", binarize(QUERY))
    before = json.dumps([first, second])
    whole = bodies.rescore(first, second)
    whole["size"] = 0
    assert json.dumps([first, second]) == before
    assert json.loads(json.dumps(whole)) == whole


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: bodies.maxsim_query("", QUERY), "name of a field"),
        (lambda: bodies.maxsim_query("a'); evil('", QUERY), "name of a field"),
        (lambda: bodies.maxsim_query("a", QUERY[0]), "matrix"),
        (lambda: bodies.maxsim_query("a", QUERY, offset=-1), "offset"),
        (lambda: bodies.maxsim_query("a", QUERY, offset=float("nan")), "offset"),
        (lambda: bodies.match_query("a", " "), "words"),
        (lambda: bodies.search(ONE_REPORT, 0), "size"),
        (lambda: bodies.knn_section("a", QUERY), "single vector"),
        (lambda: bodies.knn_section("a", [1.0], k=0), "k must be"),
        (lambda: bodies.knn_section("a", [1.0], k=10, num_candidates=9), "k <= num_candidates"),
        (lambda: bodies.knn_section("a", [1.0], num_candidates=10_001), "num_candidates <= 10000"),
        (lambda: bodies.knn_section("a", [1.0], k=10_001), "num_candidates <= 10000"),
        (lambda: bodies.knn_section("a", [1.0], oversample=0.5), "oversample"),
        (lambda: bodies.rescorer(ONE_REPORT, ONE_REPORT, window_size=9), "window_size is 9"),
        (lambda: bodies.rescorer(ONE_REPORT, ONE_REPORT, query_weight=-1), "query_weight"),
        (lambda: bodies.rescore({"retriever": {}}, ONE_REPORT), "query or knn"),
        (lambda: bodies.hybrid([ONE_REPORT]), "at least two"),
        (lambda: bodies.hybrid(ONE_REPORT), "at least two"),
        (lambda: bodies.hybrid([ONE_REPORT] * 2, rank_constant=0), "rank_constant"),
        (lambda: bodies.hybrid([ONE_REPORT] * 2, size=101), "rank_window_size is 100"),
    ],
)
def test_bodies_refuse(build, words):
    refused(ValueError, words, build)


@pytest.mark.parametrize(
    "build",
    [
        lambda: bodies.search("match_all"),
        lambda: bodies.search({}),
        lambda: bodies.inv_hamming_query("a", QUERY),
        lambda: bodies.knn([]),
        lambda: bodies.knn("average"),
        lambda: bodies.knn_section("a", [1.0], filter=[ONE_REPORT]),
        lambda: bodies.rescorer(None, ONE_REPORT),
        lambda: bodies.hybrid(["knn", "standard"]),
    ],
)
def test_bodies_refuse_other_types(build):
    with pytest.raises(TypeError):
        build()


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


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("PATCH", "x"), ValueError),
        (("GET", "/"), ValueError),
        (("GET", "x", {"a": float("nan")}), ValueError),
        (("GET", "x", {"a": "\0" + "7"}), ValueError),
        (("GET", "x", {"a": [1]}, 0), ValueError),
        (("GET", "x", [1]), TypeError),
        (("GET", "x", {"a": np.ones(2)}), TypeError),
    ],
)
def test_console_refuses(arguments, error):
    with pytest.raises(error):
        console(*arguments)


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


@pytest.mark.parametrize(
    "build",
    [
        lambda: capacity.rank_vectors_bytes(0, 128),
        lambda: capacity.rank_vectors_bytes(1, 12, "bit"),
        lambda: capacity.rank_vectors_bytes(1, 8, "int8"),
        lambda: capacity.knn_memory_bytes(0, 128),
        lambda: capacity.knn_memory_bytes(1, 128, "int4"),
        lambda: capacity.knn_memory_bytes(1, 128, m=0),
        lambda: capacity.knn_disk_bytes(1, 0),
        lambda: capacity.shard_count(0, 1),
        lambda: capacity.shard_count(float("nan"), 1),
        lambda: capacity.shard_count(1e9, 0),
    ],
)
def test_capacity_refuses(build):
    refused(ValueError, "must be", build)


# compose.yaml


def test_compose_pins_the_release_of_the_client_and_stays_on_this_machine():
    composed = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    service = composed["services"]["elasticsearch"]
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8").split("\nelasticsearch==")[1].split("\n")[0]
    assert service["image"] == f"docker.elastic.co/elasticsearch/elasticsearch:{pinned}"
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["environment"]["xpack.license.self_generated.type"] == "trial"
