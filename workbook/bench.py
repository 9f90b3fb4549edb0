"""Speed against peers: the same work for all, in one run, reported as ratios.

Contenders take turns, round by round, so that whatever else the machine does falls on all of them
alike; the median of
the rounds counts. A peer's answer is compared with ours before it is timed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lateint_ref.checks import Float32Array
from lateint_ref.multivectors import MultiVectors
from lateint_ref.scores import maxsim_scores

Contender = Callable[[], Any]
OURS = "lateint_ref.maxsim_scores"
BOUND = "one GEMM (no maximum)"


def main(command: str, arguments: Sequence[str]) -> int:
    """`python -m workbook bench`: run every benchmark and print one table each."""
    parser = argparse.ArgumentParser(prog=f"python -m workbook {command}", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="timed rounds a table (default 15)")
    rounds = parser.parse_args(arguments).rounds
    for title, contenders, peak in (equal_lengths(), ragged()):
        print(f"\n{title}")
        print(table(measure(contenders, rounds)).to_string())
        print(f"{OURS} needs {peak / 1e6:.1f} MB beside its input.")
    from workbook import bench_bits, bench_elastic, bench_pooling, bench_two_stage

    bench_bits.report(rounds)
    bench_two_stage.report(rounds)
    bench_elastic.report(rounds)
    title, pooling = bench_pooling.one_page(_unit_vectors(1030, seed=5))
    print(f"\n{title}")
    print(table(measure(pooling, rounds), bench_pooling.OURS).to_string())
    return 0


def measure(contenders: dict[str, Contender], rounds: int) -> dict[str, float]:
    """Median seconds of each contender over interleaved rounds, after one round to warm up."""
    from tqdm.auto import tqdm

    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in tqdm(range(rounds + 1), desc="rounds", leave=False):
        for name, contender in contenders.items():
            start = time.perf_counter()
            contender()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return {name: float(np.median(values)) for name, values in seconds.items()}


def table(seconds: dict[str, float], ours: str = OURS) -> Any:
    """Milliseconds, and our time as a share of each contender's, as a pandas `DataFrame`."""
    import pandas as pd

    rows = {name: {"ms": 1000 * value, "ours / this": seconds[ours] / value} for name, value in seconds.items()}
    return pd.DataFrame(rows).T.round({"ms": 1, "ours / this": 2})


def equal_lengths() -> tuple[str, dict[str, Contender], float]:
    """32 query vectors, 500 documents of 1030 vectors (a ColPali page each), 128 dimensions."""
    import torch
    from colpali_engine.utils.processing_utils import BaseVisualRetrieverProcessor
    from maxsim_cpu import maxsim_scores as maxsim_cpu_scores
    from pylate.scores import colbert_scores

    query = _unit_vectors(32, seed=1)
    documents = MultiVectors(_unit_vectors(500 * 1030, seed=2), np.arange(501) * 1030)
    cube = documents.vectors.reshape(500, 1030, 128)
    torch_query, torch_cube = torch.from_numpy(query), torch.from_numpy(cube)
    torch_list = list(torch_cube)
    contenders: dict[str, Contender] = {
        OURS: lambda: maxsim_scores(query, documents),
        "PyLate colbert_scores": lambda: colbert_scores(torch_query[None], torch_cube)[0],
        "colpali-engine score_multi_vector": lambda: BaseVisualRetrieverProcessor.score_multi_vector(
            [torch_query], torch_list, device="cpu"
        )[0],
        "maxsim-cpu": lambda: maxsim_cpu_scores(query, cube),
        "torch.einsum": lambda: torch.einsum("qd,ntd->nqt", torch_query, torch_cube).amax(2).sum(1),
        BOUND: lambda: torch_cube.view(-1, 128) @ torch_query.T,
    }
    _same_answers(contenders)
    return (
        "32 query vectors x 500 documents of 1030 vectors x 128 dimensions",
        contenders,
        peak_memory(contenders[OURS]),
    )


def ragged() -> tuple[str, dict[str, Contender], float]:
    """32 query vectors, 5000 documents of 20 to 300 vectors, 128 dimensions.

    Peers that want a rectangle get it padded beforehand: padding is not timed.
    """
    import torch
    from colpali_engine.utils.processing_utils import BaseVisualRetrieverProcessor
    from maxsim_cpu import maxsim_scores_variable
    from pylate.scores import colbert_scores

    query = _unit_vectors(32, seed=1)
    lengths = np.random.default_rng(3).integers(20, 301, 5000)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    documents = MultiVectors(_unit_vectors(int(offsets[-1]), seed=4), offsets)
    arrays = list(documents)
    torch_query, torch_list = torch.from_numpy(query), [torch.from_numpy(array) for array in arrays]
    padded = torch.nn.utils.rnn.pad_sequence(torch_list, batch_first=True)
    mask = (torch.arange(padded.shape[1])[None] < torch.from_numpy(lengths)[:, None]).float()
    blocked = (mask - 1) * 1e9
    flat = torch.from_numpy(documents.vectors)
    contenders: dict[str, Contender] = {
        OURS: lambda: maxsim_scores(query, documents),
        "PyLate colbert_scores": lambda: colbert_scores(torch_query[None], padded, None, mask)[0],
        "colpali-engine score_multi_vector": lambda: BaseVisualRetrieverProcessor.score_multi_vector(
            [torch_query], torch_list, device="cpu"
        )[0],
        "maxsim-cpu": lambda: maxsim_scores_variable(query, arrays),
        "torch.einsum": lambda: (torch.einsum("qd,ntd->nqt", torch_query, padded) + blocked[:, None]).amax(2).sum(1),
        BOUND: lambda: flat @ torch_query.T,
    }
    _same_answers(contenders)
    return (
        "32 query vectors x 5000 documents of 20 to 300 vectors x 128 dimensions",
        contenders,
        peak_memory(contenders[OURS]),
    )


def _unit_vectors(n: int, seed: int) -> Float32Array:
    vectors = np.random.default_rng(seed).standard_normal((n, 128), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def _same_answers(contenders: dict[str, Contender]) -> None:
    expected = np.asarray(contenders[OURS]())
    for name, contender in contenders.items():
        if name not in (OURS, BOUND):
            np.testing.assert_allclose(np.asarray(contender()), expected, rtol=1e-4, err_msg=name)


def peak_memory(contender: Contender) -> float:
    """Peak bytes of resident memory that one call adds, compiled code included; NaN where this is not Linux."""
    status, clear = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not clear.exists():
        return float("nan")
    contender()
    clear.write_text("5")  # sets the recorded peak back to the present size
    before = _kilobytes(status, "VmHWM")
    contender()
    return 1024.0 * (_kilobytes(status, "VmHWM") - before)


def _kilobytes(status: Path, field: str) -> int:
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith(field))
