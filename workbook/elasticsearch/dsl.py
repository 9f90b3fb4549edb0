"""Queries, kNN and rescorers read from a request's JSON.

A `Scope` goes along everywhere: what a query has to know of the search around it, and what it leaves there.

Source: Elasticsearch reference, "Query DSL", "kNN search", "Rescore filtered search results".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from workbook.elasticsearch.hits import InnerHits, parse_inner_hits
from workbook.elasticsearch.knn import Knn
from workbook.elasticsearch.queries import (
    Bool,
    ConstantScore,
    Exists,
    Ids,
    Match,
    MatchAll,
    Nested,
    Query,
    Range,
    ScriptScore,
    Term,
)
from workbook.elasticsearch.ranking import MODES, Rescorer
from workbook.elasticsearch.reading import (
    Body,
    NodeError,
    build_error,
    field_error,
    illegal,
    not_implemented,
    parsing,
    token,
)
from workbook.elasticsearch.script import Script
from workbook.elasticsearch.vectors import parse_vector

MAX_CANDIDATES = MAX_WINDOW = 10_000
_SCORE_MODES = ("avg", "max", "min", "none", "sum")
_ELSEWHERE = {
    "boosting", "combined_fields", "dis_max", "distance_feature", "function_score", "fuzzy",
    "geo_bounding_box", "geo_distance", "geo_shape", "has_child", "has_parent", "intervals", "match_bool_prefix",
    "match_none", "match_phrase", "match_phrase_prefix", "more_like_this", "multi_match", "parent_id", "percolate",
    "pinned", "prefix", "query_string", "rank_feature", "regexp", "rule", "script", "semantic", "simple_query_string",
    "span_term", "sparse_vector", "terms_set", "text_expansion", "weighted_tokens", "wildcard", "wrapper",
}  # fmt: skip


@dataclass
class Scope:
    """Where in a search a query stands.

    Attributes:
        size: documents that the search returns: what `k` of a kNN query is by default.
        filters: what an alias demands; a kNN looks among those documents alone.
        named: the queries that have a `_name`.
        inner: the `inner_hits`.
        around: what keeps a query from having either here, or "".
    """

    size: int
    filters: list[Query] = field(default_factory=list)
    named: dict[str, Query] = field(default_factory=dict)
    inner: list[InnerHits] = field(default_factory=list)
    around: str = ""

    def inside(self, around: str, size: int | None = None) -> Scope:
        """The scope of a query within `around`, and of another size if that has one."""
        return replace(self, around=self.around or around, size=self.size if size is None else size)

    def add(self, query: Query, name: str | None, inner: InnerHits | None = None) -> Query:
        """Remember a query's name and inner hits, if it has them."""
        if self.around and (name is not None or inner is not None):
            raise not_implemented(f"[{'inner_hits' if name is None else '_name'}] in {self.around}")
        if name is not None:
            self.named[name] = query
        if inner is not None:
            self.inner.append(inner)
        return query


def parse_query(value: Any, scope: Scope) -> Query:
    """Read a query.

    Raises:
        NodeError: 400.
    """
    if not isinstance(value, dict):
        raise parsing(f"[_na] query malformed, must start with start_object, not {token(value)}")
    if not value:
        raise illegal("query malformed, empty clause found")
    name = next(iter(value))
    if len(value) > 1:
        raise parsing(f"[{name}] malformed query, expected [END_OBJECT] but found [FIELD_NAME]")
    if name in _ELSEWHERE:
        raise not_implemented(f"The query [{name}]")
    if name not in _PARSERS:
        cause = NodeError(400, "named_object_not_found_exception", f"unknown field [{name}]")
        raise NodeError(400, "parsing_exception", f"unknown query [{name}]", cause)
    if not isinstance(value[name], dict):
        raise parsing(f"[{name}] query malformed, no start_object after query name")
    given, label = _without_name(name, value[name])
    return scope.add(_PARSERS[name](given, scope), label)


def _without_name(kind: str, value: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """A query's JSON without its `_name`, which some have inside their one field, and that."""
    if kind in ("match", "range", "term") and len(value) == 1:
        name, inner = next(iter(value.items()))
        if not isinstance(inner, dict):
            return value, None
        inner, label = _without_name("", inner)
        return {name: inner}, label
    own = Body({key: item for key, item in value.items() if key == "_name"}, kind or "_name")
    return {key: item for key, item in value.items() if key != "_name"}, own.text("_name", None)


def parse_queries(value: Any, scope: Scope) -> list[Query]:
    """One query or a list of them, or none."""
    many = value if isinstance(value, list) else [] if value is None else [value]
    return [parse_query(item, scope) for item in many]


def _end(body: Body, query: bool = False) -> float:
    """The boost of a query whose other keys are taken."""
    boost: float = body.number("boost", 1.0)
    if boost < 0:
        raise illegal(f"negative [boost] are not allowed in [{body.where}], use a value between 0 and 1 to deboost")
    body.done(query)
    return boost


def _one_field(value: dict[str, Any], name: str, key: str, *known: str) -> tuple[str, Body]:
    """The `{field: {...}}` of term and match, where `{field: x}` is short for `{field: {key: x}}`."""
    if len(value) != 1:
        names = " and ".join(f"[{field}]" for field in list(value)[:2])
        raise parsing(
            f"[{name}] query doesn't support multiple fields, found {names}" if value else f"[{name}] is empty"
        )
    field, inner = next(iter(value.items()))
    if isinstance(inner, list) or inner is None:
        raise parsing(f"[{name}] unknown token [{token(inner)}] after [{field}]")
    return field, Body(inner if isinstance(inner, dict) else {key: inner}, name, known)


def _match_all(value: dict[str, Any], _scope: Scope) -> Query:
    body = Body(value, "match_all")
    return MatchAll(_end(body))


def _ids(value: dict[str, Any], _scope: Scope) -> Query:
    body = Body(value, "ids")
    values = body.take("values", [])
    values = values if isinstance(values, list) else [values]
    if any(isinstance(item, (dict, list, bool)) or item is None for item in values):
        raise parsing("Illegal value for id, expecting a string or number")
    return Ids({str(item) for item in values}, _end(body))


def _exists(value: dict[str, Any], _scope: Scope) -> Query:
    body = Body(value, "exists")
    field = body.text("field", None)
    if not field:
        raise parsing("[exists] must be provided with a [field]")
    return Exists(field, _end(body))


def _term(value: dict[str, Any], _scope: Scope) -> Query:
    field, body = _one_field(value, "term", "value", "case_insensitive")
    if "term" in body.left() and "value" in body.left():
        raise parsing("[term] takes [value] or its older name [term], not both")
    wanted = body.take("value") if "value" in body.left() else body.take("term")
    boost = _end(body, query=True)
    if wanted is None:
        raise illegal("value cannot be null")
    if isinstance(wanted, (list, dict)):
        raise parsing("[term] query does not support array of values")
    return Ids({str(wanted)}, boost) if field == "_id" else Term(field, [wanted], boost)


def _terms(value: dict[str, Any], _scope: Scope) -> Query:
    rest = {key: inner for key, inner in value.items() if key != "boost"}
    body = Body({key: inner for key, inner in value.items() if key not in rest}, "terms")
    boost = _end(body, query=True)
    if len(rest) != 1:
        raise parsing(
            "[terms] query requires a field name, followed by array of terms or a document lookup specification"
        )
    field, values = next(iter(rest.items()))
    if isinstance(values, dict):
        raise not_implemented("A [terms] query that looks its values up in a document")
    if not isinstance(values, list):
        raise parsing(f"[terms] query does not support [{field}]")
    if any(isinstance(item, (dict, list)) or item is None for item in values):
        raise parsing("No value specified for terms query")
    return Ids(set(map(str, values)), boost) if field == "_id" else Term(field, values, boost, constant=True)


def _range(value: dict[str, Any], _scope: Scope) -> Query:
    field, body = _one_field(value, "range", "_", "format", "time_zone", "relation", "from", "to")
    ends = {name: found for name in ("gt", "gte", "lt", "lte") if (found := body.take(name)) is not None}
    return Range(field, ends, _end(body, query=True))


def _match(value: dict[str, Any], _scope: Scope) -> Query:
    known = "analyzer auto_generate_synonyms_phrase_query cutoff_frequency fuzziness fuzzy_rewrite \
fuzzy_transpositions lenient max_expansions minimum_should_match operator prefix_length zero_terms_query"
    field, body = _one_field(value, "match", "query", *known.split())
    wanted = body.take("query")
    boost = _end(body, query=True)
    if wanted is None:
        raise illegal("[match] requires query value")
    if isinstance(wanted, (dict, list)):
        raise parsing(f"[match] unknown token [{token(wanted)}] after [query]")
    return Match(field, wanted, boost)


def _bool(value: dict[str, Any], scope: Scope) -> Query:
    body = Body(value, "bool", ["adjust_pure_negative"])
    must, should, required, forbidden = (
        parse_queries(body.take(name), scope) for name in ("must", "should", "filter", "must_not")
    )
    least = body.text("minimum_should_match", None)
    boost = _end(body)
    if least is not None and not least.isdigit():
        if least.strip("-0123456789%<") == "":
            raise not_implemented(f"[minimum_should_match: {least}]")
        raise illegal(f'For input string: "{least}"')
    return Bool(must, should, required, forbidden, None if least is None else int(least), boost)


def _nested(value: dict[str, Any], scope: Scope) -> Query:
    body = Body(value, "nested", ["ignore_unmapped"])
    path, inner, mode = body.text("path", None), body.take("query"), body.text("score_mode", "avg")
    shown = body.take("inner_hits")
    boost = _end(body)
    if path is None or inner is None:
        raise illegal(f"[nested] requires '{'path' if path is None else 'query'}' field")
    if mode not in _SCORE_MODES:
        raise illegal(f"No score mode for child query [{mode}] found")
    query = parse_query(inner, scope.inside("a [nested] query"))
    return scope.add(
        Nested(path, query, mode, boost), None, None if shown is None else parse_inner_hits(shown, query, path)
    )


def _constant_score(value: dict[str, Any], scope: Scope) -> Query:
    body = Body(value, "constant_score")
    inner, boost = body.take("filter"), _end(body, query=True)
    if inner is None:
        raise parsing("[constant_score] requires a 'filter' element")
    return ConstantScore(parse_query(inner, scope), boost)


def _script_score(value: dict[str, Any], scope: Scope) -> Query:
    body = Body(value, "script_score")
    inner, script, least = body.take("query"), body.take("script"), body.number("min_score", None)
    boost = _end(body)
    if inner is None or script is None:
        raise parsing(f"[script_score] Required [{'query' if inner is None else 'script'}]")
    return ScriptScore(parse_query(inner, scope), _script(script), least, boost)


def _script(value: Any) -> Script:
    """A `script`: its source, or an object with source and params."""
    body = Body({"source": value} if isinstance(value, str) else value, "script", ["id", "options"])
    source, language, params = body.take("source"), body.text("lang", "painless"), body.take("params", {})
    body.done()
    if not isinstance(source, str):
        what = "must specify either [source] for an inline script or [id] for a stored script"
        raise illegal(f"{what}, got {token(source)}")
    if language != "painless":
        if language in ("expression", "mustache"):
            raise not_implemented(f"The script language [{language}]")
        raise illegal(f"script_lang not supported [{language}]")
    if not isinstance(params, dict):
        raise parsing(f"[script] params doesn't support values of type: {token(params)}")
    return Script(source, params)


def _knn(value: dict[str, Any], scope: Scope) -> Query:
    try:
        return parse_knn(value, scope)
    except NodeError as error:
        if error.kind != "illegal_argument_exception":
            raise
        raise build_error("knn", error) from error


_PARSERS: dict[str, Callable[[dict[str, Any], Scope], Query]] = {
    "bool": _bool,
    "constant_score": _constant_score,
    "exists": _exists,
    "ids": _ids,
    "knn": _knn,
    "match": _match,
    "match_all": _match_all,
    "nested": _nested,
    "range": _range,
    "script_score": _script_score,
    "term": _term,
    "terms": _terms,
}


def parse_knn(value: Any, scope: Scope, *, section: bool = False, retriever: bool = False) -> Knn:
    """Read a kNN query, or the body of a kNN section or retriever.

    Raises:
        NodeError: 400.
    """
    body = Body(value, "knn", ["_name", "query_vector_builder"])
    field, vector = body.text("field"), body.take("query_vector")
    given = [body.integer(name) if retriever else body.integer(name, None) for name in ("k", "num_candidates")]
    k, candidates = given
    if isinstance(vector, str):
        try:
            parse_vector(vector, "byte")
        except NodeError as error:
            raise field_error("knn", "query_vector", error) from error
    similarity: float | None = body.number("similarity", None)
    filters = parse_queries(body.take("filter"), scope.inside("the filter of a [knn]"))
    _check_rescore_vector(body.take("rescore_vector"))
    visited = body.number("visit_percentage", None)
    if visited is not None and not 0 <= visited <= 100:
        raise illegal(f"[visit_percentage] must be between 0.0 and 100.0, got [{visited}]")
    name, inner = (body.text("_name", None), body.take("inner_hits")) if section else (None, None)
    boost = _end(body)
    if vector is None:
        raise illegal("either [query_vector_builder] or [query_vector] must be provided")
    if k is None:
        k = scope.size if candidates is None or section else min(scope.size, candidates)
    if k < 1 and (section or retriever or scope.size):
        raise illegal("[k] must be greater than 0")
    if candidates is not None:
        if candidates < 1:
            raise illegal("[num_candidates] must be greater than 0")
        if candidates < k:
            raise illegal("[num_candidates] cannot be less than [k]")
        if candidates > MAX_CANDIDATES:
            raise illegal(f"[num_candidates] cannot exceed [{MAX_CANDIDATES}]")
    elif k > MAX_CANDIDATES:
        raise illegal("[num_candidates] cannot be less than [k]")
    found = Knn(field, vector, k, [*filters, *scope.filters], similarity, boost, section or retriever)
    scope.add(found, name, None if inner is None else parse_inner_hits(inner, found, None))
    return found


def _check_rescore_vector(value: Any) -> None:
    """`rescore_vector` scores candidates again with the vectors as sent, which is what the local node does anyway."""
    if value is None:
        return
    body = Body(value, "rescore_vector")
    oversample: float = body.number("oversample")
    body.done()
    if not (oversample == 0 or 1 <= oversample <= 10):
        raise illegal("[oversample] must be greater or equal to 1.0 and less than or equal to 10.0")


def parse_rescore(value: Any, scope: Scope) -> list[Rescorer]:
    """One `rescore` object or a list of them.

    Raises:
        NodeError: 400.
    """
    return [_rescorer(item, scope) for item in (value if isinstance(value, list) else [value])]


def _rescorer(value: Any, scope: Scope) -> Rescorer:
    outer = Body(value, "rescore", ["learning_to_rank", "script"])
    window, inner = outer.integer("window_size", 10), outer.take("query")
    outer.done()
    if inner is None:
        raise parsing("missing rescore type")
    if window < 1:
        raise illegal(f"window_size must be greater than or equal to 1, got [{window}]")
    if window > MAX_WINDOW:
        raise illegal(
            f"Rescore window [{window}] is too large. It must be less than [{MAX_WINDOW}]. This prevents allocating "
            f"massive heaps for storing the results to be rescored. This limit can be set by changing the "
            f"[index.max_rescore_window] index level setting."
        )
    body = Body(inner, "query")
    query, mode = body.take("rescore_query"), str(body.text("score_mode", "total")).lower()
    first, second = body.number("query_weight", 1.0), body.number("rescore_query_weight", 1.0)
    body.done()
    if query is None:
        raise parsing(f"[query] Required [rescore_query], got {token(query)}")
    if mode not in MODES:
        raise illegal(f"illegal score_mode [{mode}]")
    return Rescorer(parse_query(query, scope.inside("[rescore]")), window, first, second, mode)
