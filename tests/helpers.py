"""Small things that several test files share."""

import re

import numpy as np


def unit_vectors(n: int, dim: int = 16, seed: int = 0) -> np.ndarray:
    """`n` random vectors of length 1, float32."""
    vectors = np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def maxsim_by_loops(query: np.ndarray, document: np.ndarray) -> float:
    """MaxSim as its definition reads, in float64: the independent implementation that tests compare with."""
    total = 0.0
    for q in np.asarray(query, dtype=np.float64):
        total += max(float(sum(a * b for a, b in zip(q, d, strict=True))) for d in np.asarray(document, np.float64))
    return total


def words(text):
    """Lower-case words, with a plural or third-person s taken off."""
    found = re.findall(r"[^\W_]+", text.lower())
    return [word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in found]
