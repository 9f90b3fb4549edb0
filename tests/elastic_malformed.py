"""Requests that no server should take, and a part of the reason that each must get."""

import json

FIELDS = {
    "v": {"type": "rank_vectors", "dims": 2},
    "bits": {"type": "rank_vectors", "element_type": "bit", "dims": 16},
    "bytes": {"type": "rank_vectors", "element_type": "byte", "dims": 2},
    "d": {"type": "dense_vector", "dims": 2},
    "unit": {"type": "dense_vector", "dims": 2, "similarity": "dot_product"},
    "plain": {"type": "dense_vector", "dims": 2, "index": False},
    "title": {"type": "text"},
    "tag": {"type": "keyword"},
    "n": {"type": "integer"},
    "parts": {"type": "nested", "properties": {"w": {"type": "dense_vector", "dims": 2}}},
    "who": {"properties": {"name": {"type": "keyword"}}},
}
DOCUMENTS = [
    {"v": [[1, 2], [3, 4]], "d": [1, 0], "unit": [1, 0], "title": "one two", "tag": "x", "n": 1, "bits": ["ff00"]},
    {"v": [[2, 2]], "d": [1, 1], "unit": [0.6, 0.8], "title": "two", "tag": "y", "n": 2, "parts": [{"w": [1, 2]}]},
    {"v": [[0, 1]], "d": [0, 1], "title": "three", "n": 3, "bytes": [[1, -1]]},
]


def script(source, q=None, field_query=None):
    inner = {"source": source, "params": {"q": q if q is not None else [[1, 1]]}}
    return {"query": {"script_score": {"query": field_query or {"match_all": {}}, "script": inner}}}


def knn(**more):
    return {"knn": {"field": "d", "query_vector": [1, 1], "k": 2, "num_candidates": 5, **more}}


def rescore(**more):
    return {"window_size": 3, "query": {"rescore_query": {"match_all": {}}, **more}}


ONE = {"standard": {"query": {"match_all": {}}}}
CALL = "maxSimDotProduct(params.q, 'v')"

SEARCHES = [
    # the body
    ([], "doesn't support values of type: START_ARRAY"),
    ({"queries": {}}, "Unknown key for a START_OBJECT in [queries]"),
    ({"size": -1}, "[size] parameter cannot be negative, found [-1]"),
    ({"size": 1.5}, "without data loss"),
    ({"size": "many"}, "failed to parse field [size]"),
    ({"from": -1}, "[from] parameter cannot be negative"),
    ({"from": 9999, "size": 2}, "Result window is too large, from + size must be less than or equal to: [10000]"),
    ({"aggs": {"a": {"terms": {"field": "tag"}}}}, "not implemented by the local node"),
    ({"highlight": {"fields": {"title": {}}}}, "ES_URL names one"),
    ({"track_total_hits": -5}, "[track_total_hits] parameter must be positive"),
    ({"_source": 3}, "Expected one of [VALUE_BOOLEAN, START_OBJECT]"),
    ({"_source": {"include": ["a"], "wrong": 1}}, "unknown field [wrong]"),
    ({"min_score": "high"}, "failed to parse field [min_score]"),
    # queries
    ({"query": {}}, "query malformed, empty clause found"),
    ({"query": []}, "query malformed, must start with start_object"),
    ({"query": {"match_al": {}}}, "unknown query [match_al]"),
    ({"query": {"match_all": {}, "term": {"tag": "x"}}}, "malformed query, expected [END_OBJECT]"),
    ({"query": {"match_all": []}}, "no start_object after query name"),
    ({"query": {"match_all": {"boost": -1}}}, "negative [boost] are not allowed"),
    ({"query": {"match_all": {"x": 1}}}, "[match_all] unknown field [x]"),
    ({"query": {"fuzzy": {"title": "one"}}}, "not implemented by the local node"),
    ({"query": {"term": {"tag": "x", "n": 1}}}, "doesn't support multiple fields, found [tag] and [n]"),
    ({"query": {"term": {"tag": ["x"]}}}, "unknown token [START_ARRAY]"),
    ({"query": {"term": {"n": "abc"}}}, 'For input string: "abc"'),
    ({"query": {"term": {"v": [1, 2]}}}, "unknown token [START_ARRAY]"),
    ({"query": {"term": {"v": 1}}}, "of type [rank_vectors] doesn't support term queries"),
    ({"query": {"terms": {"tag": "x"}}}, "[terms] query does not support [tag]"),
    ({"query": {"terms": {}}}, "[terms] query requires a field name"),
    ({"query": {"ids": {"values": [{}]}}}, "Illegal value for id"),
    ({"query": {"exists": {}}}, "[exists] must be provided with a [field]"),
    ({"query": {"match": {"title": {"operator": "and"}}}}, "requires query value"),
    ({"query": {"match": {"title": {"query": "a", "operator": "xor"}}}}, "Operator.XOR"),
    ({"query": {"match": {"title": {"query": "a", "wrong": 1}}}}, "[match] query does not support [wrong]"),
    ({"query": {"bool": {"shuold": []}}}, "[bool] unknown field [shuold]"),
    ({"query": {"bool": {"must": "x"}}}, "must start with start_object"),
    ({"query": {"bool": {"should": [{"match_all": {}}], "minimum_should_match": "x"}}}, 'For input string: "x"'),
    ({"query": {"nested": {"path": "parts"}}}, "[nested] requires 'query' field"),
    ({"query": {"nested": {"path": "nowhere", "query": {"match_all": {}}}}}, "failed to find nested object under path"),
    ({"query": {"nested": {"path": "who", "query": {"match_all": {}}}}}, "is not of nested type"),
    ({"query": {"nested": {"path": "parts", "query": {"match_all": {}}, "score_mode": "median"}}}, "[median]"),
    # scripts
    ({"query": {"script_score": {"script": CALL}}}, "Required [query]"),
    ({"query": {"script_score": {"query": {"match_all": {}}}}}, "Required [script]"),
    ({"query": {"script_score": {"query": {"match_all": {}}, "script": {"lang": "painless"}}}}, "must specify either"),
    (script("maxSimDotProduct(params.q, 'v'"), "unexpected end of script"),
    (script("maxSim(params.q, 'v')"), "Unknown call [maxSim] with [2] arguments"),
    (script("maxSimDotProduct(params.q)"), "Unknown call [maxSimDotProduct] with [1] arguments"),
    (script("query + 1"), "cannot resolve symbol [query]"),
    (script("__import__('os').system('ls')"), "Unknown call [__import__] with [1] arguments"),
    (script("1 + "), "unexpected end of script"),
    (script("1 @ 2"), "unexpected character [@]"),
    (script("'a' * 2"), "Cannot apply [*] operation"),
    (script("1 / 0"), "/ by zero"),
    (script("-1"), "returned an invalid score [-1.0] for doc [0]. Must be a non-negative score!"),
    (script("0.0 / 0"), "returned an invalid score [NaN]"),
    (script("(" * 3000 + "1" + ")" * 3000), "nested too deeply"),
    (script("for (int i = 0; i < 3; ++i) { }"), "invalid sequence of tokens"),
    (script("doc['tag'].value", None, {"exists": {"field": "tag"}}), "could not convert string to float"),
    ({"query": json.loads('{"bool":{"must":' * 300 + "{}" + "}}" * 300)}, "nested too deeply"),
    (script("doc['title'].value"), "Fielddata is disabled on [title]"),
    (script("doc['nowhere'].value"), "No field found for [nowhere] in mapping"),
    (script("maxSimDotProduct(params.q, 'd')"), "takes a field of type [rank_vectors]"),
    (script("cosineSimilarity(params.q, 'v')"), "takes a field of type [dense_vector]"),
    (script("maxSimInvHamming(params.q, 'v')"), "hamming distance is only supported for byte or bit vectors"),
    (script("maxSimDotProduct(params.q, 'bytes')"), "A document doesn't have a value for a multi-vector field!"),
    (script(CALL, [[1, 2, 3]]), "different number of dimensions [3] than the document vectors [2]"),
    (script(CALL, [[1], [1, 2]]), "inconsistent number of dimensions"),
    (script(CALL, ["ff"]), "Unsupported input object"),
    # kNN
    (knn(k=0), "[k] must be greater than 0"),
    (knn(k=6), "[num_candidates] cannot be less than [k]"),
    (knn(num_candidates=10001), "[num_candidates] cannot exceed [10000]"),
    (knn(field="title"), "[knn] queries are only supported on [dense_vector] fields"),
    (knn(field="v"), "[knn] queries are only supported on [dense_vector] fields"),
    (knn(field="plain"), "its mapping must have [index] set to [true]"),
    (knn(query_vector=[1, 1, 1]), "different number of dimensions [3] than the document vectors [2]"),
    (knn(query_vector=[0, 0]), "[cosine] similarity does not support vectors with zero magnitude"),
    (knn(field="unit"), "[dot_product] similarity can only be used with unit-length vectors"),
    (knn(query_vector=None), "either [query_vector_builder] or [query_vector] must be provided"),
    (knn(query_vector=["a", "b"]), "VALUE_STRING"),
    (knn(vector=[1, 1]), "[knn] unknown field [vector]"),
    (knn(rescore_vector={"oversample": 0.5}), "[oversample] must be greater or equal to 1.0"),
    # rescore
    ({"rescore": {"window_size": 3}}, "missing rescore type"),
    ({"rescore": {"window_size": 3, "query": {}}}, "Required [rescore_query]"),
    ({"rescore": rescore(score_mode="median")}, "illegal score_mode [median]"),
    ({"rescore": {**rescore(), "window_size": 10001}}, "Rescore window [10001] is too large"),
    ({"rescore": rescore(), "sort": ["n"]}, "Cannot use [sort] option in conjunction with [rescore]"),
    # retrievers
    ({"retriever": {}}, "retriever malformed"),
    ({"retriever": {"standart": {}}}, "unknown retriever [standart]"),
    ({"retriever": {"linear": {}}}, "not implemented by the local node"),
    ({"retriever": ONE, "query": {"match_all": {}}}, "cannot specify [retriever] and [query]"),
    ({"retriever": {"rrf": {"retrievers": [ONE]}}}, "requires a minimum of [2]"),
    ({"retriever": {"rrf": {"retrievers": [ONE, ONE], "rank_constant": 0}}}, "[rank_constant] must be greater"),
    (
        {"retriever": {"rrf": {"retrievers": [ONE, ONE]}}, "size": 11},
        "[rank_window_size: 10] be greater than or equal to",
    ),
    ({"retriever": {"rescorer": {"retriever": ONE}}}, "[rescore]"),
    (
        {"retriever": {"rescorer": {"retriever": ONE, "rescore": rescore()}}},
        "[window_size: 3] be greater than or equal",
    ),
    # sort
    ({"sort": ["nowhere"]}, "No mapping found for [nowhere] in order to sort on"),
    ({"sort": ["title"]}, "Fielddata is disabled on [title]"),
    ({"sort": [{"n": "up"}]}, "Unknown SortOrder [up]"),
    ({"sort": ["v"]}, "does not support sorting"),
]

WRITES = [
    ({"v": []}, "empty array"),
    ({"v": [1, 2]}, "found [VALUE_NUMBER]"),
    ({"v": "ff"}, "cannot be indexed with a single value"),
    ({"v": [[1, 2], [3]]}, "has a different number of dimensions [1] than defined in the mapping [2]"),
    ({"v": [[1, 2, 3]]}, "has more dimensions than defined in the mapping [2]"),
    ({"v": [[[1, 2]]]}, "found [START_ARRAY]"),
    ({"v": [[1, None]]}, "found [VALUE_NULL]"),
    ({"v": [[1, "2"]]}, "found [VALUE_STRING]"),
    ({"v": [[1, True]]}, "found [VALUE_BOOLEAN]"),
    ({"v": [[1, 2], "ff"]}, "found [VALUE_STRING]"),
    ({"v": [[1, 1e39]]}, "do not support infinite values"),
    ({"v": {"x": 1}}, "cannot be indexed with a single value"),
    ({"new": {"type": 1}}, "mapping set to strict, dynamic introduction of [new] within [_doc] is not allowed"),
    ({"bits": ["ff"]}, "different number of dimensions [8] than defined in the mapping [16]"),
    ({"bits": ["fg00"]}, "is not hexadecimal"),
    ({"bits": ["fff"]}, "is not hexadecimal"),
    ({"bits": [[255, 0]]}, "between [-128, 127] but found [255] at dim [0]"),
    ({"bytes": [[0.5, 1]]}, "found decimal value [0.5] at dim [0]"),
    ({"bytes": [[1, -129]]}, "but found [-129] at dim [1]"),
    ({"d": [[1, 2]]}, "found [START_ARRAY]"),
    ({"d": [0, 0]}, "does not support vectors with zero magnitude. Preview of invalid vector: [0.0, 0.0]"),
    ({"d": "00ff"}, "START_ARRAY"),
    ({"unit": [1, 1]}, "can only be used with unit-length vectors. Preview of invalid vector: [1.0, 1.0]"),
    (
        {"n": "abc"},
        "failed to parse field [n] of type [integer] in document with id '9'. Preview of field's value: 'abc'",
    ),
    ({"n": 2**31}, "failed to parse field [n]"),
    ({"title": {"x": 1}}, "failed to parse field [title] of type [text]"),
    ({"parts": 3}, "tried to parse field [parts] as object, but found a concrete value"),
    ({"who": ["x"]}, "tried to parse field [who] as object"),
    ({"": 1}, "field name cannot be an empty string"),
    ({"_id": 1}, "is a metadata field and cannot be added inside a document"),
    ([1], "START_OBJECT"),
    (b'{"n": NaN}', "NaN"),
    (b'{"n": 1, "n": 2}', "Duplicate field 'n'"),
    (b'{"n": 1', "not JSON"),
    (b"\xff\xfe", "not JSON"),
    (b'{"tag": "\\ud800"}', "not JSON"),
    (b"", "request body is required"),
]

INDICES = [
    ("Upper", {}, "must be lowercase"),
    ("a b", {}, "must not contain the following characters"),
    ("a#b", {}, "must not contain '#'"),
    ("-a", {}, "must not start with '_', '-', or '+'"),
    ("i", {}, "already exists"),
    ("x", {"mapping": {}}, "unknown key [mapping] for create index"),
    ("x", {"mappings": []}, "Expected map"),
    ("x", {"mappings": {"props": {}}}, "Root mapping definition has unsupported parameters"),
    ("x", {"mappings": {"properties": {"a": "text"}}}, "Expected map"),
    (
        "x",
        {"mappings": {"properties": {"a": {"type": "vector"}}}},
        "No handler for type [vector] declared on field [a]",
    ),
    ("x", {"mappings": {"properties": {"a": {"type": "geo_point"}}}}, "not implemented by the local node"),
    ("x", {"mappings": {"properties": {"a": {"type": "text", "dims": 3}}}}, "unknown parameter [dims] on mapper [a]"),
    ("x", {"mappings": {"properties": {"a": {"type": "rank_vectors", "dims": 4097}}}}, "in the range [1, 4096]"),
    ("x", {"mappings": {"properties": {"a": {"type": "rank_vectors", "dims": "3"}}}}, "must be an integer"),
    (
        "x",
        {"mappings": {"properties": {"a": {"type": "rank_vectors", "element_type": "int4"}}}},
        "invalid element_type",
    ),
    (
        "x",
        {"mappings": {"properties": {"a": {"type": "rank_vectors", "element_type": "bit", "dims": 12}}}},
        "should be a multiple of 8 but was [12]",
    ),
    ("x", {"mappings": {"properties": {"a": {"type": "rank_vectors", "index": True}}}}, "unknown parameter [index]"),
    ("x", {"mappings": {"properties": {"a": {"type": "dense_vector", "similarity": "dot"}}}}, "accepted values are"),
    (
        "x",
        {"mappings": {"properties": {"a": {"type": "dense_vector", "index": False, "similarity": "cosine"}}}},
        "can only be specified for a field of type [dense_vector] when it is indexed",
    ),
    (
        "x",
        {"mappings": {"properties": {"a": {"type": "dense_vector", "index_options": {"type": "ivf"}}}}},
        "Unknown vector index options type [ivf]",
    ),
    (
        "x",
        {"mappings": {"properties": {"a": {"type": "dense_vector", "dims": 8, "index_options": {"type": "bbq_flat"}}}}},
        "does not support dimensions fewer than 64; provided=8",
    ),
    ("x", {"settings": {"number_of_shards": 0}}, "must be >= 1"),
    ("x", {"settings": {"number_of_shards": 3}}, "not implemented by the local node"),
    ("x", {"settings": {"shards": 3}}, "unknown setting [index.shards]"),
    ("x", {"settings": {"refresh_interval": "often"}}, "failed to parse setting [index.refresh_interval]"),
]
