"""Other names of an index, each with a filter where it has one: the alias APIs.

An alias of several indices, routing and a write index are a 400 that says so.

Source: Elasticsearch reference, "Aliases".
"""

from __future__ import annotations

from typing import Any

from workbook.elasticsearch.dsl import Scope, parse_query
from workbook.elasticsearch.index import Alias, Store, check_index_name
from workbook.elasticsearch.reading import Body, NodeError, invalid_request, not_implemented, parsing, token

_ELSEWHERE = ["index_routing", "is_hidden", "is_write_index", "routing", "search_routing"]


def add(store: Store, name: str, index: str, value: Any) -> None:
    """Give an index another name, or change that name's filter.

    Args:
        store: the node's indices.
        name: the alias.
        index: the index's own name, or an alias of it.
        value: the JSON of the alias, or None.

    Raises:
        NodeError: 400, 404.
    """
    body = Body({} if value is None else value, "alias", _ELSEWHERE)
    condition = body.take("filter")
    body.done()
    if condition is not None:
        parse_query(condition, Scope(0, around="an alias"))
    target = store.index(index).name
    check_index_name(name)
    if name in store.indices:
        reason = f"Invalid alias name [{name}]: an index or data stream exists with the same name as the alias"
        raise NodeError(400, "invalid_alias_name_exception", reason)
    if name in store.aliases and store.aliases[name].target != target:
        raise not_implemented(f"An alias of several indices ([{name}])")
    store.aliases[name] = Alias(target, {} if condition is None else {"filter": condition})


def remove(store: Store, name: str, index: str) -> None:
    """Take an alias away.

    Raises:
        NodeError: 404.
    """
    target = store.index(index).name
    if name not in store.aliases or store.aliases[name].target != target:
        raise NodeError(404, "aliases_not_found_exception", f"aliases [{name}] missing")
    del store.aliases[name]


def update(store: Store, value: Any) -> None:
    """Carry out a list of actions, all of them or none.

    Raises:
        NodeError: 400, 404.
    """
    body = Body(value, "aliases", ["master_timeout", "timeout"])
    actions = body.take("actions", [])
    body.done()
    if not isinstance(actions, list) or not actions:
        raise invalid_request("Must specify at least one alias action")
    before = dict(store.aliases)
    try:
        for action in actions:
            _act(store, action)
    except NodeError:
        store.aliases = before
        raise


def _act(store: Store, action: Any) -> None:
    if not isinstance(action, dict) or len(action) != 1:
        raise parsing(f"[alias_action] takes one action, got {token(action)}")
    kind, value = next(iter(action.items()))
    if kind == "remove_index":
        raise not_implemented("The alias action [remove_index]")
    if kind not in ("add", "remove"):
        raise parsing(f"[alias_action] unknown field [{kind}]")
    body = Body(value, kind, ["aliases", "indices", "must_exist", *_ELSEWHERE])
    index, name = body.text("index"), body.text("alias")
    if kind == "add":
        condition = body.take("filter")
        body.done()
        add(store, name, index, None if condition is None else {"filter": condition})
    else:
        body.done()
        remove(store, name, index)


def show(store: Store, index: str | None = None, name: str | None = None) -> dict[str, Any]:
    """The aliases of all indices or of one, or one alias.

    Raises:
        NodeError: 404.
    """
    target = None if index is None else store.index(index).name
    found: dict[str, Any] = {own: {"aliases": {}} for own in store.indices if name is None and target in (None, own)}
    for alias, entry in store.aliases.items():
        if name in (None, alias) and target in (None, entry.target):
            found.setdefault(entry.target, {"aliases": {}})["aliases"][alias] = entry.shown
    if name is not None and not found:
        raise NodeError(404, "aliases_not_found_exception", f"alias [{name}] missing")
    return found
