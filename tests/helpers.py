"""Small things that several test files share."""

import math
import re
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from lateint_ref import Dataset, MultiVectors, Passage, Query


def unit_vectors(n: int, dim: int = 16, seed: int = 0) -> np.ndarray:
    """`n` random vectors of length 1, float32."""
    vectors = np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def refused(error, words, call, *arguments, **options):
    """`call` raises `error` for these arguments, with a message that matches `words` where there are any."""
    with pytest.raises(error, match=words or None):
        call(*arguments, **options)


def in_threads(work, count=4):
    """What `work(number)` returns in each of `count` threads at once; what one of them raises is raised here."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


def maxsim_by_loops(query: np.ndarray, document: np.ndarray) -> float:
    """MaxSim as its definition reads, in float64: the independent implementation that tests compare with."""
    total = 0.0
    for q in np.asarray(query, dtype=np.float64):
        total += max(float(sum(a * b for a, b in zip(q, d, strict=True))) for d in np.asarray(document, np.float64))
    return total


def toy_dataset(texts, queries, qrels):
    """A judged collection of texts and questions, both by id."""
    passages = [Passage(name, "", text) for name, text in texts.items()]
    return Dataset("tiny", "dev", passages, [Query(name, text) for name, text in queries.items()], qrels)


def clustered(n_docs=40, dim=16, seed=0, n_themes=12):
    """Documents whose vectors lie around a few directions, as tokens do."""
    rng = np.random.default_rng(seed)
    themes = unit_vectors(n_themes, dim, seed)
    matrices = []
    for _ in range(n_docs):
        noisy = themes[rng.integers(0, n_themes, rng.integers(3, 12))]
        noisy = noisy + 0.25 * rng.standard_normal(noisy.shape, dtype=np.float32)
        matrices.append(noisy / np.linalg.norm(noisy, axis=1, keepdims=True))
    return MultiVectors.from_list(matrices, [f"d{number}" for number in range(n_docs)])


def words(text):
    """Lower-case words, with a plural or third-person s taken off."""
    found = re.findall(r"[^\W_]+", text.lower())
    return [word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in found]


def given_away(passages, queries, qrels, rare):
    """Ids of the queries whose answer is singled out by the words they share with at most `rare` passages."""
    holders = defaultdict(set)
    for passage in passages:
        for word in words(passage.full_text):
            holders[word].add(passage.id)
    found = []
    for query in queries:
        weight = Counter()
        for word in sorted(set(words(query.text))):
            if 0 < len(holders[word]) <= rare:
                weight.update(dict.fromkeys(holders[word], math.log(len(passages) / len(holders[word]))))
        best = max(weight.values(), default=0)
        first = [name for name, value in weight.items() if value == best]
        if len(first) == 1 and qrels[query.id].get(first[0]) == 2:
            found.append(query.id)
    return found
