"""Running a parsed score script over many documents at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lateint_ref.checks import Int64Array
from workbook.elasticsearch._errors import NOT_IMPLEMENTED, NodeError, illegal, not_implemented
from workbook.elasticsearch._fieldtypes import NUMBERS, VECTORS, Field
from workbook.elasticsearch._script_parse import Node, parse_script, script_error
from workbook.elasticsearch._script_vectors import FUNCTIONS, no_field
from workbook.elasticsearch._space import Space

Values = NDArray[Any]
_MATH: dict[str, Callable[..., Any]] = {
    "abs": np.abs, "ceil": np.ceil, "exp": np.exp, "floor": np.floor, "log": np.log, "log10": np.log10,
    "max": np.maximum, "min": np.minimum, "pow": np.power, "sqrt": np.sqrt, "tanh": np.tanh,
}  # fmt: skip
_CONSTANTS = {"PI": np.pi, "E": np.e}
_PAIRS = {"max", "min", "pow"}


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
        self._program = parse_script(source)
        try:
            _check_names(self._program, set())
        except NodeError as error:
            raise (error if error.kind == NOT_IMPLEMENTED else script_error(source, "compile error", error)) from error

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
                found = _Run(self, space, scores).statements(self._program, rows, {})
            return np.broadcast_to(np.asarray(found, np.float64), rows.shape).copy()
        except NodeError as error:
            raise script_error(self.source, "runtime error", error) from error
        except (TypeError, ValueError, AttributeError) as error:
            cause = NodeError(400, "class_cast_exception", f"Cannot apply an operation of the script: {error}")
            raise script_error(self.source, "runtime error", cause) from error


def _check_names(nodes: tuple[Node, ...], known: set[str]) -> None:
    for node in nodes:
        if node.kind == "name" and node.value not in known | {"params", "doc", "_score", "Math"}:
            if node.value in ("ctx", "emit", "field", "List", "Map", "String"):
                raise not_implemented(f"[{node.value}] in a script")
            raise illegal(f"cannot resolve symbol [{node.value}]")
        if node.kind == "call" and node.value not in FUNCTIONS and node.value not in ("saturation", "sigmoid"):
            if node.value in ("field", "decayNumericLinear", "decayNumericExp", "decayNumericGauss", "randomScore"):
                raise not_implemented(f"[{node.value}] in a script")
            raise illegal(f"Unknown call [{node.value}] with [{len(node.parts)}] arguments.")
        wanted = {"saturation": 2, "sigmoid": 3}.get(node.value, 2) if node.kind == "call" else None
        if wanted not in (None, len(node.parts)):
            raise illegal(f"Unknown call [{node.value}] with [{len(node.parts)}] arguments.")
        _check_names(node.parts, set(known) if node.kind == "block" else known)
        if node.kind == "set":
            known.add(node.value[1])


class _Run:
    def __init__(self, script: Script, space: Space, scores: Callable[[Int64Array], Values]) -> None:
        self.script, self.space, self.scores = script, space, scores

    def statements(self, program: tuple[Node, ...], rows: Int64Array, names: dict[str, Any]) -> Any:
        """The value that the statements return for these rows."""
        if not program:
            raise illegal("not all paths of the script return a value")
        first, rest = program[0], program[1:]
        if first.kind in ("return", "value") and (first.kind == "return" or not rest):
            return self.value(first.parts[0], rows, names)
        if first.kind == "value":
            raise illegal("Not a statement: result not used from an expression.")
        if first.kind == "set":
            kind, name = first.value
            found = self.value(first.parts[0], rows, names)
            if kind in ("int", "long") and not np.issubdtype(np.asarray(found).dtype, np.integer):
                raise NodeError(400, "class_cast_exception", f"Cannot cast from [double] to [{kind}].")
            if kind in ("double", "float"):
                found = np.asarray(found, np.float32 if kind == "float" else np.float64)
            return self.statements(rest, rows, {**names, name: found})
        if first.kind == "block":
            return self.statements((*first.parts, *rest), rows, names)
        condition, yes, no = first.parts
        return self.either(
            self.value(condition, rows, names),
            rows,
            names,
            lambda part, inner: self.statements((*yes.parts, *rest), part, inner),
            lambda part, inner: self.statements((*no.parts, *rest), part, inner),
        )

    def either(
        self,
        condition: Any,
        rows: Int64Array,
        names: dict[str, Any],
        yes: Callable[[Int64Array, dict[str, Any]], Any],
        no: Callable[[Int64Array, dict[str, Any]], Any],
    ) -> Any:
        """One branch or the other, each run only for its own documents."""
        chosen = np.asarray(condition)
        if chosen.dtype != np.bool_:
            raise NodeError(400, "class_cast_exception", "Cannot cast from [double] to [boolean].")
        if chosen.all() or not chosen.any():
            return (yes if chosen.all() else no)(rows, names)
        found: Values | None = None
        for mask, branch in ((chosen, yes), (~chosen, no)):
            inner = {name: value[mask] if np.ndim(value) else value for name, value in names.items()}
            part = np.asarray(branch(rows[mask], inner))
            kind = part.dtype if found is None else np.result_type(found, part)
            found = np.zeros(len(rows), kind) if found is None else found.astype(kind)
            found[mask] = part
        return found

    def value(self, node: Node, rows: Int64Array, names: dict[str, Any]) -> Any:
        """An expression's value: one for all rows, or an array of one each."""
        if node.kind == "literal":
            return node.value
        if node.kind == "name":
            if node.value in names:
                return names[node.value]
            return self.scores(rows).astype(np.float64) if node.value == "_score" else node.value
        if node.kind == "choose":
            condition = self.value(node.parts[0], rows, names)
            branches = [lambda part, inner, which=which: self.value(which, part, inner) for which in node.parts[1:]]
            return self.either(condition, rows, names, *branches)
        if node.kind == "binary" and node.value in ("&&", "||"):
            left = self.value(node.parts[0], rows, names)
            right = lambda part, inner: self.value(node.parts[1], part, inner)  # noqa: E731
            fixed = lambda _part, _inner: node.value == "||"  # noqa: E731
            return self.either(left, rows, names, *((right, fixed) if node.value == "&&" else (fixed, right)))
        if node.kind == "call":
            return self.call(node, rows, names)
        if node.kind in ("member", "item", "method"):
            return self.access(node, rows, names)
        return _operate(node.value, [self.value(part, rows, names) for part in node.parts])

    def call(self, node: Node, rows: Int64Array, names: dict[str, Any]) -> Any:
        arguments = [self.value(part, rows, names) for part in node.parts]
        if node.value == "saturation":
            value, k = (np.asarray(item, np.float64) for item in arguments)
            return value / (k + value)
        if node.value == "sigmoid":
            value, k, a = (np.asarray(item, np.float64) for item in arguments)
            return value**a / (k**a + value**a)
        query, field = arguments
        if not isinstance(field, str):
            raise NodeError(400, "class_cast_exception", f"[{node.value}] takes the name of a field as a string")
        if query is None:
            raise NodeError(400, "null_pointer_exception", f"the query vector of [{node.value}] is null: no such param")
        return FUNCTIONS[node.value](self.space, rows, query, field).astype(np.float64)  # Painless has them as double

    def access(self, node: Node, rows: Int64Array, names: dict[str, Any]) -> Any:
        base = node.parts[0]
        if base.kind == "name" and base.value == "params":
            key = node.value if node.kind == "member" else self.value(node.parts[1], rows, names)
            return self.script.params.get(key)
        if base.kind == "name" and base.value == "Math":
            if node.kind == "member" and node.value in _CONSTANTS:
                return _CONSTANTS[node.value]
            if node.kind == "method" and node.value in _MATH:
                arguments = [self.value(part, rows, names) for part in node.parts[1:]]
                if len(arguments) == (2 if node.value in _PAIRS else 1):
                    return _MATH[node.value](*arguments)
            raise not_implemented(f"[Math.{node.value}] in a script")
        if base.kind == "item" and base.parts[0].kind == "name" and base.parts[0].value == "doc":
            return self.doc(self.value(base.parts[1], rows, names), node.value, rows)
        raise not_implemented(f"[.{node.value or '[]'}] in this place of a script")

    def doc(self, path: Any, what: str, rows: Int64Array) -> Any:
        field = self.space.mapping.fields.get(path)
        if field is None:
            raise no_field(path)
        if what in ("size", "length", "empty", "isEmpty"):
            sizes = self._sizes(field, rows)
            return sizes == 0 if what in ("empty", "isEmpty") else sizes
        if what != "value" or field.kind in VECTORS:
            raise not_implemented(f"[doc['{path}'].{what}] in a script")
        if field.kind == "text":
            raise illegal(
                f"Fielddata is disabled on [{path}] in this index. Text fields are not optimised for scripts."
            )
        found = [self.space.parts[row].values.get(path) for row in rows]
        if not all(found):
            raise NodeError(
                400,
                "illegal_state_exception",
                "A document doesn't have a value for a field! Use doc[<field>].size()==0 to check if a document is "
                "missing a field!",
            )
        values = np.array([min(item) if item else None for item in found])
        return values.astype(np.float64) if field.kind in NUMBERS and values.dtype.kind == "f" else values

    def _sizes(self, field: Field, rows: Int64Array) -> Values:
        if field.kind == "rank_vectors":
            held = (self.space.parts[row].vectors.get(field.path) for row in rows)
            return np.array([0 if vectors is None else len(vectors) for vectors in held], np.int64)
        if field.kind == "dense_vector":
            return np.array([int(field.path in self.space.parts[row].vectors) for row in rows], np.int64)
        return np.array([len(self.space.parts[row].values.get(field.path, ())) for row in rows], np.int64)


def _operate(sign: str, values: list[Any]) -> Any:
    if any(value is None for value in values):
        if sign in ("==", "!="):
            same = values[0] is values[1]
            return same if sign == "==" else not same
        raise NodeError(400, "null_pointer_exception", f"Cannot apply [{sign}] to null")
    arrays = [np.asarray(value) for value in values]
    if sign not in ("==", "!=", "!") and any(array.dtype.kind not in "if" for array in arrays):
        raise NodeError(400, "class_cast_exception", f"Cannot apply [{sign}] operation to types other than numbers.")
    if len(arrays) == 1:
        if sign == "!":
            return ~arrays[0].astype(bool) if arrays[0].dtype == np.bool_ else _operate("-", [arrays[0], "x"])
        return -arrays[0] if sign == "-" else arrays[0]
    left, right = arrays
    whole = left.dtype.kind == "i" and right.dtype.kind == "i"
    if sign in "/%" and whole:
        if (right == 0).any():
            raise NodeError(400, "arithmetic_exception", "/ by zero")
        quotient = np.trunc(left / right).astype(np.int64)  # Java cuts towards zero
        return quotient if sign == "/" else left - quotient * right
    return {
        "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "%": np.fmod, "<": np.less,
        "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal, "==": np.equal, "!=": np.not_equal,
    }[sign](left, right)  # fmt: skip
