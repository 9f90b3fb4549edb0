"""Two stages against the exhaustive scan: 20,000 synthetic pages of 1030 bit vectors, average vectors first.

A synthetic page leans towards a random direction of its own: 3 in 4 of its bits agree with it. A query is 32 of one
page's vectors with 1 bit in 5 turned over, so there is a page to be found, and the first stage can miss it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lateint_ref.checks import Float32Array, UInt8Array
from lateint_ref.multivectors import PackedMultiVectors
from lateint_ref.quantize import maxsim_asymmetric_scores, maxsim_inv_hamming_scores, unpack
from lateint_ref.ranking import two_stage_search
from lateint_ref.scores import top_k
from workbook import bench

DIM = 128
N_QUERY = 32
DEPTH = 100
SCAN = "scan, inverse Hamming"
_PAGES_AT_A_TIME = 200


class Synthetic(NamedTuple):
    """Pages as bits, their average vectors float32 `(n_docs, dim)`, and queries as bits `(n_q, dim / 8)`."""

    pages: PackedMultiVectors
    averages: Float32Array
    queries: list[UInt8Array]


def report(rounds: int, n_docs: int = 20_000, n_vectors: int = 1030, n_queries: int = 10) -> None:
    """Print times, bytes read and how often the first hit is the scan's."""
    data = synthetic(n_docs, n_vectors, n_queries)
    found = contenders(data)
    stored = data.pages.vectors.nbytes
    print(
        f"\nTwo stages: {N_QUERY} query vectors x {n_docs:,} pages of {n_vectors} bit vectors ({stored / 1e6:.0f} MB), "
        f"the {min(DEPTH, n_docs)} best by average vector rescored"
    )
    print(table(bench.measure(found, max(3, rounds // 3)), data).to_string())


def synthetic(n_docs: int, n_vectors: int, n_queries: int, seed: int = 6) -> Synthetic:
    """Draw pages and queries; needs the bits and one slice of pages unpacked."""
    rng = np.random.default_rng(seed)
    width = DIM // 8
    bits = np.empty((n_docs * n_vectors, width), np.uint8)
    averages = np.empty((n_docs, DIM), np.float32)
    for start in range(0, n_docs, _PAGES_AT_A_TIME):
        count = min(_PAGES_AT_A_TIME, n_docs - start)
        lean = np.frombuffer(rng.bytes(count * width), np.uint8).reshape(count, 1, width)
        one, other = (
            np.frombuffer(rng.bytes(count * n_vectors * width), np.uint8).reshape(count, n_vectors, width)
            for _ in range(2)
        )
        # A bit of "either" is 1 three times in four, one of "both" once in four.
        drawn = (lean & (one | other)) | (~lean & (one & other))
        bits[start * n_vectors : (start + count) * n_vectors] = drawn.reshape(-1, width)
        ones = unpack(drawn.reshape(-1, width)).reshape(count, n_vectors, DIM).mean(axis=1, dtype=np.float32)
        averages[start : start + count] = 2 * ones - 1
    averages /= np.linalg.norm(averages, axis=1, keepdims=True)
    pages = PackedMultiVectors(bits, np.arange(n_docs + 1, dtype=np.int64) * n_vectors)
    queries = []
    for page in rng.integers(0, n_docs, n_queries):
        chosen = pages[int(page)][rng.choice(n_vectors, min(N_QUERY, n_vectors), replace=False)]
        queries.append(chosen ^ np.packbits(rng.random((len(chosen), DIM)) < 0.2, axis=1))
    return Synthetic(pages, averages, queries)


def contenders(data: Synthetic, query: int = 0) -> dict[str, bench.Contender]:
    """Scans and two stages for one of the queries; each returns positions of documents, best first."""
    asked = data.queries[query]
    signs = 2 * unpack(asked).astype(np.float32) - 1
    mean = signs.mean(axis=0)

    def two_stages(given: Any, score: Any) -> Any:
        hits = two_stage_search(given, data.pages, data.averages @ mean, depth=DEPTH, k=10, score=score)
        return [int(hit.id) for hit in hits]

    return {
        SCAN: lambda: top_k(maxsim_inv_hamming_scores(asked, data.pages), 10),
        "two stages, inverse Hamming": lambda: two_stages(asked, maxsim_inv_hamming_scores),
        "scan, asymmetric": lambda: top_k(maxsim_asymmetric_scores(signs, data.pages), 10),
        "two stages, asymmetric": lambda: two_stages(signs, maxsim_asymmetric_scores),
        "first stage alone": lambda: top_k(data.averages @ mean, 10),
    }


def table(seconds: dict[str, float], data: Synthetic) -> Any:
    """Milliseconds, times as fast as the scan of the same score, bytes read, first hits shared with it."""
    import pandas as pd

    runs = [contenders(data, number) for number in range(len(data.queries))]
    every, one_stage = data.pages.vectors.nbytes, data.averages.nbytes
    rescored = min(DEPTH, len(data.pages)) * every / len(data.pages)
    rows = {}
    for name, value in seconds.items():
        scan = SCAN if name == "first stage alone" else name.replace("two stages", "scan")
        same = [int(run[name]()[0]) == int(run[scan]()[0]) for run in runs]
        if name.startswith("scan"):
            read = float(every)
        else:
            read = one_stage + (rescored if name.startswith("two") else 0.0)
        rows[name] = {
            "ms": 1000 * value,
            "times as fast": seconds[scan] / value,
            "MB read": read / 1e6,
            "same first hit": f"{sum(same)} of {len(same)}",
        }
    return pd.DataFrame(rows).T.infer_objects().round({"ms": 2, "times as fast": 1, "MB read": 1})
