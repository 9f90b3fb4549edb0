"""kNN, rescoring and fusion of the local node, against the documented formulas and examples, and naive loops.

Source of the examples: Elasticsearch reference, "kNN search" (the images, the passages) and "Reciprocal rank fusion".
"""

import numpy as np
import pytest
from elasticsearch import BadRequestError

from elastic_local import ALL, assert_ranked, filled, found, ranked, scripted
from helpers import maxsim_by_loops, refused, unit_vectors

VECTORS = np.random.default_rng(5).standard_normal((30, 6)).astype(np.float32)
UNIT = unit_vectors(30, 6, seed=6)
QUERY = unit_vectors(1, 6, seed=7)[0]


def top(scores, k):
    order = sorted(range(len(scores)), key=lambda at: (-scores[at], at))[:k]
    return [(str(at), scores[at]) for at in order]


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
    index = {"index_options": {"type": options}} if options else {}
    field = {"type": "dense_vector", "dims": 6, "similarity": similarity, **index}
    es = filled({"v": field}, [{"v": vector.tolist()} for vector in vectors])
    expected = top([score(QUERY.astype(float), vector.astype(float)) for vector in vectors], 5)
    section = {"field": "v", "query_vector": QUERY.tolist(), "k": 5, "num_candidates": 20}
    assert es.search(index="i", knn=section)["hits"]["total"]["value"] == 5
    for body in ({"knn": section}, {"query": {"knn": section}}, {"retriever": {"knn": section}, "size": 10}):
        assert_ranked(ranked(es, **body), expected)
    assert_ranked(ranked(es, knn={**section, "boost": 3}), [(name, 3 * value) for name, value in expected])


def test_byte_vectors_have_their_own_dot_product_score():
    field = {"type": "dense_vector", "element_type": "byte", "dims": 3, "similarity": "dot_product"}
    es = filled({"v": field}, [{"v": [100, -20, 3]}])
    hits = ranked(es, knn={"field": "v", "query_vector": [5, 6, -7], "k": 1, "num_candidates": 1})
    assert_ranked(hits, [("0", 0.5 + (500 - 120 - 21) / (32768 * 3))])


IMAGES = {
    "1": ([1, 5, -20], [12, 50, -10, 0, 1], "moose family", "jpg"),
    "2": ([42, 8, -15], [25, 1, 4, -12, 2], "alpine lake", "png"),
    "3": ([15, 11, 23], [1, 5, 25, 50, 20], "full moon", "jpg"),
}


def l2(left, right):
    return 1 / (1 + sum((a - b) ** 2 for a, b in zip(left, right, strict=True)))


@pytest.fixture(scope="module")
def images():
    fields = {
        "image-vector": {"type": "dense_vector", "dims": 3, "similarity": "l2_norm"},
        "title-vector": {"type": "dense_vector", "dims": 5, "similarity": "l2_norm"},
        "title": {"type": "text"},
        "file-type": {"type": "keyword"},
    }
    return filled(fields, {name: dict(zip(fields, values, strict=True)) for name, values in IMAGES.items()})


def test_images_by_their_nearest_vector(images):
    section = {"field": "image-vector", "query_vector": [-5, 9, -12], "k": 10, "num_candidates": 100}
    hits = images.search(index="i", knn=section, fields=["title", "file-type"], source=False)["hits"]["hits"]
    assert [hit["fields"] for hit in hits] == [
        {"title": [IMAGES[name][2]], "file-type": [IMAGES[name][3]]} for name in "132"
    ]
    assert_ranked(ranked(images, knn=section), [(name, l2(IMAGES[name][0], [-5, 9, -12])) for name in "132"])


def test_a_query_and_two_searches_are_added_with_their_boosts(images):
    query = {"match": {"title": {"query": "mountain lake", "boost": 0.9}}}
    image = {"field": "image-vector", "query_vector": [54, 10, -2], "k": 5, "num_candidates": 50, "boost": 0.1}
    title = {"field": "title-vector", "query_vector": [1, 20, -52, 23, 10], "k": 10, "num_candidates": 10, "boost": 0.5}
    words = found(images, query)
    assert list(words) == ["2"]
    expected = {
        name: 0.1 * l2(values[0], image["query_vector"]) + 0.5 * l2(values[1], title["query_vector"])
        for name, values in IMAGES.items()
    }
    expected["2"] += words["2"]
    assert found(images, query, knn=[image, title]) == pytest.approx(expected, rel=1e-5)


def test_a_threshold_and_a_filter_before_the_k_are_chosen(images):
    section = {"field": "image-vector", "query_vector": [1, 5, -20], "k": 5, "num_candidates": 50, "similarity": 36}
    png = {**section, "filter": {"term": {"file-type": "png"}}}
    assert ranked(images, knn=png) == []  # it is 41.4 away
    assert [name for name, _ in ranked(images, knn={**png, "similarity": 42})] == ["2"]
    near = {"field": "image-vector", "query_vector": [1, 5, -20], "k": 1, "num_candidates": 5}
    one = {**near, "filter": [{"term": {"file-type": "png"}}, {"ids": {"values": ["1", "2"]}}]}
    assert_ranked(ranked(images, knn=one), [("2", l2(IMAGES["2"][0], [1, 5, -20]))])
    # As a query beside others the filter of a bool comes after.
    assert found(images, {"bool": {"must": {"knn": near}, "filter": {"term": {"file-type": "png"}}}}) == {}


def test_k_defaults_to_size_and_an_unknown_field_finds_nothing(images):
    section = {"field": "image-vector", "query_vector": [0, 0, 0]}
    assert len(ranked(images, 2, knn=section)) == len(ranked(images, 2, query={"knn": section})) == 2
    few = images.search(index="i", query={"knn": {**section, "num_candidates": 2}})
    assert few["hits"]["total"]["value"] == 2
    assert ranked(images, knn={**section, "field": "nowhere"}) == []


PASSAGES = [
    (2019, [([0.45, 45], "EN"), ([0.8, 0.6], "FR")], ["Jane Doe"]),
    (2020, [([1.2, 4.5], "EN"), ([-1, 42], "EN")], ["Jane Austen", "Victor Hugo"]),
]


@pytest.fixture(scope="module")
def passages():
    inner = {"vector": {"type": "dense_vector", "dims": 2}, "language": {"type": "keyword"}}
    pairs = {"key": {"type": "keyword"}, "value": {"type": "text"}}
    fields = {
        "creation_year": {"type": "integer"},
        "paragraph": {"type": "nested", "properties": inner},
        "metadata": {"type": "nested", "properties": pairs},
    }
    documents = [
        {
            "creation_year": year,
            "paragraph": [{"vector": vector, "language": language} for vector, language in paragraphs],
            "metadata": [{"key": "author", "value": name} for name in authors],
        }
        for year, paragraphs, authors in PASSAGES
    ]
    return filled(fields, documents)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ([], {"0": 1.0, "1": 0.9997144}),
        ({"range": {"creation_year": {"gte": 2019, "lt": 2020}}}, {"0": 1.0}),
        ({"term": {"paragraph.language": "FR"}}, {"0": 0.805}),
        ({"nested": {"path": "metadata", "query": {"match": {"metadata.value": "hugo"}}}}, {"1": 0.9997144}),
    ],
)
def test_passages_of_long_documents(passages, condition, expected):
    knn = {"field": "paragraph.vector", "query_vector": [0.45, 45], "k": 2, "num_candidates": 10, "filter": condition}
    tolerance = 2e-3 if expected == {"0": 0.805} else 1e-6  # the documentation rounds
    assert found(passages, None, knn=knn) == pytest.approx(expected, rel=tolerance)
    assert found(passages, None, retriever={"knn": knn}, size=10) == pytest.approx(expected, rel=tolerance)
    inside = {"nested": {"path": "paragraph", "query": {"knn": knn}, "score_mode": "max"}}
    assert found(passages, inside) == pytest.approx(expected, rel=tolerance)
    assert found(passages, {"knn": knn}) == {}  # outside [nested] no document has the field


def test_every_part_counts_in_the_documentations_exact_form(passages):
    inner = scripted(
        "1 / (1 + l2norm(params.q, 'paragraph.vector'))", {"exists": {"field": "paragraph.vector"}}, q=[0, 0]
    )
    means = found(passages, {"nested": {"path": "paragraph", "query": inner, "score_mode": "avg"}})
    for number, (_, paragraphs, _) in enumerate(PASSAGES):
        expected = np.mean([1 / (1 + np.linalg.norm(vector)) for vector, _ in paragraphs])
        assert means[str(number)] == pytest.approx(expected, rel=1e-6)


# Rescoring


def value_of(field, query):
    """A query that scores a document by the one number of a field."""
    return scripted(f"dotProduct(params.q, '{field}')", query, q=[1])


RESCORE = {"rescore_query": value_of("n", {"exists": {"field": "v"}})}
FIRST = value_of("first", ALL)


def rescorer(window_size, **changes):
    rescore = {"window_size": window_size, "query": {**RESCORE, **changes}}
    return {"rescorer": {"retriever": {"standard": {"query": FIRST}}, "rescore": rescore}}


@pytest.fixture(scope="module")
def ten():
    """Ten documents: `first` falls and `n` rises with the number; document 4 has no `v`."""
    number = {"type": "dense_vector", "dims": 1, "index": False}
    documents = [{"n": [n], "first": [20 - n], "v": [[1.0]]} for n in range(10)]
    del documents[4]["v"]
    return filled({"v": {"type": "rank_vectors"}, "n": number, "first": number}, documents)


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
    expected = [0.5 * (20 - n) for n in range(10)]
    for n in {*range(6)} - {4}:
        expected[n] = combine(expected[n], 3.0 * n)
    want = top(expected, 10)
    assert_ranked(ranked(ten, query=FIRST, rescore={"window_size": 6, "query": {**RESCORE, **more}}), want)
    assert_ranked(ranked(ten, 6, retriever=rescorer(6, **more)), [item for item in want if int(item[0]) < 6])


def test_the_rescorer_adds_the_first_stage_unless_its_weight_is_zero(ten):
    added = found(ten, None, retriever=rescorer(10), size=10)
    assert added == {str(number): 20.0 if number != 4 else 16.0 for number in range(10)}
    alone = ranked(ten, 10, retriever=rescorer(10, query_weight=0))
    assert [name for name, _ in alone] == list("9876532104")
    assert alone[-1][1] == 0.0


def test_two_rescorers_one_after_the_other(ten):
    second = {"window_size": 2, "query": {"rescore_query": {"ids": {"values": ["9"]}}, "rescore_query_weight": 100}}
    rescore = [{"window_size": 10, "query": {**RESCORE, "query_weight": 0}}, second]
    assert_ranked(ranked(ten, 3, query=FIRST, rescore=rescore), [("9", 109.0), ("8", 8.0), ("7", 7.0)])


def test_a_window_must_reach_as_far_as_the_one_around_it(ten):
    words = r"requires \[window_size: 5\] be greater than or equal to \[size: 6\]"
    refused(BadRequestError, words, ranked, ten, 6, retriever=rescorer(5))
    assert len(ranked(ten, 5, retriever=rescorer(5))) == 5
    outer = {"rrf": {"retrievers": [rescorer(5), {"standard": {}}], "rank_window_size": 8}}
    words = r"\[rrf\] requires \[rank_window_size: 8\] to be smaller than or equal to its sub retriever's rescorer"
    refused(BadRequestError, words, ranked, ten, 3, retriever=outer)


def test_knn_then_maxsim_is_two_stage_search():
    fields = {"v": {"type": "rank_vectors"}, "average": {"type": "dense_vector", "dims": 8, "similarity": "cosine"}}
    pages = [unit_vectors(5 + number % 3, 8, seed=number) for number in range(25)]
    es = filled(fields, [{"v": page.tolist(), "average": page.mean(axis=0).tolist()} for page in pages])
    query = unit_vectors(4, 8, seed=99)
    mean = query.mean(axis=0).astype(float)
    averages = [page.mean(axis=0).astype(float) for page in pages]
    first = top([(1 + mean @ a / np.linalg.norm(mean) / np.linalg.norm(a)) / 2 for a in averages], 10)
    exact = {name: maxsim_by_loops(query, pages[int(name)]) + 4 for name, _ in first}
    second = scripted("maxSimDotProduct(params.q, 'v') + 4", q=query.tolist())
    knn = {"field": "average", "query_vector": mean.tolist(), "k": 10, "num_candidates": 25}
    for weight in (0.0, 1.0):
        rescore = {"window_size": 10, "query": {"rescore_query": second, "query_weight": weight}}
        expected = {name: value + weight * dict(first)[name] for name, value in exact.items()}
        want = sorted(expected.items(), key=lambda item: -item[1])[:5]
        retriever = {"rescorer": {"retriever": {"knn": knn}, "rescore": rescore}}
        assert_ranked(ranked(es, 5, retriever=retriever), want)
        assert_ranked(ranked(es, 5, knn=knn, rescore=rescore), want)


# Fusion


@pytest.fixture(scope="module")
def example():
    """The documentation's example: five documents, four with the word, four with a vector."""
    vector = {"type": "dense_vector", "dims": 1, "similarity": "l2_norm", "index_options": {"type": "hnsw"}}
    fields = {"text": {"type": "text"}, "vector": vector, "integer": {"type": "integer"}}
    documents = {
        "1": {"text": "rrf", "vector": [5], "integer": 1},
        "2": {"text": "rrf rrf", "vector": [4], "integer": 2},
        "3": {"text": "rrf rrf rrf", "vector": [3], "integer": 1},
        "4": {"text": "rrf rrf rrf rrf", "integer": 2},
        "5": {"vector": [0], "integer": 1},
    }
    return filled(fields, documents)


def fused(**more):
    knn = {"field": "vector", "query_vector": [3], "k": 5, "num_candidates": 5}
    return {"rrf": {"retrievers": [{"standard": {"query": {"term": {"text": "rrf"}}}}, {"knn": knn}], **more}}


def test_the_documentations_rrf_example(example):
    retriever = fused(rank_window_size=5, rank_constant=1)
    # By rank in the two lists (4, 3, 2, 1) and (3, 2, 1, 5).
    assert_ranked(ranked(example, 3, retriever=retriever), [("3", 1 / 3 + 1 / 2), ("2", 1 / 4 + 1 / 3), ("4", 1 / 2)])
    hits = example.search(index="i", retriever=retriever, size=3)["hits"]
    assert (hits["max_score"], hits["total"]["value"]) == (pytest.approx(0.8333334), 5)


def test_rrf_defaults_filters_and_weights(example):
    every = [("3", 1 / 62 + 1 / 61), ("2", 1 / 63 + 1 / 62), ("1", 1 / 64 + 1 / 63), ("4", 1 / 61), ("5", 1 / 64)]
    assert_ranked(ranked(example, 10, retriever=fused()), every)
    only = ranked(example, 10, retriever=fused(filter={"term": {"integer": 1}}))
    assert_ranked(only, [("3", 2 / 61), ("1", 2 / 62), ("5", 1 / 63)])
    first, second = fused()["rrf"]["retrievers"]
    weighted = [{"retriever": first, "weight": 0}, {"retriever": second, "weight": 2.0}]
    assert_ranked(ranked(example, 2, retriever={"rrf": {"retrievers": weighted}}), [("3", 2 / 61), ("2", 2 / 62)])


def test_retrievers_nest(example):
    text = {"standard": {"query": {"match": {"text": "rrf"}}, "min_score": 0.05, "filter": [{"term": {"integer": 1}}]}}
    assert [name for name, _ in ranked(example, 10, retriever=text)] == ["3", "1"]
    rescore = {"window_size": 4, "query": {"rescore_query": {"term": {"integer": 2}}, "query_weight": 0}}
    both = {"rescorer": {"retriever": fused(rank_window_size=4), "rescore": [rescore]}}
    assert_ranked(ranked(example, 4, retriever=both), [("2", 1.0), ("4", 1.0), ("1", 0.0), ("3", 0.0)])
    outer = {"rrf": {"retrievers": [both, {"standard": {"query": {"term": {"integer": 1}}}}], "rank_window_size": 4}}
    assert dict(ranked(example, 4, retriever=outer))["1"] == pytest.approx(1 / 63 + 1 / 61)


def test_a_standard_retriever_without_a_query_takes_all(example):
    assert len(ranked(example, 10, retriever={"standard": {}})) == 5
    filtered = {"standard": {"filter": {"term": {"integer": 2}}}}
    assert ranked(example, 10, retriever=filtered) == [("2", 0.0), ("4", 0.0)]
