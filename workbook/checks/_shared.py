"""What several checkers need: vectors to try an answer on, MaxSim by loops, and a verdict on several predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbook.exercises import NotYet

Matrix = np.ndarray


def random_vectors(n: int, dim: int, seed: int) -> Matrix:
    """Normally distributed float32 vectors `(n, dim)`."""
    return np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)


def unit_vectors(n: int, dim: int, seed: int) -> Matrix:
    """Random float32 vectors `(n, dim)` of length 1."""
    vectors = random_vectors(n, dim, seed)
    unit: Matrix = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def score_by_loops(query: Matrix, document: Matrix) -> float:
    """MaxSim, one dot product at a time."""
    return sum(max(float(np.dot(q, d)) for d in document) for q in query)


def judge_parts(
    given: Sequence[Any],
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
        NotYet: names the first part that is wrong, and what is known about it.
    """

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
