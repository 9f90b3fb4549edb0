"""A small part of Painless, the server's script language: enough for scores, and never `eval`.

Statements: `return e;`, `double name = e;` (also float, int, long, boolean, def), `if (e) {...} else {...}`, and a
last expression without `return`. Expressions: numbers, strings, `params.x`, `params['x']`, `doc['f'].size()`,
`doc['f'].value`, `_score`, calls, arithmetic, comparisons, `&& || !`, `a ? b : c`.

Source: Elasticsearch's Painless language specification.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from workbook.elasticsearch._errors import NodeError, illegal

_TOKEN = re.compile(
    r"""\s+|//[^\n]*|/\*.*?\*/
    |(?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?[fFdDlL]?)
    |(?P<string>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")
    |(?P<name>[A-Za-z_$][A-Za-z_0-9]*)
    |(?P<sign>==|!=|<=|>=|&&|\|\||[-+*/%<>!?:.,;()\[\]{}=])""",
    re.VERBOSE | re.DOTALL,
)
_TYPES = {"double", "float", "int", "long", "boolean", "def"}
_LEVELS = (("||",), ("&&",), ("==", "!="), ("<", "<=", ">", ">="), ("+", "-"), ("*", "/", "%"))
_DEPTH = 40


@dataclass(frozen=True)
class Node:
    """One piece of a parsed script: `kind` says what, `value` holds a literal or name, `parts` the pieces below."""

    kind: str
    value: Any = None
    parts: tuple[Node, ...] = ()


def script_error(source: str, phase: str, cause: NodeError) -> NodeError:
    """A script that does not compile, or fails as it runs."""
    stack = [source if len(source) <= 200 else source[:200] + "..."]
    return NodeError(400, "script_exception", phase, cause, script_stack=stack, script=source, lang="painless")


def parse_script(source: str) -> tuple[Node, ...]:
    """The statements of a script.

    Raises:
        NodeError: 400 `script_exception`, compile error.
    """
    try:
        return _Parser(_tokens(source)).program()
    except NodeError as error:
        raise script_error(source, "compile error", error) from error


def _tokens(source: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            raise illegal(f"unexpected character [{source[at]}].")
        if match.lastgroup:
            found.append((match.lastgroup, match[0]))
        at = match.end()
    return [*found, ("end", "<EOF>")]


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens, self.at, self.depth = tokens, 0, 0

    def peek(self, ahead: int = 0) -> str:
        kind, text = self.tokens[min(self.at + ahead, len(self.tokens) - 1)]
        return "" if kind == "string" else text

    def next(self) -> tuple[str, str]:
        found = self.tokens[self.at]
        self.at += found[0] != "end"
        return found

    def accept(self, text: str) -> bool:
        if self.peek() == text:
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise self.unexpected(text)

    def unexpected(self, wanted: str) -> NodeError:
        kind, text = self.tokens[self.at]
        if kind == "end":
            return illegal("unexpected end of script.")
        return illegal(f"invalid sequence of tokens near ['{text}']: expected [{wanted}].")

    def program(self) -> tuple[Node, ...]:
        found = []
        while self.peek() != "<EOF>":
            found.append(self.statement())
        if not found:
            raise illegal("script is empty")
        return tuple(found)

    def statement(self) -> Node:
        if self.accept("if"):
            self.expect("(")
            condition = self.expression()
            self.expect(")")
            yes = self.block()
            no = self.block() if self.accept("else") else Node("block")
            return Node("if", parts=(condition, yes, no))
        if self.accept("return"):
            found = Node("return", parts=(self.expression(),))
        elif self.peek() in _TYPES and self.tokens[self.at + 1][0] == "name":
            kind = self.next()[1]
            name = self.next()[1]
            self.expect("=")
            found = Node("set", (kind, name), (self.expression(),))
        else:
            found = Node("value", parts=(self.expression(),))
        if self.peek() not in ("<EOF>", "}"):
            self.expect(";")
        else:
            self.accept(";")
        return found

    def block(self) -> Node:
        if not self.accept("{"):
            return Node("block", parts=(self.statement(),))
        found = []
        while not self.accept("}"):
            if self.peek() == "<EOF>":
                raise self.unexpected("}")
            found.append(self.statement())
        return Node("block", parts=tuple(found))

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
        while self.peek() in _LEVELS[level] and self.tokens[self.at][0] == "sign":
            sign = self.next()[1]
            right = self.binary(level + 1)
            found = Node("binary", sign, (found, right))
        return found

    def unary(self) -> Node:
        if self.peek() in ("-", "+", "!"):
            sign = self.next()[1]
            self.depth += 1
            if self.depth > _DEPTH:
                raise illegal("the script is nested too deeply")
            found = Node("unary", sign, (self.unary(),))
            self.depth -= 1
            return found
        return self.postfix()

    def postfix(self) -> Node:
        found = self.primary()
        while True:
            if self.accept("."):
                kind, name = self.next()
                if kind != "name":
                    self.at -= 1
                    raise self.unexpected("name")
                if self.accept("("):
                    found = Node("method", name, (found, *self.arguments()))
                else:
                    found = Node("member", name, (found,))
            elif self.accept("["):
                found = Node("item", parts=(found, self.expression()))
                self.expect("]")
            else:
                return found

    def arguments(self) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self.accept(")"):
            if found:
                self.expect(",")
            found.append(self.expression())
        return tuple(found)

    def primary(self) -> Node:
        kind, text = self.tokens[self.at]
        if kind == "number":
            self.at += 1
            return Node("literal", _number(text))
        if kind == "string":
            self.at += 1
            return Node("literal", re.sub(r"\\(.)", r"\1", text[1:-1]))
        if kind == "name":
            self.at += 1
            if text in ("true", "false", "null"):
                return Node("literal", {"true": True, "false": False, "null": None}[text])
            if self.accept("("):
                return Node("call", text, self.arguments())
            return Node("name", text)
        if self.accept("("):
            found = self.expression()
            self.expect(")")
            return found
        raise self.unexpected("expression")


def _number(text: str) -> int | float:
    if text[-1] in "lL":
        return int(text[:-1])
    if text[-1] in "fFdD":
        return float(text[:-1])
    if text.isdigit():
        value = int(text)
        if value >= 2**31:
            raise illegal(f"Invalid int constant [{text}].")
        return value
    return float(text)
