"""A small part of Painless, the server's script language: one expression that scores a document, and never `eval`.

What there is: numbers, `params.x` and `params['x']`, `_score`, `doc['f'].size()` and `doc['f'].empty`, the vector
functions, numbers of a vector (`doc['f'].magnitudes[0]`, `doc['f'].vectorValues.next()[0]`), `+ - * /`, comparisons,
`a ? b : c`, parentheses. Statements, variables, `Math` and other values of a document are a 400 that names them.

Source: Elasticsearch's Painless language specification.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lateint_ref.checks import Int64Array
from workbook.elasticsearch.functions import FUNCTIONS, element, no_field
from workbook.elasticsearch.reading import NOT_IMPLEMENTED, NodeError, illegal, not_implemented
from workbook.elasticsearch.space import Space

Values = NDArray[Any]
_TOKEN = re.compile(
    r"""\s+|//[^\n]*|/\*.*?\*/
    |(?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?[fFdDlL]?)
    |(?P<string>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")
    |(?P<name>[A-Za-z_$][A-Za-z_0-9]*)
    |(?P<sign>==|!=|<=|>=|&&|\|\||[-+*/%<>!?:.,;()\[\]{}=])""",
    re.VERBOSE | re.DOTALL,
)
_ELSEWHERE = {
    "%", "&&", "||", "!", "=", "{", "}", "def", "double", "float", "int", "long", "boolean", "String", "if", "for",
    "while", "do", "new", "true", "false", "null", "Math", "List", "Map", "ctx", "emit", "field", "saturation",
    "sigmoid", "l1norm", "hamming", "randomScore", "decayNumericLinear", "decayNumericExp", "decayNumericGauss", "$",
}  # fmt: skip
_LEVELS = (("==", "!="), ("<", "<=", ">", ">="), ("+", "-"), ("*", "/"))
_OPERATIONS: dict[str, Callable[..., Any]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "<": np.less, "<=": np.less_equal,
    ">": np.greater, ">=": np.greater_equal, "==": np.equal, "!=": np.not_equal,
}  # fmt: skip
_DEPTH = 40


@dataclass(frozen=True)
class Node:
    """One piece of a parsed script: `kind` says what, `value` holds a literal or name, `parts` the pieces below."""

    kind: str
    value: Any = None
    parts: tuple[Node, ...] = ()


class Script:
    """A score script, parsed once.

    Attributes:
        source: its text.
        params: what the request passes to it.
    """

    def __init__(self, source: str, params: dict[str, Any]) -> None:
        """Parse a script and check its names.

        Raises:
            NodeError: 400 `script_exception`, compile error.
        """
        self.source, self.params = source, params
        try:
            self._root = _Parser(_tokens(source)).script()
        except NodeError as error:
            raise self._error("compile error", error) from error

    def run(self, space: Space, rows: Int64Array, scores: Callable[[Int64Array], Values]) -> NDArray[np.float64]:
        """The script's value for each of these documents: float64 `(len(rows),)`.

        Args:
            space: the documents.
            rows: which of them.
            scores: gives `_score` for rows.

        Raises:
            NodeError: 400 `script_exception`, runtime error.
        """
        try:
            with np.errstate(all="ignore"):
                found = _array(_Run(self.params, space, scores).value(self._root, rows))
            if found.dtype.kind not in "if":
                raise _cast("Cannot cast the script's value to [double].")
            return np.broadcast_to(found.astype(np.float64), rows.shape).copy()
        except NodeError as error:
            raise self._error("runtime error", error) from error

    def _error(self, phase: str, cause: NodeError) -> NodeError:
        if cause.kind == NOT_IMPLEMENTED:
            return cause
        stack = [self.source if len(self.source) <= 200 else self.source[:200] + "..."]
        extra: dict[str, Any] = {"script_stack": stack, "script": self.source, "lang": "painless"}
        return NodeError(400, "script_exception", phase, cause, **extra)


def _cast(reason: str) -> NodeError:
    return NodeError(400, "class_cast_exception", reason)


def _tokens(source: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            raise illegal(f"unexpected character [{source[at]}].")
        if match.lastgroup:
            found.append((match.lastgroup, match[0]))
        at = match.end()
    for kind, text in found:
        if kind != "string" and text in _ELSEWHERE:
            raise not_implemented(f"[{text}] in a script")
    return [*found, ("end", "<EOF>")]


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens, self.at, self.depth = tokens, 0, 0

    def peek(self) -> str:
        kind, text = self.tokens[self.at]
        return "" if kind == "string" else text

    def accept(self, *texts: str) -> str:
        found = self.peek()
        if found not in texts:
            return ""
        self.at += 1
        return found

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise self.unexpected(text)

    def unexpected(self, wanted: str) -> NodeError:
        kind, text = self.tokens[self.at]
        if kind == "end":
            return illegal("unexpected end of script.")
        return illegal(f"invalid sequence of tokens near ['{text}']: expected [{wanted}].")

    def script(self) -> Node:
        self.accept("return")
        found = self.expression()
        self.accept(";")
        if self.peek() == "<EOF>":
            return found
        raise (
            not_implemented("More than one statement in a script") if self.peek() == "return" else self.unexpected(";")
        )

    def expression(self) -> Node:
        self.depth += 1
        if self.depth > _DEPTH:
            raise illegal("the script is nested too deeply")
        found = self.binary(0)
        if self.accept("?"):
            yes = self.expression()
            self.expect(":")
            found = Node("choose", parts=(found, yes, self.expression()))
        self.depth -= 1
        return found

    def binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self.unary()
        found = self.binary(level + 1)
        while sign := self.accept(*_LEVELS[level]):
            found = Node("binary", sign, (found, self.binary(level + 1)))
        return found

    def unary(self) -> Node:
        signs = 0
        while self.accept("-"):
            signs += 1
        found = self.primary()
        return Node("minus", parts=(found,)) if signs % 2 else found

    def primary(self) -> Node:
        kind, text = self.tokens[self.at]
        self.at += kind != "end"
        if kind == "number":
            return Node("literal", _number(text))
        if kind == "string":
            return Node("literal", re.sub(r"\\(.)", r"\1", text[1:-1]))
        if text == "(" and kind == "sign":
            found = self.expression()
            self.expect(")")
            return found
        if kind != "name":
            self.at -= kind != "end"
            raise self.unexpected("expression")
        if self.peek() == "(":
            return self.call(text)
        if text == "_score":
            return Node("score")
        if text == "params":
            return Node("param", self.key(self.accept("[") or self.accept(".")))
        if text == "doc":
            self.expect("[")
            return self.of_document(self.key("["))
        raise illegal(f"cannot resolve symbol [{text}]")

    def key(self, opened: str) -> str:
        """What stands behind `params.` or between the brackets of `params['x']` and `doc['f']`."""
        kind, text = self.tokens[self.at]
        if kind != {"[": "string", ".": "name"}.get(opened):
            raise self.unexpected("a name")
        self.at += 1
        if opened == "[":
            self.expect("]")
            return text[1:-1]
        return text

    def of_document(self, field: str) -> Node:
        self.expect(".")
        what = self.tokens[self.at][1]
        self.at += self.tokens[self.at][0] != "end"
        if what in ("magnitude", "magnitudes", "vectorValue", "vectorValues"):
            return Node("element", (field, what, 0 if what == "magnitude" else self.position(field, what)))
        if what not in ("size", "empty"):
            raise not_implemented(f"[doc['{field}'].{what}] in a script")
        if what == "size":
            self.expect("(")
            self.expect(")")
        return Node(what, field)

    def position(self, field: str, what: str) -> int:
        """What stands between the brackets behind a vector's values."""
        if what == "vectorValues":
            for text in (".", "next", "(", ")"):
                if not self.accept(text):
                    raise not_implemented(f"[doc['{field}'].{what}] without [.next()] in a script")
        if not self.accept("["):
            raise not_implemented(f"[doc['{field}'].{what}] as a whole in a script")
        kind, text = self.tokens[self.at]
        if kind != "number" or not text.isdigit():
            raise not_implemented(f"[doc['{field}'].{what}] at [{text}] in a script")
        self.at += 1
        self.expect("]")
        return int(text)

    def call(self, name: str) -> Node:
        self.expect("(")
        arguments: list[Node] = []
        while not self.accept(")"):
            if arguments:
                self.expect(",")
            arguments.append(self.expression())
        if name not in FUNCTIONS or len(arguments) != 2:
            raise illegal(f"Unknown call [{name}] with [{len(arguments)}] arguments.")
        return Node("call", name, tuple(arguments))


def _number(text: str) -> int | float:
    if text[-1] in "fFdD" or not text.rstrip("lL").isdigit():
        return float(text.rstrip("fFdD"))
    if text[-1] not in "lL" and int(text) >= 2**31:
        raise illegal(f"Invalid int constant [{text}].")
    return int(text.rstrip("lL"))


class _Run:
    def __init__(self, params: dict[str, Any], space: Space, scores: Callable[[Int64Array], Values]) -> None:
        self.params, self.space, self.scores = params, space, scores

    def value(self, node: Node, rows: Int64Array) -> Any:
        """An expression's value: one for all rows, or an array of one each."""
        if node.kind == "literal":
            return node.value
        if node.kind == "param":
            return self.params.get(node.value)
        if node.kind == "score":
            return self.scores(rows).astype(np.float64)
        if node.kind == "element":
            return element(self.space, rows, *node.value).astype(np.float64)
        if node.kind in ("size", "empty"):
            sizes = self.sizes(node.value, rows)
            return sizes == 0 if node.kind == "empty" else sizes
        if node.kind == "choose":
            return self.choose(node, rows)
        values = [self.value(part, rows) for part in node.parts]
        return self.call(node.value, rows, *values) if node.kind == "call" else _operate(node.value or "-", values)

    def choose(self, node: Node, rows: Int64Array) -> Any:
        """One branch or the other, each run only for its own documents: that is what makes a guard a guard."""
        condition, yes, no = node.parts
        chosen = _array(self.value(condition, rows))
        if chosen.dtype != np.bool_:
            raise _cast("Cannot cast from [double] to [boolean].")
        chosen = np.broadcast_to(chosen, rows.shape)
        if chosen.all() or not chosen.any():
            return self.value(yes if chosen.all() else no, rows)
        parts = [_array(self.value(yes, rows[chosen])), _array(self.value(no, rows[~chosen]))]
        if any(part.dtype.kind not in "if" for part in parts):
            raise _cast("The branches of a choice must be numbers.")
        found = np.zeros(len(rows), np.result_type(*parts))
        found[chosen], found[~chosen] = parts
        return found

    def call(self, name: str, rows: Int64Array, query: Any, field: Any) -> Any:
        if not isinstance(field, str):
            raise _cast(f"[{name}] takes the name of a field as a string")
        if query is None:
            raise NodeError(400, "null_pointer_exception", f"the query vector of [{name}] is null: no such param")
        return FUNCTIONS[name](self.space, rows, query, field).astype(np.float64)  # Painless has them as double

    def sizes(self, path: str, rows: Int64Array) -> Values:
        """Values of a field in each document; of `rank_vectors`, its vectors."""
        field = self.space.mapping.fields.get(path)
        if field is None:
            raise no_field(path)
        if field.kind == "text":
            raise illegal(f"Fielddata is disabled on [{path}]. Text fields are not optimised for scripts.")
        parts = [self.space.parts[row] for row in rows]
        if field.kind == "dense_vector":
            return np.array([int(path in part.vectors) for part in parts], np.int64)
        held = "vectors" if field.kind == "rank_vectors" else "values"
        return np.array([len(getattr(part, held).get(path, ())) for part in parts], np.int64)


def _array(value: Any) -> Values:
    """A value as an array of one or of one a document; a list or string from `params` is no number."""
    if value is None:
        raise NodeError(400, "null_pointer_exception", "a value of the script is null: no such param")
    found = np.asarray(value if isinstance(value, (bool, int, float, np.generic, np.ndarray)) else "")
    return found if found.dtype.kind in "bif" else np.asarray("")


def _operate(sign: str, values: list[Any]) -> Any:
    if any(value is None for value in values):
        raise NodeError(400, "null_pointer_exception", f"Cannot apply [{sign}] to null")
    arrays = [_array(value) for value in values]
    if any(array.dtype.kind not in "if" for array in arrays):
        raise _cast(f"Cannot apply [{sign}] operation to types other than numbers.")
    if len(arrays) == 1:
        return -arrays[0]
    left, right = arrays
    if sign == "/" and left.dtype.kind == "i" and right.dtype.kind == "i":
        if (right == 0).any():
            raise NodeError(400, "arithmetic_exception", "/ by zero")
        return np.trunc(left / right).astype(np.int64)  # Java cuts towards zero
    return _OPERATIONS[sign](left, right)
