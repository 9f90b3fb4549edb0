"""Speed on bits and bytes, beside exact float MaxSim in the same run."""

from __future__ import annotations

from typing import Any

import numpy as np

from lateint_ref.checks import Float32Array, UInt8Array
from lateint_ref.multivectors import MultiVectors
from lateint_ref.quantize import (
    binarize,
    binarize_collection,
    maxsim_asymmetric,
    maxsim_asymmetric_scores,
    maxsim_int8_scores,
    maxsim_inv_hamming,
    maxsim_inv_hamming_scores,
    quantize_collection,
    quantize_int8,
)
from lateint_ref.scores import maxsim_scores
from workbook import bench

FLOAT = "maxsim_scores, float32"


def report(rounds: int, n_docs: int = 500, n_vectors: int = 1030) -> None:
    """Print the table: 32 query vectors, `n_docs` documents of `n_vectors` vectors, 128 dimensions."""
    contenders, stored = pages(n_docs, n_vectors)
    print(f"\nBits and bytes: 32 query vectors x {n_docs} documents of {n_vectors} vectors x 128 dimensions")
    print(table(bench.measure(contenders, rounds), stored).to_string())


def pages(n_docs: int, n_vectors: int) -> tuple[dict[str, bench.Contender], dict[str, int]]:
    """What is timed, and the bytes that each contender reads. The bit scores are compared before they are timed."""
    query = bench._unit_vectors(32, seed=1)
    documents = MultiVectors(
        bench._unit_vectors(n_docs * n_vectors, seed=2), np.arange(n_docs + 1, dtype=np.int64) * n_vectors
    )
    query_bits, packed = binarize(query), binarize_collection(documents)
    query_bytes, stored_bytes = quantize_int8(query), quantize_collection(documents)
    contenders: dict[str, bench.Contender] = {
        FLOAT: lambda: maxsim_scores(query, documents),
        "maxsim_inv_hamming_scores": lambda: maxsim_inv_hamming_scores(query_bits, packed),
        "  the same with NumPy's bit count": lambda: _numpy_inv_hamming(query_bits, packed.words, n_docs),
        "maxsim_asymmetric_scores": lambda: maxsim_asymmetric_scores(query, packed),
        "maxsim_int8_scores": lambda: maxsim_int8_scores(query_bytes, stored_bytes),
    }
    for position in (0, n_docs - 1):
        np.testing.assert_allclose(
            [contenders["maxsim_inv_hamming_scores"]()[position], contenders["maxsim_asymmetric_scores"]()[position]],
            [maxsim_inv_hamming(query_bits, packed[position]), maxsim_asymmetric(query, packed[position])],
            rtol=1e-5,
        )
    bits, names = packed.vectors.nbytes, list(contenders)
    sizes = (documents.vectors.nbytes, bits, bits, bits, stored_bytes.vectors.nbytes)
    return contenders, dict(zip(names, sizes, strict=True))


def table(seconds: dict[str, float], stored: dict[str, int]) -> Any:
    """Milliseconds, how many times as fast as exact float MaxSim, and memory as a share of it, as a `DataFrame`."""
    import pandas as pd

    rows = {
        name: {
            "ms": 1000 * value,
            "times as fast": seconds[FLOAT] / value,
            "memory": f"1/{stored[FLOAT] / stored[name]:.0f}",
        }
        for name, value in seconds.items()
    }
    return pd.DataFrame(rows).T.infer_objects().round({"ms": 1, "times as fast": 1})


def _numpy_inv_hamming(query_bits: UInt8Array, words: Any, n_docs: int) -> Float32Array:
    """Inverse Hamming MaxSim of documents of equal length without compiled code: one query vector at a time."""
    total = np.zeros(n_docs, np.float32)
    for vector in query_bits.view(np.uint64):
        distances = np.bitwise_count(words ^ vector).sum(axis=1, dtype=np.int16)
        total += 1 - distances.reshape(n_docs, -1).min(axis=1) / np.float32(64 * len(vector))
    return total
