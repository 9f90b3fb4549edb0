"""Requests that no server should take, with a part of the reason that each must get; and what the node declines."""

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


def on(field, q):
    return script(f"maxSimDotProduct(params.q, '{field}')", q, {"exists": {"field": field}})


def field(kind, **more):
    return {"mappings": {"properties": {"a": {"type": kind, **more}}}}


def knn(**more):
    return {"knn": {"field": "d", "query_vector": [1, 1], "k": 2, "num_candidates": 5, **more}}


def rescore(**more):
    return {"window_size": 3, "query": {"rescore_query": {"match_all": {}}, **more}}


def inner_hits(**more):
    return {"query": {"nested": {"path": "parts", "query": {"match_all": {}}, "inner_hits": more}}}


def linear(*components, **more):
    return {"retriever": {"linear": {"retrievers": list(components), **more}}}


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
    ({"track_total_hits": -5}, "[track_total_hits] parameter must be positive"),
    ({"_source": {"includes": ["a"], "wrong": 1}}, "unknown field [wrong]"),
    ({"_source": 3}, "Expected one of [VALUE_BOOLEAN, START_OBJECT]"),
    ({"min_score": "high"}, "failed to parse field [min_score]"),
    # queries
    ({"query": {}}, "query malformed, empty clause found"),
    ({"query": []}, "query malformed, must start with start_object"),
    ({"query": {"match_al": {}}}, "unknown query [match_al]"),
    ({"query": {"match_all": {}, "term": {"tag": "x"}}}, "malformed query, expected [END_OBJECT]"),
    ({"query": {"match_all": []}}, "no start_object after query name"),
    ({"query": {"match_all": {"boost": -1}}}, "negative [boost] are not allowed"),
    ({"query": {"match_all": {"x": 1}}}, "[match_all] unknown field [x]"),
    ({"query": {"term": {"tag": "x", "n": 1}}}, "doesn't support multiple fields, found [tag] and [n]"),
    ({"query": {"term": {"tag": ["x"]}}}, "unknown token [START_ARRAY]"),
    ({"query": {"term": {"n": "abc"}}}, 'For input string: "abc"'),
    ({"query": {"term": {"v": [1, 2]}}}, "unknown token [START_ARRAY]"),
    ({"query": {"term": {"v": 1}}}, "of type [rank_vectors] doesn't support term queries"),
    ({"query": {"terms": {"tag": "x"}}}, "[terms] query does not support [tag]"),
    ({"query": {"terms": {}}}, "[terms] query requires a field name"),
    ({"query": {"ids": {"values": [{}]}}}, "Illegal value for id"),
    ({"query": {"exists": {}}}, "[exists] must be provided with a [field]"),
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
    ({"query": json.loads('{"bool":{"must":' * 300 + "{}" + "}}" * 300)}, "nested too deeply"),
    (script("doc['title'].size()"), "Fielddata is disabled on [title]"),
    (script("doc['nowhere'].size()"), "No field found for [nowhere] in mapping"),
    (script("1 2"), "invalid sequence of tokens near ['2']"),
    (script("2 > 1"), "Cannot cast the script's value"),
    (script("1 ? 2 : 3"), "Cannot cast from [double] to [boolean]"),
    (script("params.q + 1"), "Cannot apply [+] operation"),
    (script("params.nothing + 1"), "Cannot apply [+] to null"),
    (script("maxSimDotProduct(params.q, 'd')"), "takes a field of type [rank_vectors]"),
    (script("cosineSimilarity(params.q, 'v')"), "takes a field of type [dense_vector]"),
    (script("maxSimInvHamming(params.q, 'v')"), "hamming distance is only supported for byte or bit vectors"),
    (script("maxSimDotProduct(params.q, 'bytes')"), "A document doesn't have a value for a multi-vector field!"),
    (script(CALL, [[1, 2, 3]]), "different number of dimensions [3] than the document vectors [2]"),
    (script(CALL, [[1], [1, 2]]), "inconsistent number of dimensions"),
    *((script(CALL, q), "Unsupported input object") for q in (["ff"], [1, 2], "0102")),
    (script(CALL, []), "The query vector is empty."),
    (script(CALL, [["a", 2]]), "VALUE_NUMBER"),
    (script("maxSimDotProduct(params.none, 'v')"), "is null"),
    (on("bytes", [[0.5, 2]]), "found decimal value [0.5] at dim [0]"),
    (on("bytes", [[128, 2]]), "between [-128, 127] but found [128] at dim [0]"),
    (on("bits", [[0.5] * 2]), "Must be [16] for float wise operations: provided [2]"),
    (on("bits", ["0102"]), "Write the bytes of a query as numbers"),
    (on("bits", [[1] * 7]), "Must be [2] for bitwise operations, or [16] for byte wise operations"),
    (script("maxSimDotProduct(params.q, 'nowhere')"), "No field found for [nowhere] in mapping"),
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
    ({"knn": {"field": "d"}}, "either [query_vector_builder] or [query_vector] must be provided"),
    (knn(query_vector=["a", "b"]), "VALUE_STRING"),
    (knn(vector=[1, 1]), "[knn] unknown field [vector]"),
    (knn(rescore_vector={"oversample": 0.5}), "[oversample] must be greater or equal to 1.0"),
    (knn(k=None), "[knn] k doesn't support values of type: VALUE_NULL"),
    ({"query": {"knn": {"field": "d", "query_vector": [1, 1], "k": 0}}}, "[k] must be greater than 0"),
    ({"query": {"knn": {"field": "d", "query_vector": [1, 1], "inner_hits": {}}}}, "[knn] unknown field [inner_hits]"),
    (knn(visit_percentage=101), "[visit_percentage] must be between 0.0 and 100.0"),
    ({"knn": {"field": "d", "query_vector": [1, 1], "num_candidates": 2}}, "cannot be less than [k]"),
    ({"retriever": {"knn": {"field": "d", "query_vector": [1, 1], "k": 2}}}, "[knn] Required [num_candidates]"),
    # what hits show
    ({"query": None}, "Unknown key for a VALUE_NULL in [query]"),
    ({"collapse": {"field": "nowhere"}}, "no mapping found for `nowhere` in order to collapse on"),
    ({"collapse": {"field": "title"}}, "collapse is not supported for the field [title] of the type [text]"),
    ({"collapse": {}}, "no collapse field specified"),
    ({"collapse": {"field": "tag", "wrong": 1}}, "[collapse] unknown field [wrong]"),
    ({"docvalue_fields": ["n"] * 101}, "Must be less than or equal to: [100] but was [101]"),
    ({"docvalue_fields": ["title"]}, "Fielddata is disabled on [title]"),
    (inner_hits(size=101), "Inner result window is too large"),
    (inner_hits(size=-1), "illegal size value, at least 0 or higher"),
    (inner_hits(wrong=1), "[inner_hits] unknown field [wrong]"),
    (script("doc['v'].magnitudes[7]"), "out of bounds for length"),
    (script("doc['d'].magnitudes[0]"), "[magnitudes] takes a field of type [rank_vectors]"),
    (script("doc['bytes'].vectorValues.next()[0]"), "A document doesn't have a value for a rank-vectors field!"),
    ({"query": {"constant_score": {}}}, "[constant_score] requires a 'filter' element"),
    ({"query": {"term": {"tag": {"value": "x", "term": "x"}}}}, "not both"),
    # rescore
    ({"rescore": {"window_size": 3}}, "missing rescore type"),
    ({"rescore": {"window_size": 3, "query": {}}}, "Required [rescore_query]"),
    ({"rescore": rescore(score_mode="median")}, "illegal score_mode [median]"),
    ({"rescore": {**rescore(), "window_size": 10001}}, "Rescore window [10001] is too large"),
    # retrievers
    ({"retriever": {}}, "retriever malformed"),
    ({"retriever": {"standart": {}}}, "unknown retriever [standart]"),
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
    (linear({"retriever": ONE, "normalizer": "aardvark"}), "Unknown normalizer [aardvark]"),
    (linear({"retriever": ONE, "weight": -10}), "[weight] must be non-negative"),
    (linear({"retriever": ONE, "wrong": 1}), "[linear] unknown field [wrong]"),
    (linear(ONE), "[linear] unknown field [standard]"),
    (linear({"weight": 1}), "[linear] Required [retriever]"),
    (linear({"retriever": ONE}, rank_window_size=-10), "[rank_window_size] parameter cannot be negative, found [-10]"),
    (
        linear({"retriever": ONE}, rank_window_size=2),
        "[linear] requires [rank_window_size: 2] be greater than or equal",
    ),
    (
        {"retriever": {"rrf": {"retrievers": [{"retriever": ONE, "weight": -0.5}, ONE]}}},
        "[weight] must be non-negative, found [-0.5]",
    ),
]

WRITES = [
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
    ("x", field("vector"), "No handler for type [vector] declared on field [a]"),
    ("x", field("text", dims=3), "unknown parameter [dims] on mapper [a]"),
    ("x", field("rank_vectors", dims=4097), "in the range [1, 4096]"),
    ("x", field("rank_vectors", dims="3"), "must be an integer"),
    ("x", field("rank_vectors", element_type="int4"), "invalid element_type"),
    ("x", field("rank_vectors", element_type="bit", dims=12), "should be a multiple of 8 but was [12]"),
    ("x", field("rank_vectors", element_type="bit", dims=32776), "in the range [8, 32768]"),
    ("x", field("rank_vectors", index=True), "unknown parameter [index]"),
    ("x", field("dense_vector", similarity="dot"), "accepted values are"),
    ("x", field("dense_vector", index=False, similarity="cosine"), "when it is indexed"),
    ("x", field("dense_vector", index_options={"type": "ivf"}), "Unknown vector index options type [ivf]"),
    ("x", field("dense_vector", dims=8, index_options={"type": "bbq_flat"}), "fewer than 64; provided=8"),
    ("x", field("dense_vector", index_options={"type": "flat", "m": 16}), "unsupported parameters:  [m : 16]"),
    ("x", field("dense_vector", index_options={"type": "hnsw", "rescore_vector": {}}), "unsupported parameters"),
    ("x", field("dense_vector", index_options={"type": "bbq_disk", "rescore_vector": {}}), "takes [oversample]"),
    ("x", field("dense_vector", dims=None), "must not have a [null] value"),
    ("x", {"aliases": {"b": {"wrong": 1}}}, "[alias] unknown field [wrong]"),
    ("x", {"aliases": {"b": {"filter": {"nearest": {}}}}}, "unknown query [nearest]"),
    ("x", {"aliases": {"i": {}}}, "an index or data stream exists with the same name as the alias"),
    ("x", {"settings": {"number_of_shards": 0}}, "must be >= 1"),
    ("x", {"settings": {"shards": 3}}, "unknown setting [index.shards]"),
    ("x", {"settings": {"refresh_interval": "often"}}, "failed to parse setting [index.refresh_interval]"),
]

# What a server takes and the local node does not: each a 400 that names it. Searches, documents, indices, requests.
DECLINED_SEARCHES = [
    *(
        ({name: value}, f"[{name}] of a search")
        for name, value in {
            "aggs": {}, "explain": False, "highlight": {}, "indices_boost": [],
            "pit": {}, "post_filter": {}, "profile": True, "runtime_mappings": {}, "script_fields": {},
            "search_after": [1], "slice": {}, "sort": ["n"], "stored_fields": [], "suggest": {}, "terminate_after": 1,
            "timeout": "1s", "track_scores": True, "version": True,
        }.items()
    ),
    *(
        ({"query": {name: {}}}, f"The query [{name}]")
        for name in ("boosting", "dis_max", "function_score", "fuzzy", "match_none", "match_phrase",
                     "multi_match", "prefix", "query_string", "script", "sparse_vector", "wildcard")
    ),
    *(
        ({"query": {"match": {"title": {"query": "one", name: value}}}}, f"[{name}] of [match]")
        for name, value in {
            "analyzer": "simple", "fuzziness": 1, "lenient": True, "minimum_should_match": 2, "operator": "and",
            "zero_terms_query": "all",
        }.items()
    ),
    (knn(query_vector_builder={}), "[query_vector_builder] of [knn]"),
    (knn(inner_hits={}), "[inner_hits] for [a field outside a nested object]"),
    (knn(filter={"match_all": {"_name": "a"}}), "[_name] in the filter of a [knn]"),
    *(
        (script(source), f"[{named}] in a script")
        for source, named in {
            "Math.max(1, 2)": "Math", "double x = 1; return x": "double", "if (1 > 2) { return 1 } return 2": "if",
            "1 > 2 && 2 > 1 ? 1 : 0": "&&", "!(1 > 2) ? 1 : 0": "!", "7 % 4": "%", "saturation(1, 2)": "saturation",
            "doc['n'].value": "doc['n'].value", "hamming(params.q, 'd')": "hamming", "$('n', -1)": "$",
            "l1norm(params.q, 'd')": "l1norm", "for (int i = 0; i < 3; ++i) { }": "for",
        }.items()
    ),
    *(
        ({"retriever": {name: {}}}, f"The retriever [{name}]")
        for name in ("diversify", "pinned", "random_reranker", "rule", "text_similarity_reranker")
    ),
    *(
        ({"retriever": {"standard": {"query": {"match_all": {}}, name: value}}}, f"[{name}] of [standard]")
        for name, value in {"_name": "a", "collapse": {}, "search_after": [1], "sort": ["n"]}.items()
    ),
    ({"query": {"term": {"tag": {"value": "x", "case_insensitive": True}}}}, "[case_insensitive] of [term]"),
    ({"query": {"terms": {"tag": {"index": "i", "id": "1", "path": "tag"}}}}, "looks its values up"),
    ({"query": {"range": {"n": {"gte": 1, "format": "yyyy"}}}}, "[format] of [range]"),
    ({"query": {"range": {"title": {"gte": "a"}}}}, "[range] on a field of type [text]"),
    ({"query": {"bool": {"should": [], "minimum_should_match": "50%"}}}, "[minimum_should_match: 50%]"),
    *(
        (inner_hits(**{name: value}), f"[{name}] of [inner_hits]")
        for name, value in {"sort": ["n"], "highlight": {}, "version": True, "ignore_unmapped": True}.items()
    ),
    (inner_hits(_source=["w"]), "Names of fields in the [_source] of [inner_hits]"),
    ({"query": {"nested": {"path": "parts", "query": {"match_all": {"_name": "a"}}}}}, "[_name] in a [nested] query"),
    ({"retriever": {"standard": {"query": {"match_all": {"_name": "a"}}}}}, "[_name] in a [retriever]"),
    ({"rescore": {"query": {"rescore_query": {"match_all": {"_name": "a"}}}}}, "[_name] in [rescore]"),
    ({"collapse": {"field": "tag", "inner_hits": {"name": "all"}}}, "[inner_hits] of [collapse]"),
    ({"docvalue_fields": [{"field": "n", "format": "0"}]}, "[format] of [docvalue_fields]"),
    ({"docvalue_fields": ["t*"]}, "A pattern ([t*]) in [docvalue_fields]"),
    ({"retriever": {"linear": {"retrievers": [], "normalizer": "minmax"}}}, "[normalizer] of [linear]"),
    (script("doc['v'].vectorValues"), "[doc['v'].vectorValues] without [.next()]"),
    (script("doc['v'].magnitudes"), "[doc['v'].magnitudes] as a whole"),
    (script("doc['v'].magnitudes[params.q]"), "[doc['v'].magnitudes] at [params]"),
    ({"query": {"script_score": {"query": {"match_all": {}}, "script": {"id": "stored"}}}}, "[id] of [script]"),
    ({"query": {"script_score": {"query": {"match_all": {}}, "script": {"source": "1", "lang": "mustache"}}}}, "lang"),
    ({"rescore": {"window_size": 3, "learning_to_rank": {}}}, "[learning_to_rank] of [rescore]"),
    ({"_source": ["t*"]}, "A pattern ([t*]) in [_source]"),
    ({"_source": {"include": ["a"]}}, "[include] of [_source]"),
    ({"fields": ["t*"]}, "A pattern ([t*]) in [fields]"),
    ({"fields": [{"field": "n", "format": "0"}]}, "[format] of [fields]"),
    ({"fields": ["parts.w"]}, "A nested field ([parts.w])"),
]  # fmt: skip


DECLINED_INDICES = [
    *(
        (field(kind), f"The field type [{kind}]")
        for kind in ("alias", "date", "geo_point", "half_float", "semantic_text")
    ),
    (field("text", analyzer="english"), "[analyzer] of the field type [text]"),
    (field("text", fields={"raw": {"type": "keyword"}}), "[fields] of the field type [text]"),
    (field("keyword", ignore_above=256), "[ignore_above] of the field type [keyword]"),
    (field("integer", index=False), "[index] of the field type [integer]"),
    (field("object", enabled=False), "[enabled] of the field type [object]"),
    (field("rank_vectors", meta={}), "[meta] of the field type [rank_vectors]"),
    (field("dense_vector", index_options={"type": "int4_hnsw"}), "The vector index [int4_hnsw]"),
    (field("dense_vector", index_options={"type": "bbq_disk", "cluster_size": 384}), "[cluster_size]"),
    ({"mappings": {"_source": {"enabled": False}}}, "[_source] of a mapping"),
    ({"mappings": {"dynamic_templates": []}}, "[dynamic_templates] of a mapping"),
    ({"mappings": {"dynamic": "runtime"}}, "[dynamic: runtime]"),
    ({"mappings": {"properties": {"a.b": {"type": "text"}}}}, "names a field with a dot"),
    ({"settings": {"number_of_shards": 3}}, "More than one shard"),
    ({"settings": {"codec": "best_compression"}}, "The index setting [index.codec]"),
    ({"settings": {"analysis": {"analyzer": {"a": {"type": "simple"}}}}}, "The index setting [index.analysis"),
    ({"aliases": {"b": {"routing": "1"}}}, "[routing] of [alias]"),
]

DECLINED_REQUESTS = [
    ("PUT", "/i/_mapping", {"properties": {"z": {"type": "text"}}}),
    ("PUT", "/i/_settings", {"codec": "best_compression"}),
    ("POST", "/_aliases", {"actions": [{"remove_index": {"index": "i"}}]}),
    ("PUT", "/i/_alias/b", {"is_write_index": True}),
    ("POST", "/i/_forcemerge?only_expunge_deletes=true", None),
    ("GET", "/i/_search?search_type=query_then_fetch", {"retriever": ONE}),
    ("POST", "/i/_update/9", {"doc": {"n": 1}}),
    ("PUT", "/i/_create/10", {"n": 1}),
    ("PUT", "/new/_doc/1", {"n": 1}),
    ("GET", "/_search", None),
    ("GET", "/i,j/_search", None),
    ("GET", "/i*/_count", None),
    ("DELETE", "/*", None),
    ("GET", "/_cluster/health", None),
    ("GET", "/i/_termvectors/1", None),
    ("POST", "/_sql", {}),
    ("POST", "/_bulk", b'{"update":{"_index":"i","_id":"9"}}\n{"doc":{"n":1}}\n'),
    ("POST", "/_bulk", b'{"index":{"_index":"i","_id":"9","routing":"a"}}\n{"n":1}\n'),
    ("POST", "/i/_mget", {"docs": [{"_id": "9"}]}),
    *(
        ("GET", f"/i/_search?{name}=1", None)
        for name in ("rest_total_hits_as_int", "scroll", "q", "preference", "filter_path", "pretty")
    ),
    *(("PUT", f"/i/_doc/9?{name}=1", {"n": 1}) for name in ("if_seq_no", "op_type", "routing", "pipeline", "timeout")),
    ("POST", "/_bulk?_source=true", b'{"index":{"_index":"i","_id":"9"}}\n{"n":1}\n'),
]
