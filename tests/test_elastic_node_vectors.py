"""Vector fields of the local node: what may be stored, and what the score functions make of it."""

import numpy as np
import pytest
from elasticsearch import BadRequestError
from hypothesis import given, settings
from hypothesis import strategies as st

from elastic_local import filled, found, ranked, scripted
from helpers import maxsim_by_loops, refused
from lateint_ref import MultiVectors, binarize, maxsim_asymmetric, maxsim_inv_hamming, maxsim_scores, to_hex

# The two documents of the server's own tests of its MaxSim functions (its repository, rank_vectors_max_sim.yml).
WHOLE = [[8, 5, -15, 1, -7], [-1, 115, -3, 4, -128]]
FLOATS = [[230.0, 300.33, -34.8988, 15.555, -200.0], [-0.5, 100.0, -13, 14.8, -156.0]]
ONE = [[0.5, 111.3, -13.0, 14.8, -156.0]]
DOCUMENTS = {
    "1": {"vector": FLOATS, "byte_vector": WHOLE, "bit_vector": WHOLE},
    "3": {"vector": ONE, "byte_vector": ["0212fb0084"], "bit_vector": ["0212fb0084"]},
}
FIELDS = {
    "vector": {"type": "rank_vectors", "dims": 5},
    "byte_vector": {"type": "rank_vectors", "dims": 5, "element_type": "byte"},
    "bit_vector": {"type": "rank_vectors", "dims": 40, "element_type": "bit"},
    "title": {"type": "text"},
}


def scored(es, source, query=None, **params):
    return found(es, scripted(source, query, **params))


@pytest.fixture
def es():
    return filled(FIELDS, DOCUMENTS)


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
        # Ones as wide as the bits are a mask, whole numbers or not.
        ("maxSimDotProduct(params.q, 'bit_vector')", [[1] * 40], 22, 12),
        ("maxSimDotProduct(params.q, 'bit_vector')", [[0.5] * 40], 11, 6),
    ],
)
def test_the_servers_own_examples(es, source, query, first, third):
    assert scored(es, source, q=query) == pytest.approx({"1": first, "3": third}, rel=1e-5)


def test_the_documentations_examples():
    vectors = [[0.5, 10, 6], [-0.5, 10, 10]]
    es = filled({"v": {"type": "rank_vectors"}}, [{"v": vectors}])
    assert es.indices.get_mapping(index="i")["i"]["mappings"]["properties"]["v"] == {"type": "rank_vectors", "dims": 3}
    call = "maxSimDotProduct(params.q, 'v')"
    assert scored(es, call, q=vectors) == {"0": pytest.approx(159.75 + 200.25)}
    es = filled(
        {"v": {"type": "rank_vectors", "element_type": "bit"}},
        [{"v": [[127, -127, 0, 1, 42]]}, {"v": ["8100012a7f"]}],
    )
    assert es.indices.get_mapping(index="i")["i"]["mappings"]["properties"]["v"]["dims"] == 40
    query = [round(0.37 * number % 1, 2) for number in range(40)]
    stored = {"0": [127, 256 - 127, 0, 1, 42], "1": [0x81, 0x00, 0x01, 0x2A, 0x7F]}
    bits = {name: "".join(f"{byte:08b}" for byte in row) for name, row in stored.items()}
    wanted = {name: sum(v for v, bit in zip(query, row, strict=True) if bit == "1") for name, row in bits.items()}
    assert scored(es, call, q=[query]) == pytest.approx(wanted, rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 6))
def test_every_function_is_the_reference_function(seed, n_docs, n_query):
    rng = np.random.default_rng(seed)
    pages = [rng.standard_normal((rng.integers(1, 7), 24)).astype(np.float32) for _ in range(n_docs)]
    query = rng.standard_normal((n_query, 24)).astype(np.float32)
    kinds = {"f": "float", "b": "byte", "x": "bit"}
    whole = [np.clip(np.rint(40 * page), -128, 127).astype(int) for page in pages]
    es = filled(
        {name: {"type": "rank_vectors", "element_type": kind} for name, kind in kinds.items()},
        [{"f": p.tolist(), "b": w.tolist(), "x": to_hex(binarize(p))} for p, w in zip(pages, whole, strict=True)],
    )

    def scores(call, add, q):  # a score below zero is an error
        values = scored(es, f"{call} + params.add", q=q, add=add)
        return [values[str(number)] - add for number in range(n_docs)]

    expected = maxsim_scores(query, MultiVectors.from_list(pages)).tolist()
    dot = "maxSimDotProduct(params.q, '{}')"
    assert scores(dot.format("f"), 1000.0, query.tolist()) == pytest.approx(expected, abs=2e-4)
    asked = np.rint(10 * query).astype(int)
    expected = [maxsim_by_loops(asked, page) for page in whole]
    assert scores(dot.format("b"), 1e5, asked.tolist()) == pytest.approx(expected, abs=0.1)
    expected = [maxsim_inv_hamming(binarize(query), binarize(page)) for page in pages]
    hamming = scores("maxSimInvHamming(params.q, 'x')", 0, to_hex(binarize(query)))
    assert hamming == pytest.approx(expected, rel=1e-6)
    expected = [maxsim_asymmetric(query, binarize(page)) for page in pages]
    assert scores(dot.format("x"), 1000.0, query.tolist()) == pytest.approx(expected, abs=2e-4)


def test_few_of_many_documents_score_as_all_do(es):
    call = "maxSimDotProduct(params.q, 'vector')"
    everything = scored(es, call, q=[[1, 2, 1, 1, 1]])
    for number in range(8):
        es.index(index="i", id=f"more{number}", document={"vector": [[number, 1, 1, 1, 1]]}, refresh=True)
    assert scored(es, call, {"ids": {"values": ["1"]}}, q=[[1, 2, 1, 1, 1]]) == {"1": everything["1"]}


def test_a_document_without_the_field_needs_a_guard_or_a_filter(es):
    es.index(index="i", id="9", document={"title": "no vectors"}, refresh=True)
    es.index(index="i", id="10", document={"vector": None}, refresh=True)
    call, query = "maxSimDotProduct(params.q, 'vector')", [[1, 2, 1, 1, 1]]
    guarded = scored(es, f"doc['vector'].size() == 0 ? 0 : {call}", q=query)
    assert guarded == pytest.approx({"1": 611.31616, "3": 68.90001, "9": 0, "10": 0})
    assert scored(es, "doc['vector'].size()") == {"1": 2, "3": 1, "9": 0, "10": 0}  # the number of vectors
    assert set(scored(es, call, {"exists": {"field": "vector"}}, q=query)) == {"1", "3"}


def test_vectors_stay_out_of_the_source_unless_asked_for(es):
    full = es.get(index="i", id="3", source_exclude_vectors=False)["_source"]
    assert full["vector"] == ONE  # the shortest decimals of the float32 values
    assert full["bit_vector"] == [[0x02, 0x12, 0xFB - 256, 0x00, 0x84 - 256]]
    hits = es.search(index="i", query={"ids": {"values": ["3"]}}, fields=["byte_vector"])["hits"]["hits"]
    assert hits[0]["fields"] == {"byte_vector": [[2, 18, -5, 0, -124]]}
    for source in (
        ["vector"],
        {"includes": ["vector"]},
        {"exclude_vectors": False, "includes": ["vector"]},
        {"includes": ["vector"], "exclude_vectors": True},
    ):
        assert es.search(index="i", source=source)["hits"]["hits"][1]["_source"] == {"vector": ONE}
    for options in ({"source_includes": ["vector"]}, {"source": ["vector"]}):
        assert es.get(index="i", id="3", **options)["_source"] == {"vector": ONE}
    for options in ({}, {"source_excludes": ["vector"]}):
        assert es.get(index="i", id="3", **options)["_source"] == {}


def test_an_index_can_keep_vectors_in_its_source():
    kept = {"index.mapping.exclude_source_vectors": False}
    es = filled({"v": {"type": "rank_vectors"}}, [{"v": [[1, 2]]}], settings=kept)
    assert es.get(index="i", id="0")["_source"] == {"v": [[1, 2]]}


def test_bfloat16_is_rounded():
    field = {"type": "rank_vectors", "element_type": "bfloat16"}
    es = filled({"v": field}, [{"v": [[1.0, 0.1, -2.7182817, 3.140625]]}])
    kept = es.get(index="i", id="0", source_exclude_vectors=False)["_source"]["v"][0]
    assert (kept[0], kept[3]) == (1.0, 3.140625)  # fit in 8 bits of mantissa
    assert kept[1] == pytest.approx(0.1, rel=2**-8)
    assert all(np.float32(value).view(np.uint32) % 2**16 == 0 for value in kept)


@pytest.mark.parametrize(
    ("source", "field", "query", "expected"),
    [
        ("cosineSimilarity(params.q, 'f') + 1.0", "f", [4, 3.4, -0.2], lambda c, dot, far: 1 + c),
        ("dotProduct(params.q, 'f')", "f", [4, 3.4, -0.2], lambda c, dot, far: dot),
        ("dotProduct(params.q, 'b')", "b", [4, 3, 0], lambda c, dot, far: dot),
        ("1 / (1 + l2norm(params.q, 'f'))", "f", [4, 3.4, -0.2], lambda c, dot, far: 1 / (1 + far)),
    ],
)
def test_the_documentations_vector_functions(source, field, query, expected):
    fields = {name: {"type": "dense_vector", "index": False, "dims": 3} for name in "fb"}
    fields["b"]["element_type"] = "byte"
    es = filled(fields, [{"f": [0.5, 10, 6], "b": [0, 10, 6]}, {"f": [-0.5, 10, 10], "b": [0, 10, 10]}])
    values = scored(es, f"doc['{field}'].size() == 0 ? 0 : {source}", q=query)
    q = np.array(query)
    for name, rows in {"0": {"f": [0.5, 10, 6], "b": [0, 10, 6]}, "1": {"f": [-0.5, 10, 10], "b": [0, 10, 10]}}.items():
        d = np.array(rows[field])
        cosine = q @ d / np.linalg.norm(q) / np.linalg.norm(d)
        assert values[name] == pytest.approx(expected(cosine, q @ d, np.linalg.norm(q - d)), rel=1e-5)


def test_knn_over_bits():
    field = {"type": "dense_vector", "element_type": "bit", "dims": 16}
    es = filled({"v": field}, [{"v": "ff01"}, {"v": [0, -128]}])
    hits = ranked(es, knn={"field": "v", "query_vector": "ff00", "k": 2, "num_candidates": 2})
    assert hits == [("0", pytest.approx(15 / 16)), ("1", pytest.approx(7 / 16))]
    call = "dotProduct(params.q, 'v')"
    refused(BadRequestError, "dotProduct.*on a bit field is not implemented", scored, es, call, q=[0.5] * 16)
