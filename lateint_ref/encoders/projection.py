"""From 384 to 128 dimensions without labels: `python -m lateint_ref.encoders.projection` fits it again.

The rows of the projection are the top right singular vectors of a matrix with one token vector a row. It is not
centred: among all matrices of that rank this one keeps dot products best (Eckart and Young, Psychometrika 1936), and
MaxSim is made of dot products. The rows are ordered, so the first k of them are the best projection to k dimensions.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lateint_ref.checks import Float32Array, whole
from lateint_ref.encoders import backbone
from lateint_ref.encoders._weights import RESTORE, check_digests, write_digests
from lateint_ref.encoders.late import LateConfig, LateEncoder

MAX_DIM = 128
_FILE, _RECORD = "projection.safetensors", "projection.json"
PASSAGE_WORDS = 16
ZIPF_OFFSET = 2.7  # Mandelbrot's: the word of rank r has a probability in proportion to 1 / (r + 2.7)


def projection_folder() -> Path:
    """The folder of the bundled projection, `models/late-128` of the data folder (see `datasets.data_folder`)."""
    from lateint_ref.datasets import data_folder

    return data_folder() / "models" / "late-128"


def load_projection(folder: Path, dim: Any = MAX_DIM) -> Float32Array:
    """The first `dim` rows of the bundled projection: float32 `(dim, 384)`, orthonormal.

    Args:
        folder: holds `projection.safetensors` and `projection.json` (its digest).
        dim: from 1 to 128.

    Raises:
        TypeError, ValueError: `dim` is not such a number.
        FileNotFoundError: a file is missing.
        ValueError: the file is damaged: digest, shape or dtype are not what was written.
    """
    rows = whole(dim, "dim")
    if rows > MAX_DIM:
        raise ValueError(f"dim must be from 1 to {MAX_DIM}, or {backbone.DIM} for no projection, got {rows}.")
    path = folder / _FILE
    why = "The bundled late encoder projects with it."
    check_digests(folder, _RECORD, [_FILE], why)
    from safetensors.numpy import load_file

    weight: NDArray[Any] = load_file(path)["weight"]
    if weight.shape != (MAX_DIM, backbone.DIM) or weight.dtype != np.float32:
        raise ValueError(
            f"{path} holds {weight.dtype} {weight.shape} where float32 {(MAX_DIM, backbone.DIM)} is wanted. {why} "
            f"{RESTORE}"
        )
    return np.ascontiguousarray(weight[:rows])


def vocabulary_passages(seed: int = 0) -> list[str]:
    """Passages of 16 random words of the backbone's vocabulary: text about everything, from no data set.

    In the first half every word stands once; the second, as long, draws them as often as a text would, by Zipf's
    law (the vocabulary is ordered by frequency). The dev split of the handbook preferred them to real text about one
    subject, the docstrings of Python's standard library: see the card in `data/models/late-128`.

    Args:
        seed: of the order and the draws.
    """
    _, tokenizer = backbone.load_backbone()
    in_order = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    words = [word for word, _ in in_order if word.isascii() and word.isalpha() and len(word) > 1]
    rng = np.random.default_rng(seed)
    frequency = 1 / (np.arange(len(words)) + ZIPF_OFFSET)
    once = rng.permutation(len(words))
    drawn = rng.choice(len(words), size=len(words), p=frequency / frequency.sum())
    return [
        " ".join(words[index] for index in sequence[start : start + PASSAGE_WORDS])
        for sequence in (once, drawn)
        for start in range(0, len(words), PASSAGE_WORDS)
    ]


def fit(
    passages: Sequence[str], config: LateConfig, progress: bool = True
) -> tuple[Float32Array, NDArray[np.float64], int]:
    """Fit the projection to token vectors of these passages, each vector at unit length.

    Args:
        passages: texts, read as documents.
        config: how they are read.
        progress: show a progress bar.

    Returns:
        The projection, float32 `(128, 384)`; the singular values squared, float64 `(384,)`, largest first, summing
        to 1; the number of token vectors.
    """
    encoder = LateEncoder(None, config)
    vectors = encoder.encode_documents(list(passages), progress=progress).vectors
    moment = np.zeros((backbone.DIM, backbone.DIM))
    for start in range(0, len(vectors), 8192):
        block = vectors[start : start + 8192].astype(np.float64)
        moment += block.T @ block
    values, columns = np.linalg.eigh(moment)
    rows = columns[:, ::-1].T[:MAX_DIM]
    # A singular vector's sign is free: fix it, so that a second fit gives the same file.
    signs = np.sign(rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)])
    return (rows * signs[:, None]).astype(np.float32), values[::-1] / values.sum(), len(vectors)


def main(argv: Sequence[str] | None = None) -> int:
    """Fit the projection again and write it beside its configuration."""
    parser = argparse.ArgumentParser(prog="python -m lateint_ref.encoders.projection", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=projection_folder(), help="folder to write to")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random words")
    arguments = parser.parse_args(argv)
    started = time.perf_counter()
    passages = vocabulary_passages(arguments.seed)
    weight, energy, count = fit(passages, LateConfig.load(projection_folder() / "config.json"))
    write(arguments.out, weight)
    share, seconds = energy[:MAX_DIM].sum(), time.perf_counter() - started
    print(f"{len(passages)} passages, {count} token vectors, seed {arguments.seed}, {seconds:.0f} s.")
    print(f"{MAX_DIM} of {backbone.DIM} dimensions keep {share:.4f} of the energy.")
    return 0


def write(folder: Path, weight: Float32Array) -> None:
    """Write `projection.safetensors` and its digest, each whole or not at all."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".projection.{os.getpid()}.partial"
    save_file({"weight": np.ascontiguousarray(weight)}, partial)
    partial.chmod(0o644)
    partial.replace(folder / _FILE)
    write_digests(folder, _RECORD, [_FILE])


if __name__ == "__main__":
    raise SystemExit(main())
