"""Vector fields of the local node: what may be stored, and what the score functions make of it."""

import numpy as np
import pytest
from elasticsearch import BadRequestError, Elasticsearch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import maxsim_by_loops, unit_vectors
from lateint_ref import MultiVectors, binarize, maxsim_asymmetric, maxsim_inv_hamming, maxsim_scores, to_hex
from workbook.elasticsearch.node import local_node


def client():
    return Elasticsearch("http://local:9200", node_class=local_node())


def scored(es, source, index="test-index", query=None, **params):
    body = {"script_score": {"query": query or {"match_all": {}}, "script": {"source": source, "params": params}}}
    hits = es.search(index=index, query=body, size=100)["hits"]["hits"]
    return {hit["_id"]: hit["_score"] for hit in hits}


def reason(caught):
    """The innermost cause of an error, where the server's words are."""
    error = caught.value.body["error"]
    if "failed_shards" in error:
        error = error["failed_shards"][0]["reason"]
    while "caused_by" in error:
        error = error["caused_by"]
    return error["reason"]


@pytest.fixture
def es():
    """The two documents of the server's own tests of its MaxSim functions."""
    found = client()
    fields = {
        "vector": {"type": "rank_vectors", "dims": 5},
        "byte_vector": {"type": "rank_vectors", "dims": 5, "element_type": "byte"},
        "bit_vector": {"type": "rank_vectors", "dims": 40, "element_type": "bit"},
        "title": {"type": "text"},
    }
    found.indices.create(index="test-index", mappings={"properties": fields})
    whole = [[8, 5, -15, 1, -7], [-1, 115, -3, 4, -128]]
    floats = [[230.0, 300.33, -34.8988, 15.555, -200.0], [-0.5, 100.0, -13, 14.8, -156.0]]
    found.index(
        index="test-index", id="1", document={"vector": floats, "byte_vector": whole, "bit_vector": whole}, refresh=True
    )
    found.index(
        index="test-index",
        id="3",
        document={
            "vector": [[0.5, 111.3, -13.0, 14.8, -156.0]],
            "byte_vector": ["0212fb0084"],
            "bit_vector": ["0212fb0084"],
        },
        refresh=True,
    )
    return found


# Values from the server's own tests of these functions (its repository, rank_vectors_max_sim.yml).
@pytest.mark.parametrize(
    ("source", "query", "first", "third"),
    [
        ("maxSimDotProduct(params.q, 'vector')", [[1, 2, 1, 1, 1]], 611.316, 68.90001),
        ("maxSimDotProduct(params.q, 'byte_vector')", [[1, 2, 1, 1, 0]], 230, 33),
        ("maxSimDotProduct(params.q, 'bit_vector')", [[1, 2, 1, 1, 0]], 3, 2),
        ("maxSimDotProduct(params.q, 'bit_vector')", [[*range(1, 21), *range(1, 21)]], 220, 147),
        ("maxSimInvHamming(params.q, 'byte_vector')", [[1, 2, 1, 1, 1]], 0.65, 0.675),
        ("maxSimInvHamming(params.q, 'byte_vector')", ["0102010101"], 0.65, 0.675),
        ("maxSimInvHamming(params.q, 'bit_vector')", [[1, 2, 1, 1, 1]], 0.65, 0.675),
        ("maxSimInvHamming(params.q, 'bit_vector')", ["0102010101"], 0.65, 0.675),
    ],
)
def test_the_servers_own_examples(es, source, query, first, third):
    found = scored(es, source, q=query)
    assert found == pytest.approx({"1": first, "3": third}, rel=1e-5)


def test_inverse_hamming_is_for_bits(es):
    with pytest.raises(BadRequestError) as caught:
        scored(es, "maxSimInvHamming(params.q, 'vector')", q=[[1, 2, 1, 1, 1]])
    assert reason(caught) == "hamming distance is only supported for byte or bit vectors"
    assert caught.value.body["error"]["type"] == "search_phase_execution_exception"
    assert caught.value.body["error"]["root_cause"][0]["type"] == "script_exception"


def test_the_documentations_float_example():
    es = client()
    es.indices.create(index="my-rank-vectors-float", mappings={"properties": {"my_vector": {"type": "rank_vectors"}}})
    vectors = [[0.5, 10, 6], [-0.5, 10, 10]]
    es.index(index="my-rank-vectors-float", id="1", document={"my_vector": vectors}, refresh=True)
    mapping = es.indices.get_mapping(index="my-rank-vectors-float")["my-rank-vectors-float"]["mappings"]
    assert mapping["properties"]["my_vector"] == {"type": "rank_vectors", "dims": 3}
    found = scored(es, "maxSimDotProduct(params.q, 'my_vector')", "my-rank-vectors-float", q=vectors)
    assert found == {"1": pytest.approx(159.75 + 200.25)}


def test_the_documentations_bit_example_with_a_float_query():
    es = client()
    fields = {"my_vector": {"type": "rank_vectors", "element_type": "bit"}}
    es.indices.create(index="bits", mappings={"properties": fields})
    es.index(index="bits", id="1", document={"my_vector": [[127, -127, 0, 1, 42]]})
    es.index(index="bits", id="2", document={"my_vector": ["8100012a7f"]}, refresh=True)
    assert es.indices.get_mapping(index="bits")["bits"]["mappings"]["properties"]["my_vector"]["dims"] == 40
    query = [round(0.37 * number % 1, 2) for number in range(40)]
    found = scored(es, "maxSimDotProduct(params.q, 'my_vector')", "bits", q=[query])
    for name, stored in (("1", [127, 256 - 127, 0, 1, 42]), ("2", [0x81, 0x00, 0x01, 0x2A, 0x7F])):
        bits = "".join(f"{byte:08b}" for byte in stored)
        expected = sum(value for value, bit in zip(query, bits, strict=True) if bit == "1")
        assert found[name] == pytest.approx(expected, rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 6))
def test_every_function_is_the_reference_function(seed, n_docs, n_query):
    rng = np.random.default_rng(seed)
    dim = 24
    pages = [rng.standard_normal((rng.integers(1, 7), dim)).astype(np.float32) for _ in range(n_docs)]
    query = rng.standard_normal((n_query, dim)).astype(np.float32)
    es = client()
    kinds = {"f": "float", "b": "byte", "x": "bit"}
    fields = {name: {"type": "rank_vectors", "element_type": kind} for name, kind in kinds.items()}
    es.indices.create(index="i", mappings={"properties": fields})
    whole = [np.clip(np.rint(40 * page), -128, 127).astype(int) for page in pages]
    for number, page in enumerate(pages):
        document = {"f": page.tolist(), "b": whole[number].tolist(), "x": to_hex(binarize(page))}
        es.index(index="i", id=str(number), document=document)
    es.indices.refresh(index="i")
    add = 1000.0  # a score below zero is an error
    found = scored(es, "maxSimDotProduct(params.q, 'f') + params.add", "i", q=query.tolist(), add=add)
    expected = maxsim_scores(query, MultiVectors.from_list(pages))
    assert [found[str(number)] - add for number in range(n_docs)] == pytest.approx(expected.tolist(), abs=2e-4)
    whole_query = np.rint(10 * query).astype(int)
    found = scored(es, "maxSimDotProduct(params.q, 'b') + params.add", "i", q=whole_query.tolist(), add=1e5)
    expected = [1e5 + maxsim_by_loops(whole_query, page) for page in whole]
    assert [found[str(number)] for number in range(n_docs)] == pytest.approx(expected, rel=1e-6)
    found = scored(es, "maxSimInvHamming(params.q, 'x')", "i", q=to_hex(binarize(query)))
    expected = [maxsim_inv_hamming(binarize(query), binarize(page)) for page in pages]
    assert [found[str(number)] for number in range(n_docs)] == pytest.approx(expected, rel=1e-6)
    found = scored(es, "maxSimDotProduct(params.q, 'x') + params.add", "i", q=query.tolist(), add=add)
    expected = [maxsim_asymmetric(query, binarize(page)) for page in pages]
    assert [found[str(number)] - add for number in range(n_docs)] == pytest.approx(expected, abs=2e-4)


def test_bit_fields_mask_and_signs_rank_the_same(es):
    query = np.random.default_rng(1).standard_normal((3, 40)).astype(np.float32)
    found = scored(es, "maxSimDotProduct(params.q, 'bit_vector') + 100", q=query.tolist())
    stored = {"1": [[8, 5, -15, 1, -7], [-1, 115, -3, 4, -128]], "3": [[0x02, 0x12, 0xFB - 256, 0x00, 0x84 - 256]]}
    for name, rows in stored.items():
        bits = np.unpackbits(np.array(rows, np.int8).view(np.uint8), axis=1)
        signs = maxsim_by_loops(query, 2.0 * bits - 1)
        assert 2 * (found[name] - 100) - query.sum() == pytest.approx(signs, abs=1e-3)


def test_whole_numbers_within_a_signed_byte_are_masked_too(es):
    assert scored(es, "maxSimDotProduct(params.q, 'bit_vector')", q=[[1] * 40]) == {"1": 22, "3": 12}
    assert scored(es, "maxSimDotProduct(params.q, 'bit_vector')", q=[[0.5] * 40]) == {"1": 11, "3": 6}


def test_few_of_many_documents_score_as_all_do(es):
    everything = scored(es, "maxSimDotProduct(params.q, 'vector')", q=[[1, 2, 1, 1, 1]])
    for number in range(8):
        es.index(index="test-index", id=f"more{number}", document={"vector": [[number, 1, 1, 1, 1]]}, refresh=True)
    few = scored(es, "maxSimDotProduct(params.q, 'vector')", query={"ids": {"values": ["1"]}}, q=[[1, 2, 1, 1, 1]])
    assert few == {"1": everything["1"]}


def test_a_document_without_the_field_needs_a_guard_or_a_filter(es):
    es.index(index="test-index", id="9", document={"title": "no vectors"}, refresh=True)
    es.index(index="test-index", id="10", document={"vector": None}, refresh=True)
    call = "maxSimDotProduct(params.q, 'vector')"
    with pytest.raises(BadRequestError) as caught:
        scored(es, call, q=[[1, 2, 1, 1, 1]])
    assert reason(caught) == "A document doesn't have a value for a multi-vector field!"
    guarded = scored(es, f"doc['vector'].size() == 0 ? 0 : {call}", q=[[1, 2, 1, 1, 1]])
    assert guarded == pytest.approx({"1": 611.31616, "3": 68.90001, "9": 0, "10": 0})
    sizes = scored(es, "doc['vector'].size()", q=None)
    assert sizes == {"1": 2, "3": 1, "9": 0, "10": 0}  # the number of vectors
    assert set(scored(es, call, query={"exists": {"field": "vector"}}, q=[[1, 2, 1, 1, 1]])) == {"1", "3"}


@pytest.mark.parametrize("field", ["vector", "byte_vector", "bit_vector"])
def test_an_empty_array_is_stored_and_breaks_scoring(es, field):
    es.index(index="test-index", id="9", document={field: []}, refresh=True)
    assert es.get(index="test-index", id="9", source_includes=[field])["_source"] == {field: []}
    exists = {"exists": {"field": field}}
    assert es.count(index="test-index", query=exists)["count"] == 3
    call = f"maxSimDotProduct(params.q, '{field}')"
    with pytest.raises(BadRequestError) as caught:
        scored(es, call, query=exists, q=[[1, 2, 1, 1, 0]])
    assert "returned an invalid score [-Infinity]" in reason(caught)
    guarded = scored(es, f"doc['{field}'].size() == 0 ? 0 : {call}", query=exists, q=[[1, 2, 1, 1, 0]])
    assert guarded["9"] == 0
    assert guarded["1"] > 0


def test_an_empty_array_tells_no_dims():
    es = client()
    es.indices.create(index="i", mappings={"properties": {"v": {"type": "rank_vectors"}}})
    with pytest.raises(BadRequestError) as caught:
        es.index(index="i", id="1", document={"v": []})
    assert reason(caught) == "The number of dimensions should be in the range [1, 4096] but was [-1]"
    assert es.indices.get_mapping(index="i")["i"]["mappings"]["properties"]["v"] == {"type": "rank_vectors"}


def test_a_score_below_zero_is_an_error(es):
    with pytest.raises(BadRequestError) as caught:
        scored(es, "maxSimDotProduct(params.q, 'vector')", q=[[-1, -2, -1, -1, -1]])
    assert "script_score script returned an invalid score [-" in reason(caught)
    assert reason(caught).endswith("Must be a non-negative score!")


@pytest.mark.parametrize(
    ("query", "field", "message"),
    [
        ([[1, 2]], "vector", "different number of dimensions [2] than the document vectors [5]"),
        ([[1, 2, 3, 4, 5], [1]], "vector", "inconsistent number of dimensions"),
        ([], "vector", "The query vector is empty."),
        ([1, 2, 3, 4, 5], "vector", "Unsupported input object"),
        ("0102010101", "vector", "Unsupported input object"),
        ([["a", 2, 3, 4, 5]], "vector", "VALUE_NUMBER"),
        (None, "vector", "is null"),
        (
            [[0.5, 2, 3, 4, 5]],
            "byte_vector",
            "only support non-decimal values but found decimal value [0.5] at dim [0]",
        ),
        ([[128, 2, 3, 4, 5]], "byte_vector", "between [-128, 127] but found [128] at dim [0]"),
        ([[0.5] * 5], "bit_vector", "Must be [40] for float wise operations: provided [5]"),
        (["0102010101"], "bit_vector", "Write the bytes of a query as numbers"),
        ([[1] * 7], "bit_vector", "Must be [5] for bitwise operations, or [40] for byte wise operations"),
        ([[1] * 5], "nowhere", "No field found for [nowhere] in mapping"),
    ],
)
def test_wrong_queries(es, query, field, message):
    with pytest.raises(BadRequestError) as caught:
        scored(es, f"maxSimDotProduct(params.q, '{field}')", q=query)
    assert message in reason(caught)


def test_vectors_stay_out_of_the_source_unless_asked_for(es):
    assert es.get(index="test-index", id="3")["_source"] == {}
    full = es.get(index="test-index", id="3", source_exclude_vectors=False)["_source"]
    assert full["vector"] == [[0.5, 111.3, -13.0, 14.8, -156.0]]  # the shortest decimals of the float32 values
    assert full["bit_vector"] == [[0x02, 0x12, 0xFB - 256, 0x00, 0x84 - 256]]
    hit = es.search(index="test-index", query={"ids": {"values": ["3"]}}, fields=["byte_vector"])["hits"]["hits"][0]
    assert hit["fields"] == {"byte_vector": [[2, 18, -5, 0, -124]]}
    shown = es.search(index="test-index", source={"exclude_vectors": False, "includes": ["vector"]})["hits"]["hits"]
    assert shown[1]["_source"] == {"vector": [[0.5, 111.3, -13.0, 14.8, -156.0]]}


def test_naming_a_vector_brings_it_back(es):
    vector = [[0.5, 111.3, -13.0, 14.8, -156.0]]
    for source in (["vector"], {"includes": ["vector"]}, {"includes": ["vector"], "exclude_vectors": True}):
        hits = es.search(index="test-index", source=source)["hits"]["hits"]
        assert hits[1]["_source"] == {"vector": vector}
    assert es.get(index="test-index", id="3", source_includes=["vector"])["_source"] == {"vector": vector}
    assert es.get(index="test-index", id="3", source=["vector"])["_source"] == {"vector": vector}
    assert es.get(index="test-index", id="3", source_excludes=["vector"])["_source"] == {}


def test_an_index_can_keep_vectors_in_its_source():
    es = client()
    fields = {"v": {"type": "rank_vectors"}}
    es.indices.create(
        index="i", settings={"index.mapping.exclude_source_vectors": False}, mappings={"properties": fields}
    )
    es.index(index="i", id="1", document={"v": [[1, 2]]}, refresh=True)
    assert es.search(index="i")["hits"]["hits"][0]["_source"] == {"v": [[1, 2]]}


def test_bfloat16_is_rounded():
    es = client()
    es.indices.create(index="i", mappings={"properties": {"v": {"type": "rank_vectors", "element_type": "bfloat16"}}})
    es.index(index="i", id="1", document={"v": [[1.0, 0.1, -2.7182817, 3.140625]]}, refresh=True)
    kept = es.get(index="i", id="1", source_exclude_vectors=False)["_source"]["v"][0]
    assert kept[0] == 1.0
    assert kept[3] == 3.140625  # fits in 8 bits of mantissa
    assert kept[1] == pytest.approx(0.1, rel=2**-8)
    assert all(np.float32(value).view(np.uint32) % 2**16 == 0 for value in kept)


DENSE = {"1": ([0.5, 10, 6], [0, 10, 6]), "2": ([-0.5, 10, 10], [0, 10, 10])}


@pytest.fixture
def dense():
    """The documentation's example index of the vector functions."""
    es = client()
    fields = {
        "my_dense_vector": {"type": "dense_vector", "index": False, "dims": 3},
        "my_byte_dense_vector": {"type": "dense_vector", "index": False, "dims": 3, "element_type": "byte"},
        "status": {"type": "keyword"},
    }
    es.indices.create(index="my-index-000001", mappings={"properties": fields})
    for name, (floats, whole) in DENSE.items():
        document = {"my_dense_vector": floats, "my_byte_dense_vector": whole, "status": "published"}
        es.index(index="my-index-000001", id=name, document=document)
    es.indices.refresh(index="my-index-000001")
    return es


@pytest.mark.parametrize(
    ("source", "query", "expected"),
    [
        (
            "cosineSimilarity(params.q, 'my_dense_vector') + 1.0",
            [4, 3.4, -0.2],
            lambda q, d, _: 1 + q @ d / np.linalg.norm(q) / np.linalg.norm(d),
        ),
        ("dotProduct(params.q, 'my_dense_vector')", [4, 3.4, -0.2], lambda q, d, _: q @ d),
        ("dotProduct(params.q, 'my_byte_dense_vector')", [4, 3, 0], lambda q, _, b: q @ b),
        (
            "1 / (1 + l2norm(params.q, 'my_dense_vector'))",
            [4, 3.4, -0.2],
            lambda q, d, _: 1 / (1 + np.linalg.norm(q - d)),
        ),
        (
            "doc['my_dense_vector'].size() == 0 ? 0 : cosineSimilarity(params.q, 'my_dense_vector') + 1",
            [4, 3.4, -0.2],
            lambda q, d, _: 1 + q @ d / np.linalg.norm(q) / np.linalg.norm(d),
        ),
    ],
)
def test_the_documentations_vector_functions(dense, source, query, expected):
    found = scored(dense, source, "my-index-000001", {"bool": {"filter": {"term": {"status": "published"}}}}, q=query)
    for name, (floats, whole) in DENSE.items():
        value = expected(np.array(query), np.array(floats), np.array(whole))
        assert found[name] == pytest.approx(value, rel=1e-5)


def test_knn_over_bits():
    es = client()
    fields = {"v": {"type": "dense_vector", "element_type": "bit", "dims": 16}}
    es.indices.create(index="i", mappings={"properties": fields})
    es.index(index="i", id="1", document={"v": "ff01"})
    es.index(index="i", id="2", document={"v": [0, -128]}, refresh=True)
    hits = es.search(index="i", knn={"field": "v", "query_vector": "ff00", "k": 2, "num_candidates": 2})["hits"]["hits"]
    assert [hit["_id"] for hit in hits] == ["1", "2"]
    assert [hit["_score"] for hit in hits] == pytest.approx([15 / 16, 7 / 16])
    with pytest.raises(BadRequestError, match="dotProduct.*on a bit field is not implemented"):
        scored(es, "dotProduct(params.q, 'v')", "i", q=[0.5] * 16)


def test_random_page_against_the_loops():
    page, query = unit_vectors(40, 32, seed=3), unit_vectors(5, 32, seed=4)
    es = client()
    es.indices.create(index="i", mappings={"properties": {"v": {"type": "rank_vectors"}, "other": {"type": "long"}}})
    es.index(index="i", id="1", document={"other": 1}, refresh=True)
    es.index(index="i", id="1", document={"v": page.tolist()}, refresh=True)
    found = scored(es, "maxSimDotProduct(params['q'], \"v\")", "i", q=query.tolist())
    assert found["1"] == pytest.approx(maxsim_by_loops(query, page), rel=1e-6)
