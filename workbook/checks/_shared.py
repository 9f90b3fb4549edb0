"""What several checkers need: vectors to try an answer on, MaxSim by loops, and verdicts on predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbook.exercises import Faults, NotYet, expect_array

Matrix = np.ndarray


def random_vectors(n: int, dim: int, seed: int) -> Matrix:
    """Normally distributed float32 vectors `(n, dim)`."""
    return np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)


def unit_vectors(n: int, dim: int, seed: int) -> Matrix:
    """Random float32 vectors `(n, dim)` of length 1."""
    return unit(random_vectors(n, dim, seed))


def unit(vectors: Matrix) -> Matrix:
    """Vectors divided by their lengths."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def score_by_loops(query: Matrix, document: Matrix, start: float = -np.inf) -> float:
    """MaxSim, one dot product at a time; `start` is what the maximum over no vectors would be."""
    return sum(max(start, *(float(np.dot(q, d)) for d in document)) for q in query)


def judge_number(answer: Any, wanted: float, faults: Faults, advice: str, what: str = "the prediction") -> None:
    """Compare one number worked out by hand to two decimals.

    Args:
        answer: the answer's value.
        wanted: the right one.
        faults: what a known fault yields, and what to say of it.
        advice: what to say of any other wrong answer.
        what: what the number is, for the message.

    Raises:
        NotYet: the answer is no number, or is off in the second decimal.
    """
    got = float(expect_array(answer, shape=(), what=what))
    if not abs(got - wanted) <= 0.0051:  # NaN included
        raise NotYet(next((words for value, words in faults if abs(got - value) < 0.0051), advice))


def judge_parts(
    given: Any,
    wanted: Sequence[Any],
    faults: Mapping[tuple[int, Any], str],
    advice: str = "",
    rel_tol: float = 0.0,
) -> None:
    """Compare predictions (a), (b), (c) ... one by one.

    Args:
        given: numbers or strings, as many as `wanted`.
        wanted: the right ones.
        faults: what to say of a known wrong answer, under its place (from 0) and its value.
        advice: what to say of any other wrong answer.
        rel_tol: how far a number may be off, relative to the larger of the two; 0 for exact ones.

    Raises:
        NotYet: the given are not as many, or one is wrong: the first such part, and what is known about it.
    """
    if all(isinstance(right, (int, float)) for right in wanted):
        given = expect_array(given, shape=(len(wanted),), what="the prediction").tolist()

    def same(one: Any, other: Any) -> bool:
        if isinstance(one, (int, float)) and isinstance(other, (int, float)):
            return math.isclose(one, other, rel_tol=rel_tol)
        return type(one) is type(other) and bool(one == other)

    for place, (got, right) in enumerate(zip(given, wanted, strict=True)):
        if not same(got, right):
            shown = f"{got:g}" if isinstance(got, (int, float)) else repr(got)
            unknown = f"{shown} is not right" + (f"; {advice}" if advice else "")
            known = (words for (at, value), words in faults.items() if at == place and same(got, value))
            raise NotYet(f"in {'abcdefgh'[place]}, {next(known, unknown)}")
