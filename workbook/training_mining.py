"""Hard negatives: passages that look like the answer and are not, by BM25, by the bi-encoder and on the same page.

Source: Karpukhin et al., "Dense Passage Retrieval", EMNLP 2020 (negatives from BM25); Xiong et al., "ANCE", ICLR 2021
(from a model's own top ranks).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from lateint_ref.checks import Float32Array
from workbook.training_pairs import Pair, normalised

SHARD = 1024
DEPTH = 30
NEAR_COSINE = 0.95
NEAR_OVERLAP = 0.3


def embed(texts: Sequence[str], folder: Path, what: str) -> Float32Array:
    """The bi-encoder's vectors, kept in shards on the disk so that an interrupted run goes on where it stopped.

    Args:
        texts: `n` texts.
        folder: the cache. A shard's name holds a digest of its texts, so changed texts are encoded again.
        what: label of the progress bar.

    Returns:
        float32 `(n, 384)`, unit length.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shards = []
    for start in tqdm(range(0, len(texts), SHARD), desc=f"encoding {what}", unit="shard"):
        batch = list(texts[start : start + SHARD])
        path = folder / f"{hashlib.sha256(chr(0).join(batch).encode()).hexdigest()[:24]}.npy"
        if not path.is_file():
            partial = folder / f".{os.getpid()}.partial.npy"
            np.save(partial, _encode(batch))
            partial.replace(path)
        shards.append(np.load(path))
    vectors: Float32Array = np.concatenate(shards)
    return vectors


def _encode(texts: Sequence[str]) -> Float32Array:
    """What `BiEncoder` does, in bfloat16 and on a GPU where there is one: mining needs no more precision.

    The model is put back where it was: it is the one that all encoders share.
    """
    import torch

    from lateint_ref.encoders.backbone import load_backbone

    model, tokenizer = load_backbone()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    vectors = np.empty((len(texts), model.config.hidden_size), dtype=np.float32)
    order = np.argsort([len(text) for text in texts], kind="stable")
    try:
        model.to(device)
        with torch.inference_mode(), torch.autocast(device, dtype=torch.bfloat16):
            for start in range(0, len(texts), 32):
                rows = order[start : start + 32]
                batch = tokenizer(
                    [texts[row] for row in rows], padding=True, truncation=True, max_length=256, return_tensors="pt"
                )
                hidden = model(**batch.to(device)).last_hidden_state.float()
                mask = batch["attention_mask"][:, :, None]
                mean = (hidden * mask).sum(dim=1)
                vectors[rows] = torch.nn.functional.normalize(mean, dim=-1).cpu().numpy()
    finally:
        model.to("cpu")
    return vectors


def mine(
    pairs: Sequence[Pair],
    rows: np.ndarray[tuple[int], np.dtype[np.int64]],
    siblings: Mapping[tuple[str, bool], Sequence[int]],
    query_vectors: Float32Array,
    document_vectors: Float32Array,
    count: int,
) -> Iterator[tuple[list[int], list[float]]]:
    """Negatives of each pair in `rows`, out of the positives of the other pairs in `rows`.

    One in three comes from the same page (the likest first), the rest by turns from the top ranks of BM25 and of the
    bi-encoder. None is a near-duplicate of the positive: cosine above 0.95, or more than three tenths of its runs of
    five words.

    Args:
        pairs: all pairs.
        rows: which of them to mine for and among.
        siblings: rows of each page.
        query_vectors: float32 `(len(pairs), 384)`.
        document_vectors: likewise, of the positives.
        count: negatives wanted; there may be fewer.

    Yields:
        For each row the negatives' rows and their cosines with the query.
    """
    from lateint_ref.encoders.lexical import BM25

    numbers: list[int] = rows.tolist()
    bm25 = BM25([pairs[row].positive for row in numbers])
    pool = document_vectors[rows]
    local = {row: number for number, row in enumerate(numbers)}
    runs = [_runs(pairs[row].positive) for row in numbers]
    for row in tqdm(numbers, desc="mining negatives", unit="pair"):
        own = local[row]
        cosines = pool @ query_vectors[row]
        alike = pool @ document_vectors[row]
        page = [local[other] for other in siblings[pairs[row].page, _held(siblings, pairs[row].page, row)]]
        by_page = sorted((other for other in page if other != own), key=lambda other: -float(cosines[other]))
        by_bm25, by_bi = _top(bm25.scores(pairs[row].query)), _top(cosines)
        chosen: list[int] = []
        quota = max(1, count // 3)
        turns = by_page[:quota] + [other for two in zip(by_bm25, by_bi, strict=False) for other in two]
        for other in turns:
            near = other == own or alike[other] > NEAR_COSINE or _overlap(runs[own], runs[other]) > NEAR_OVERLAP
            if not near and other not in chosen:
                chosen.append(other)
            if len(chosen) == count:
                break
        yield [numbers[other] for other in chosen], [float(cosines[other]) for other in chosen]


def _held(siblings: Mapping[tuple[str, bool], Sequence[int]], page: str, row: int) -> bool:
    return row in siblings.get((page, True), ())


def _top(scores: Float32Array) -> list[int]:
    depth = min(DEPTH, len(scores))
    best = np.argpartition(-scores, depth - 1)[:depth]
    return [int(row) for row in best[np.lexsort((best, -scores[best]))]]


def _runs(text: str) -> frozenset[tuple[str, ...]]:
    tokens = normalised(text)
    return frozenset(tuple(tokens[start : start + 5]) for start in range(len(tokens) - 4))


def _overlap(left: frozenset[tuple[str, ...]], right: frozenset[tuple[str, ...]]) -> float:
    return len(left & right) / max(1, min(len(left), len(right)))
