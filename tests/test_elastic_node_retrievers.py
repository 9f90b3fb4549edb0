"""kNN, rescoring and fusion of the local node, against the documented formulas and naive loops."""

import numpy as np
import pytest
from elasticsearch import BadRequestError, Elasticsearch

from helpers import maxsim_by_loops, unit_vectors
from workbook.elasticsearch.node import local_node


def client():
    return Elasticsearch("http://local:9200", node_class=local_node())


def ranked(answer):
    return [(hit["_id"], hit["_score"]) for hit in answer["hits"]["hits"]]


def close(answer, expected, rel=1e-5):
    found = ranked(answer)
    assert [name for name, _ in found] == [name for name, _ in expected]
    assert [score for _, score in found] == pytest.approx([score for _, score in expected], rel=rel)


def top(scores, k):
    order = sorted(range(len(scores)), key=lambda at: (-scores[at], at))[:k]
    return [(str(at), scores[at]) for at in order]


VECTORS = np.random.default_rng(5).standard_normal((30, 6)).astype(np.float32)
UNIT = unit_vectors(30, 6, seed=6)
QUERY = unit_vectors(1, 6, seed=7)[0]


@pytest.mark.parametrize(
    ("similarity", "vectors", "score"),
    [
        ("cosine", VECTORS, lambda q, d: (1 + q @ d / np.linalg.norm(q) / np.linalg.norm(d)) / 2),
        ("dot_product", UNIT, lambda q, d: (1 + q @ d) / 2),
        ("max_inner_product", VECTORS, lambda q, d: 1 / (1 - q @ d) if q @ d < 0 else q @ d + 1),
        ("l2_norm", VECTORS, lambda q, d: 1 / (1 + ((q - d) ** 2).sum())),
    ],
)
@pytest.mark.parametrize("options", [None, "hnsw", "int8_hnsw", "flat"])
def test_knn_scores(similarity, vectors, score, options):
    es = client()
    field = {"type": "dense_vector", "dims": 6, "similarity": similarity}
    if options:
        field["index_options"] = {"type": options}
    es.indices.create(index="i", mappings={"properties": {"v": field}})
    for number, vector in enumerate(vectors):
        es.index(index="i", id=str(number), document={"v": vector.tolist()})
    es.indices.refresh(index="i")
    expected = top([score(QUERY.astype(float), vector.astype(float)) for vector in vectors], 5)
    section = {"field": "v", "query_vector": QUERY.tolist(), "k": 5, "num_candidates": 20}
    answer = es.search(index="i", knn=section)
    close(answer, expected)
    assert answer["hits"]["total"]["value"] == 5
    close(es.search(index="i", query={"knn": section}), expected)
    close(es.search(index="i", retriever={"knn": section}), expected)
    doubled = [(name, 3 * value) for name, value in expected]
    close(es.search(index="i", knn={**section, "boost": 3}), doubled)


def test_byte_vectors_have_their_own_dot_product_score():
    es = client()
    field = {"type": "dense_vector", "element_type": "byte", "dims": 3, "similarity": "dot_product"}
    es.indices.create(index="i", mappings={"properties": {"v": field}})
    es.index(index="i", id="1", document={"v": [100, -20, 3]}, refresh=True)
    found = es.search(index="i", knn={"field": "v", "query_vector": [5, 6, -7], "k": 1, "num_candidates": 1})
    close(found, [("1", 0.5 + (500 - 120 - 21) / (32768 * 3))])


@pytest.fixture
def shop():
    es = client()
    inner = {"vector": {"type": "dense_vector", "dims": 2, "similarity": "l2_norm"}, "lang": {"type": "keyword"}}
    fields = {
        "v": {"type": "dense_vector", "dims": 2, "similarity": "l2_norm"},
        "tag": {"type": "keyword"},
        "text": {"type": "text"},
        "parts": {"type": "nested", "properties": inner},
    }
    es.indices.create(index="shop", mappings={"properties": fields})
    for number in range(8):
        parts = [{"vector": [number + 0.25 * step, 0], "lang": "en" if step % 2 else "de"} for step in range(3)]
        tag = "odd" if number % 2 else "even"
        document = {"v": [number, 0], "tag": tag, "text": "word " * number + "all", "parts": parts}
        es.index(index="shop", id=str(number), document=document)
    es.index(index="shop", id="none", document={"tag": "odd", "text": "word"}, refresh=True)
    return es


def l2(distance):
    return 1 / (1 + distance**2)


def test_a_filter_comes_before_the_k_are_chosen(shop):
    section = {"field": "v", "query_vector": [2, 0], "k": 2, "num_candidates": 5, "filter": {"term": {"tag": "odd"}}}
    close(shop.search(index="shop", knn=section), [("1", l2(1)), ("3", l2(1))])
    both = {**section, "filter": [{"term": {"tag": "odd"}}, {"ids": {"values": ["5", "7"]}}]}
    close(shop.search(index="shop", knn=both), [("5", l2(3)), ("7", l2(5))])
    # As a query beside others the filter of a bool comes after.
    after = {"bool": {"must": {"knn": {**section, "filter": []}}, "filter": {"term": {"tag": "odd"}}}}
    close(shop.search(index="shop", query=after), [("1", l2(1))])


def test_similarity_is_a_threshold(shop):
    section = {"field": "v", "query_vector": [2, 0], "k": 5, "num_candidates": 5, "similarity": 1.5}
    close(shop.search(index="shop", knn=section), [("2", 1.0), ("1", l2(1)), ("3", l2(1))])


def test_k_defaults_to_size(shop):
    assert len(ranked(shop.search(index="shop", knn={"field": "v", "query_vector": [0, 0]}, size=3))) == 3
    assert len(ranked(shop.search(index="shop", query={"knn": {"field": "v", "query_vector": [0, 0]}}, size=4))) == 4
    few = {"knn": {"field": "v", "query_vector": [0, 0], "num_candidates": 2}}
    assert shop.search(index="shop", query=few)["hits"]["total"]["value"] == 2


def test_an_unknown_field_finds_nothing(shop):
    assert ranked(shop.search(index="shop", knn={"field": "w", "query_vector": [0, 0]})) == []


def test_knn_and_query_scores_are_added(shop):
    section = {"field": "v", "query_vector": [2, 0], "k": 2, "num_candidates": 5}
    answer = shop.search(index="shop", query={"term": {"tag": "even"}}, knn=section, size=10)
    words = dict(ranked(shop.search(index="shop", query={"term": {"tag": "even"}})))
    expected = dict(words)
    expected["2"] += 1.0
    expected["1"] = l2(1)
    assert dict(ranked(answer)) == pytest.approx(expected, rel=1e-6)
    assert ranked(answer)[0][0] == "2"
    two = [section, {**section, "query_vector": [7, 0], "boost": 2}]
    close(shop.search(index="shop", knn=two, size=4), [("7", 2.0), ("2", 1.0), ("6", 2 * l2(1)), ("1", l2(1))])


def test_nested_knn_finds_parents_by_their_nearest_part(shop):
    knn = {"field": "parts.vector", "query_vector": [3.3, 0], "k": 3, "num_candidates": 10}
    expected = [("3", l2(0.05)), ("4", l2(0.7)), ("2", l2(0.8))]
    close(
        shop.search(index="shop", query={"nested": {"path": "parts", "query": {"knn": knn}, "score_mode": "max"}}),
        expected,
    )
    close(shop.search(index="shop", knn=knn), expected)
    close(shop.search(index="shop", retriever={"knn": knn}), expected)
    parents = {**knn, "filter": {"term": {"tag": "even"}}}
    close(shop.search(index="shop", knn=parents), [("4", l2(0.7)), ("2", l2(0.8)), ("6", l2(2.7))])
    parts = {**knn, "filter": {"term": {"parts.lang": "de"}}, "k": 1}
    close(shop.search(index="shop", knn=parts), [("3", l2(0.2))])
    assert ranked(shop.search(index="shop", query={"knn": knn})) == []  # outside [nested] no document has the field


def test_every_part_counts_in_the_documentations_exact_form(shop):
    inner = {
        "script_score": {
            "query": {"exists": {"field": "parts.vector"}},
            "script": {"source": "1 / (1 + l2norm(params.q, 'parts.vector'))", "params": {"q": [0, 0]}},
        }
    }
    found = dict(
        ranked(shop.search(index="shop", query={"nested": {"path": "parts", "query": inner, "score_mode": "avg"}}))
    )
    assert found["1"] == pytest.approx(np.mean([1 / 2, 1 / 2.25, 1 / 2.5]), rel=1e-6)
    assert "none" not in found


def value_of(field, query):
    """A query that scores a document by the one number of a field."""
    script = {"source": f"dotProduct(params.q, '{field}')", "params": {"q": [1]}}
    return {"script_score": {"query": query, "script": script}}


RESCORE = {"rescore_query": value_of("n", {"exists": {"field": "v"}})}


@pytest.fixture
def ten():
    """Ten documents: `first` falls and `n` rises with the number; document 4 has no `v`."""
    es = client()
    number = {"type": "dense_vector", "dims": 1, "index": False}
    fields = {"v": {"type": "rank_vectors"}, "n": number, "first": number}
    es.indices.create(index="ten", mappings={"properties": fields})
    for number in range(10):
        document = {"n": [number], "first": [20 - number], "v": [[1.0]]}
        if number == 4:
            del document["v"]
        es.index(index="ten", id=str(number), document=document)
    es.indices.refresh(index="ten")
    return es


FIRST = value_of("first", {"match_all": {}})


@pytest.mark.parametrize(
    ("mode", "combine"),
    [
        (None, lambda a, b: a + b),
        ("total", lambda a, b: a + b),
        ("multiply", lambda a, b: a * b),
        ("avg", lambda a, b: (a + b) / 2),
        ("max", max),
        ("min", min),
    ],
)
def test_rescore_modes(ten, mode, combine):
    more = {"query_weight": 0.5, "rescore_query_weight": 3} | ({"score_mode": mode} if mode else {})
    expected = {}
    for number in range(10):
        first = 0.5 * (20 - number)
        expected[number] = combine(first, 3.0 * number) if number < 6 and number != 4 else first
    order = sorted(expected, key=lambda number: (-expected[number], number))
    want = [(str(number), expected[number]) for number in order]
    rescore = {"window_size": 6, "query": {**RESCORE, **more}}
    close(ten.search(index="ten", query=FIRST, rescore=rescore), want)
    inside = [item for item in want if int(item[0]) < 6]
    retriever = {"rescorer": {"retriever": {"standard": {"query": FIRST}}, "rescore": rescore}}
    close(ten.search(index="ten", retriever=retriever, size=6), inside)


def test_the_rescorer_adds_the_first_stage_unless_its_weight_is_zero(ten):
    def search(**weights):
        rescore = {"window_size": 10, "query": {**RESCORE, **weights}}
        retriever = {"rescorer": {"retriever": {"standard": {"query": FIRST}}, "rescore": rescore}}
        return ranked(ten.search(index="ten", retriever=retriever))

    assert dict(search()) == {str(number): 20.0 if number != 4 else 16.0 for number in range(10)}
    alone = search(query_weight=0)
    assert [name for name, _ in alone] == ["9", "8", "7", "6", "5", "3", "2", "1", "0", "4"]
    assert dict(alone)["4"] == 0.0


def test_two_rescorers_one_after_the_other(ten):
    second = {"window_size": 2, "query": {"rescore_query": {"ids": {"values": ["9"]}}, "rescore_query_weight": 100}}
    rescore = [{"window_size": 10, "query": {**RESCORE, "query_weight": 0}}, second]
    answer = ten.search(index="ten", query=FIRST, rescore=rescore, size=3)
    close(answer, [("9", 109.0), ("8", 8.0), ("7", 7.0)])


def test_window_must_reach_size(ten):
    rescore = {"window_size": 5, "query": RESCORE}
    retriever = {"rescorer": {"retriever": {"standard": {"query": FIRST}}, "rescore": rescore}}
    with pytest.raises(BadRequestError) as caught:
        ten.search(index="ten", retriever=retriever, size=6)
    error = caught.value.body["error"]
    assert error["type"] == "action_request_validation_exception"
    assert "[rescorer] requires [window_size: 5] be greater than or equal to [size: 6]" in error["reason"]
    assert len(ranked(ten.search(index="ten", retriever=retriever, size=5))) == 5


def test_knn_then_maxsim_is_two_stage_search():
    es = client()
    fields = {"v": {"type": "rank_vectors"}, "average": {"type": "dense_vector", "dims": 8, "similarity": "cosine"}}
    es.indices.create(index="pages", mappings={"properties": fields})
    pages = [unit_vectors(5 + number % 3, 8, seed=number) for number in range(25)]
    for number, page in enumerate(pages):
        document = {"v": page.tolist(), "average": page.mean(axis=0).tolist()}
        es.index(index="pages", id=str(number), document=document)
    es.indices.refresh(index="pages")
    query = unit_vectors(4, 8, seed=99)
    mean = query.mean(axis=0).astype(float)
    averages = [page.mean(axis=0).astype(float) for page in pages]
    first = top([(1 + mean @ a / np.linalg.norm(mean) / np.linalg.norm(a)) / 2 for a in averages], 10)
    exact = {name: maxsim_by_loops(query, pages[int(name)]) + 4 for name, _ in first}
    script = {"source": "maxSimDotProduct(params.q, 'v') + 4", "params": {"q": query.tolist()}}
    second = {"script_score": {"query": {"match_all": {}}, "script": script}}
    knn = {"field": "average", "query_vector": mean.tolist(), "k": 10, "num_candidates": 25}
    for weight in (0.0, 1.0):
        rescore = {"window_size": 10, "query": {"rescore_query": second, "query_weight": weight}}
        expected = {name: value + weight * dict(first)[name] for name, value in exact.items()}
        want = sorted(expected.items(), key=lambda item: -item[1])[:5]
        retriever = {"rescorer": {"retriever": {"knn": knn}, "rescore": rescore}}
        close(es.search(index="pages", retriever=retriever, size=5), want)
        close(es.search(index="pages", knn=knn, rescore=rescore, size=5), want)


@pytest.fixture
def example():
    """The documentation's example of reciprocal rank fusion: five documents, four with the word, four with a vector."""
    es = client()
    fields = {
        "text": {"type": "text"},
        "vector": {
            "type": "dense_vector",
            "dims": 1,
            "index": True,
            "similarity": "l2_norm",
            "index_options": {"type": "hnsw"},
        },
        "integer": {"type": "integer"},
    }
    es.indices.create(index="example-index", mappings={"properties": fields})
    documents = [
        {"text": "rrf", "vector": [5], "integer": 1},
        {"text": "rrf rrf", "vector": [4], "integer": 2},
        {"text": "rrf rrf rrf", "vector": [3], "integer": 1},
        {"text": "rrf rrf rrf rrf", "integer": 2},
        {"vector": [0], "integer": 1},
    ]
    for number, document in enumerate(documents, 1):
        es.index(index="example-index", id=str(number), document=document)
    es.indices.refresh(index="example-index")
    return es


def fused(**more):
    knn = {"field": "vector", "query_vector": [3], "k": 5, "num_candidates": 5}
    return {"retrievers": [{"standard": {"query": {"term": {"text": "rrf"}}}}, {"knn": knn}], **more}


def test_the_documentations_rrf_example(example):
    answer = example.search(
        index="example-index", retriever={"rrf": fused(rank_window_size=5, rank_constant=1)}, size=3
    )
    # As documented: 1/4 + 1/2... by rank in the two lists (4, 3, 2, 1) and (3, 2, 1, 5).
    close(answer, [("3", 1 / 3 + 1 / 2), ("2", 1 / 4 + 1 / 3), ("4", 1 / 2)])
    assert answer["hits"]["max_score"] == pytest.approx(0.8333334)
    assert answer["hits"]["total"]["value"] == 5


def test_rrf_defaults_filters_and_weights(example):
    answer = example.search(index="example-index", retriever={"rrf": fused()})
    close(
        answer, [("3", 1 / 62 + 1 / 61), ("2", 1 / 63 + 1 / 62), ("1", 1 / 64 + 1 / 63), ("4", 1 / 61), ("5", 1 / 64)]
    )
    only = fused(filter={"term": {"integer": 1}})
    close(example.search(index="example-index", retriever={"rrf": only}), [("3", 2 / 61), ("1", 2 / 62), ("5", 1 / 63)])
    first, second = fused()["retrievers"]
    weighted = {"retrievers": [{"retriever": first, "weight": 0}, {"retriever": second, "weight": 2.0}]}
    found = example.search(index="example-index", retriever={"rrf": weighted}, size=2)
    close(found, [("3", 2 / 61), ("2", 2 / 62)])


def test_retrievers_nest(example):
    text = {"standard": {"query": {"match": {"text": "rrf"}}, "min_score": 0.05, "filter": [{"term": {"integer": 1}}]}}
    assert [name for name, _ in ranked(example.search(index="example-index", retriever=text))] == ["3", "1"]
    rescore = {"window_size": 4, "query": {"rescore_query": {"term": {"integer": 2}}, "query_weight": 0}}
    both = {"rescorer": {"retriever": {"rrf": fused(rank_window_size=4)}, "rescore": [rescore]}}
    close(
        example.search(index="example-index", retriever=both, size=4), [("2", 1.0), ("4", 1.0), ("1", 0.0), ("3", 0.0)]
    )
    outer = {"rrf": {"retrievers": [both, {"standard": {"query": {"term": {"integer": 1}}}}], "rank_window_size": 4}}
    found = dict(ranked(example.search(index="example-index", retriever=outer, size=4)))
    assert found["1"] == pytest.approx(1 / 63 + 1 / 61)


def test_a_standard_retriever_without_a_query_takes_all(example):
    assert len(ranked(example.search(index="example-index", retriever={"standard": {}}))) == 5
    filtered = {"standard": {"filter": {"term": {"integer": 2}}}}
    assert ranked(example.search(index="example-index", retriever=filtered)) == [("2", 0.0), ("4", 0.0)]


def test_a_window_must_reach_as_far_as_the_one_around_it(example):
    inner = {"rescorer": {"retriever": {"standard": {}}, "rescore": {"window_size": 5, "query": RESCORE}}}
    outer = {"rrf": {"retrievers": [inner, {"standard": {}}], "rank_window_size": 8}}
    with pytest.raises(BadRequestError) as caught:
        example.search(index="example-index", retriever=outer, size=3)
    wanted = "[rrf] requires [rank_window_size: 8] to be smaller than or equal to its sub retriever's rescorer"
    assert wanted in caught.value.body["error"]["reason"]
