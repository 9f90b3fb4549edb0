"""Fit the late encoder's projection from 384 to 128 dimensions, without labels.

The rows of the projection are the top right singular vectors of a matrix with one token vector a row, not centred: see
`lateint_ref.encoders.late.load_projection`. They are ordered, so the first k of them are the best projection to k
dimensions. `python data/models/late-128/make.py`, 44 seconds on two cores.
"""

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from lateint_ref.encoders import backbone
from lateint_ref.encoders.late import MAX_DIM, PROJECTION, RECORD, LateConfig, LateEncoder, projection_folder

PASSAGE_WORDS = 16
ZIPF_OFFSET = 2.7  # Mandelbrot's: the word of rank r has a probability in proportion to 1 / (r + 2.7)


def vocabulary_passages(seed: int = 0) -> list[str]:
    """Passages of 16 random words of the backbone's vocabulary: text about everything, from no data set.

    In the first half every word stands once; the second, as long, draws them as often as a text would, by Zipf's
    law (the vocabulary is ordered by frequency). The dev split of the handbook preferred them to real text about one
    subject, the docstrings of Python's standard library: see README.md.
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


def fit(passages: Sequence[str], config: LateConfig, progress: bool = True) -> tuple[NDArray, NDArray, int]:
    """Fit the projection to token vectors of these passages, read as documents, each vector at unit length.

    Returns:
        The projection, float32 `(128, 384)`; the singular values squared, float64 `(384,)`, largest first, summing
        to 1; the number of token vectors.
    """
    vectors = LateEncoder(None, config).encode_documents(list(passages), progress=progress).vectors
    moment = np.zeros((backbone.DIM, backbone.DIM))
    for start in range(0, len(vectors), 8192):
        block = vectors[start : start + 8192].astype(np.float64)
        moment += block.T @ block
    values, columns = np.linalg.eigh(moment)
    rows = columns[:, ::-1].T[:MAX_DIM]
    # A singular vector's sign is free: fix it, so that a second fit gives the same file.
    signs = np.sign(rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)])
    return (rows * signs[:, None]).astype(np.float32), values[::-1] / values.sum(), len(vectors)


def write(folder: Path, weight: NDArray) -> None:
    """Write `projection.safetensors` and its digest, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".projection.{os.getpid()}.partial"
    save_file({"weight": np.ascontiguousarray(weight)}, partial)
    partial.chmod(0o644)
    partial.replace(folder / PROJECTION)
    backbone.write_digests(folder, RECORD, [PROJECTION])


def main() -> None:
    """Make the file of this folder again, or another in `--out`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=projection_folder(), help="folder to write to")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random words")
    arguments = parser.parse_args()
    started = time.perf_counter()
    passages = vocabulary_passages(arguments.seed)
    weight, energy, count = fit(passages, LateConfig.load(projection_folder() / "config.json"))
    write(arguments.out, weight)
    share, seconds = energy[:MAX_DIM].sum(), time.perf_counter() - started
    print(f"{len(passages)} passages, {count} token vectors, seed {arguments.seed}, {seconds:.0f} s.")
    print(f"{MAX_DIM} of {backbone.DIM} dimensions keep {share:.4f} of the energy.")


if __name__ == "__main__":
    main()
