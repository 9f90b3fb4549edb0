"""What each way to make vectors fewer or smaller keeps of a late encoder's quality, and how it reads text.

    python -m workbook.kept --sets "handbook dev" "apidocs dev"
    python -m workbook.kept --late FOLDER --beir FOLDER

One table for the untrained encoder and one for the trained: what is true of one need not be true of the other.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lateint_ref.checks import Float32Array
from lateint_ref.datasets import Dataset
from lateint_ref.encoders.late import LateEncoder, load_trained_late, load_untrained_late
from lateint_ref.encoders.trained import trained_folder
from lateint_ref.evaluation import Run, make_run, per_query
from lateint_ref.multivectors import MultiVectors
from lateint_ref.muvera import FixedDimensionalEncoder
from lateint_ref.pooling import average_vector, average_vectors, pool_levels
from lateint_ref.quantize import binarize, binarize_collection, maxsim_asymmetric_scores, maxsim_inv_hamming_scores
from lateint_ref.residual import ResidualCodec
from lateint_ref.scores import maxsim_scores
from workbook.quality_trained import SETS, first, leading, load_packed

DIMS = (96, 64, 32)
POOL_FACTORS = (2, 3)
RESIDUAL_BITS = (4, 2, 1)
MASKED_LENGTH = 32  # ColBERT's query length, which `[MASK]` tokens fill up


def centred(vectors: MultiVectors, mean: Float32Array) -> MultiVectors:
    """Vectors less a common one, at unit length again."""
    moved = vectors.vectors - mean
    return MultiVectors(moved / np.linalg.norm(moved, axis=1, keepdims=True), vectors.offsets, vectors.ids)


def runs_of(dataset: Dataset, encoder: LateEncoder, progress: bool = False) -> dict[str, Run]:
    """Every way to read and to keep: name to run, exact MaxSim at all dimensions first.

    Residual codes come from a codec that is trained on these documents; MUVERA's encodings are searched alone.

    Args:
        dataset: the set.
        encoder: the late encoder.
        progress: show progress bars.
    """
    texts = [query.text for query in dataset.queries]
    rows = {text: row for row, text in enumerate(texts)}

    def encoded(reader: LateEncoder) -> tuple[MultiVectors, MultiVectors]:
        documents = reader.encode_documents(dataset.texts, dataset.ids, progress=progress)
        return reader.encode_queries(texts), documents

    def run(asked: Any, score: Any) -> Run:
        return make_run(dataset, lambda text: score(asked[rows[text]]))

    def maxsim(asked: MultiVectors, documents: MultiVectors) -> Run:
        return run(asked, lambda query: maxsim_scores(query, documents))

    queries, documents = encoded(encoder)
    found = {f"{encoder.dim} dimensions": maxsim(queries, documents)}
    for dim in DIMS:
        found[f"{dim} dimensions"] = maxsim(leading(queries, dim), leading(documents, dim))

    plain = encoder.config
    masks = replace(plain, query_expansion=True, query_length=MASKED_LENGTH)
    for name, config in (
        ("[MASK], not attended to", masks),
        ("[MASK], attended to", replace(masks, attend_to_expansion=True)),
    ):
        found[name] = maxsim(encoder.reading(config).encode_queries(texts), documents)
    found["no markers"] = maxsim(*encoded(encoder.reading(replace(plain, query_marker=None, document_marker=None))))

    bits = binarize_collection(documents)
    found["signs of both"] = run(queries, lambda query: maxsim_inv_hamming_scores(binarize(query), bits))
    found["signs of documents"] = run(queries, lambda query: maxsim_asymmetric_scores(query, bits))
    finest = ResidualCodec.train(documents, bits=max(RESIDUAL_BITS))
    codes = finest.encode(documents)
    for count in RESIDUAL_BITS:
        codec = finest.coarser(count)
        decoded = codec.decode(finest.coarsen(codes, count))
        found[f"residual codes, {count} bit"] = maxsim(queries, decoded)
    for factor, pooled in pool_levels(documents, POOL_FACTORS).items():
        found[f"pooled by {factor}"] = maxsim(queries, pooled)
    means = average_vectors(documents)
    found["mean vector"] = run(queries, lambda query: means @ average_vector(query))
    common = documents.vectors.mean(axis=0)
    for name, mean in (("MUVERA", np.zeros_like(common)), ("MUVERA, centred", common)):
        muvera = FixedDimensionalEncoder(documents.dim, bits=4, repetitions=20, inner_dim=16)
        encodings, moved = muvera.encode_documents(centred(documents, mean)), centred(queries, mean)
        found[name] = run(moved, lambda query, m=muvera, e=encodings: e @ m.encode_query(query))
    return found


def table(values: dict[str, dict[str, dict[str, float]]]) -> Any:
    """Mean nDCG@10 of each way (row) with each encoder on each set (columns), as a pandas `DataFrame`."""
    import pandas as pd

    return pd.DataFrame({name: {way: float(np.mean(list(v.values()))) for way, v in found.items()}
                         for name, found in values.items()})  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Measure both encoders, print the table, and write every question's value."""
    parser = argparse.ArgumentParser(prog="python -m workbook.kept", description=main.__doc__)
    parser.add_argument("--sets", nargs="*", default=[], choices=SETS, help="the project's own")
    parser.add_argument("--beir", nargs="*", type=Path, default=[], help="folders in BEIR layout")
    parser.add_argument("--late", type=Path, default=trained_folder("late"))
    parser.add_argument("--most", type=int, default=10**9, help="queries of a set at most")
    parser.add_argument("--out", type=Path, default=Path("build/training/kept.json"))
    wanted = parser.parse_args(argv)
    encoders = {"untrained": load_untrained_late(), "trained": load_trained_late(wanted.late)}
    datasets = {name: SETS[name]() for name in wanted.sets} | {path.name: load_packed(path) for path in wanted.beir}
    values: dict[str, dict[str, dict[str, float]]] = {}
    wanted.out.parent.mkdir(parents=True, exist_ok=True)
    for name, whole in datasets.items():
        dataset = first(whole, wanted.most)
        for kind, encoder in encoders.items():
            runs = runs_of(dataset, encoder, progress=True)
            values[f"{name}, {kind}"] = {way: per_query(run, dataset.qrels) for way, run in runs.items()}
            wanted.out.write_text(json.dumps(values) + "\n", encoding="utf-8")
    print(table(values).round(3).to_string())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
