"""Speed against peers: the same work for all, in one run, reported as ratios. `python -m workbook bench` prints it.

Contenders take turns, round by round (`timing.wall_times`), so that whatever else the machine does falls on all of them
alike. pytest-benchmark would time one after the other. A peer's answer is compared with ours before it is timed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lateint_ref.checks import Float32Array, UInt8Array
from lateint_ref.multivectors import MultiVectors, PackedMultiVectors
from lateint_ref.pooling import pool_levels, pool_tokens
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
    to_hex,
    unpack,
)
from lateint_ref.ranking import two_stage_search
from lateint_ref.scores import maxsim_scores, top_k
from workbook.timing import wall_times

if TYPE_CHECKING:
    import pandas as pd

Call = Callable[[], Any]
OURS = "lateint_ref.maxsim_scores"
BOUND = "one GEMM (no maximum)"
DIM = 128
N_QUERY = 32
DEPTH = 100
FACTORS = (2, 3, 4, 6, 10, 20, 50, 100, 200)
_PAGES_AT_A_TIME = 200
_ADDED = 100.0  # to every score of Elasticsearch's, so that none is below zero


@dataclass(frozen=True)
class Benchmark:
    """What is timed in turns, and what else its table shows.

    Attributes:
        title: above the table.
        calls: name and call; all do the same work.
        against: the row that the others are compared with.
        columns: name of a further column to its values by row.
    """

    title: str
    calls: Mapping[str, Call]
    against: str
    columns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def times(self, rounds: int) -> pd.DataFrame:
        """A row a contender: milliseconds, how many times as fast as `against`, and the further columns."""
        import pandas as pd

        seconds = wall_times(self.calls, rounds)
        rows = {
            name: {
                "ms": round(1000 * value, 2),
                "times as fast": round(seconds[self.against] / value, 2),
                **{column: values.get(name, "") for column, values in self.columns.items()},
            }
            for name, value in seconds.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index")


def main(command: str, arguments: Sequence[str]) -> int:
    """`python -m workbook bench`: run every benchmark and print one table each."""
    parser = argparse.ArgumentParser(prog=f"python -m workbook {command}", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="timed rounds a table (default 15)")
    rounds = parser.parse_args(arguments).rounds
    for make in (equal_lengths, ragged, forms, two_stages, local_node, pooling):
        for benchmark in make():
            print(f"\n{benchmark.title}\n{benchmark.times(rounds).to_string()}")
            if OURS in benchmark.calls:
                print(f"{OURS} needs {peak_memory(benchmark.calls[OURS]) / 1e6:.1f} MB beside its input.")
    return 0


def equal_lengths(n_docs: int = 500, n_vectors: int = 1030) -> Iterator[Benchmark]:
    """32 query vectors and pages as ColPali makes them, beside the libraries that score them."""
    import torch
    from colpali_engine.utils.processing_utils import BaseVisualRetrieverProcessor
    from pylate.scores import colbert_scores

    query, documents = _pages(n_docs, n_vectors)
    cube = documents.vectors.reshape(n_docs, n_vectors, DIM)
    torch_query, torch_cube = torch.from_numpy(query), torch.from_numpy(cube)
    torch_list = list(torch_cube)
    score = BaseVisualRetrieverProcessor.score_multi_vector
    calls: dict[str, Call] = {
        OURS: lambda: maxsim_scores(query, documents),
        "PyLate colbert_scores": lambda: colbert_scores(torch_query[None], torch_cube)[0],
        "colpali-engine score_multi_vector": lambda: score([torch_query], torch_list, device="cpu")[0],
        "torch.einsum": lambda: torch.einsum("qd,ntd->nqt", torch_query, torch_cube).amax(2).sum(1),
    }
    if find_spec("maxsim_cpu"):  # has no build for Python 3.14
        from maxsim_cpu import maxsim_scores as maxsim_cpu_scores

        calls["maxsim-cpu"] = lambda: maxsim_cpu_scores(query, cube)
    _same_answers(calls)
    calls[BOUND] = lambda: torch_cube.view(-1, DIM) @ torch_query.T
    title = f"{N_QUERY} query vectors x {n_docs} documents of {n_vectors} vectors x {DIM} dimensions"
    yield Benchmark(title, calls, OURS)


def ragged(n_docs: int = 5000) -> Iterator[Benchmark]:
    """Documents of 20 to 300 vectors. Peers that want a rectangle get it padded beforehand: padding is not timed."""
    import torch
    from colpali_engine.utils.processing_utils import BaseVisualRetrieverProcessor
    from pylate.scores import colbert_scores

    query = _unit_vectors(N_QUERY, seed=1)
    lengths = np.random.default_rng(3).integers(20, 301, n_docs)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    documents = MultiVectors(_unit_vectors(int(offsets[-1]), seed=4), offsets)
    arrays = list(documents)
    torch_query, torch_list = torch.from_numpy(query), [torch.from_numpy(array) for array in arrays]
    padded = torch.nn.utils.rnn.pad_sequence(torch_list, batch_first=True)
    mask = (torch.arange(padded.shape[1])[None] < torch.from_numpy(lengths)[:, None]).float()
    blocked, flat = (mask - 1) * 1e9, torch.from_numpy(documents.vectors)
    score = BaseVisualRetrieverProcessor.score_multi_vector
    calls: dict[str, Call] = {
        OURS: lambda: maxsim_scores(query, documents),
        "PyLate colbert_scores": lambda: colbert_scores(torch_query[None], padded, None, mask)[0],
        "colpali-engine score_multi_vector": lambda: score([torch_query], torch_list, device="cpu")[0],
        "torch.einsum": lambda: (torch.einsum("qd,ntd->nqt", torch_query, padded) + blocked[:, None]).amax(2).sum(1),
    }
    if find_spec("maxsim_cpu"):
        from maxsim_cpu import maxsim_scores_variable

        calls["maxsim-cpu"] = lambda: maxsim_scores_variable(query, arrays)
    _same_answers(calls)
    calls[BOUND] = lambda: flat @ torch_query.T
    yield Benchmark(f"{N_QUERY} query vectors x {n_docs} documents of 20 to 300 vectors x {DIM}", calls, OURS)


def forms(n_docs: int = 500, n_vectors: int = 1030) -> Iterator[Benchmark]:
    """Bits and bytes beside exact float MaxSim. The bit scores are compared with those of single documents first."""
    query, documents = _pages(n_docs, n_vectors)
    query_bits, packed = binarize(query), binarize_collection(documents)
    query_bytes, stored_bytes = quantize_int8(query), quantize_collection(documents)
    exact, hamming, asymmetric = "maxsim_scores, float32", "maxsim_inv_hamming_scores", "maxsim_asymmetric_scores"
    numpy = "the same with NumPy's bit count"
    calls: dict[str, Call] = {
        exact: lambda: maxsim_scores(query, documents),
        hamming: lambda: maxsim_inv_hamming_scores(query_bits, packed),
        numpy: lambda: _numpy_inv_hamming(query_bits, packed.words, n_docs),
        asymmetric: lambda: maxsim_asymmetric_scores(query, packed),
        "maxsim_int8_scores": lambda: maxsim_int8_scores(query_bytes, stored_bytes),
    }
    for at in (0, n_docs - 1):
        found = [calls[hamming]()[at], calls[asymmetric]()[at]]
        one_by_one = [maxsim_inv_hamming(query_bits, packed[at]), maxsim_asymmetric(query, packed[at])]
        np.testing.assert_allclose(found, one_by_one, rtol=1e-5)
    stored = dict.fromkeys(calls, packed.vectors.nbytes)
    stored |= {exact: documents.vectors.nbytes, "maxsim_int8_scores": stored_bytes.vectors.nbytes}
    memory = {name: f"1/{stored[exact] / size:.0f}" for name, size in stored.items()}
    yield Benchmark(f"Bits and bytes: {n_docs} documents of {n_vectors} vectors", calls, exact, {"memory": memory})


def _numpy_inv_hamming(query_bits: UInt8Array, words: Any, n_docs: int) -> Float32Array:
    """Inverse Hamming MaxSim of documents of equal length without compiled code: one query vector at a time."""
    total = np.zeros(n_docs, np.float32)
    for vector in query_bits.view(np.uint64):
        distances = np.bitwise_count(words ^ vector).sum(axis=1, dtype=np.int16)
        total += 1 - distances.reshape(n_docs, -1).min(axis=1) / np.float32(64 * len(vector))
    return total


class Synthetic(NamedTuple):
    """Pages as bits, their average vectors float32 `(n_docs, dim)`, and queries as bits `(n_q, dim / 8)`."""

    pages: PackedMultiVectors
    averages: Float32Array
    queries: list[UInt8Array]


def synthetic(n_docs: int, n_vectors: int, n_queries: int, seed: int = 6) -> Synthetic:
    """Draw pages and queries; needs the bits and one slice of pages unpacked.

    A page leans towards a random direction of its own: 3 in 4 of its bits agree with it. A query is 32 of one page's
    vectors with 1 bit in 5 turned over, so there is a page to be found, and a first stage can miss it.
    """
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


def two_stages(n_docs: int = 20_000, n_vectors: int = 1030, n_queries: int = 10) -> Iterator[Benchmark]:
    """Average vectors first, then bits, against the scan of all bits: times, bytes read, first hits in common."""
    data = synthetic(n_docs, n_vectors, n_queries)
    every, averages = data.pages.vectors.nbytes / 1e6, data.averages.nbytes / 1e6
    read = [every, averages + min(DEPTH, n_docs) / n_docs * every, averages]
    for kind in ("inverse Hamming", "asymmetric"):
        runs = [_searches(data, query, kind) for query in data.queries]
        scan, both, first = names = list(runs[0])
        same = {
            name: f"{sum(int(run[name]()[0]) == int(run[scan]()[0]) for run in runs)} of {n_queries}" for name in names
        }
        columns = {"MB read": dict(zip(names, np.round(read, 1), strict=True)), "same first hit": same}
        title = f"Two stages, {kind}: {n_docs:,} pages of {n_vectors} bit vectors, {min(DEPTH, n_docs)} rescored"
        yield Benchmark(title, {name: runs[0][name] for name in (scan, both, first)}, scan, columns)


def _searches(data: Synthetic, query: UInt8Array, kind: str) -> dict[str, Call]:
    """Scan, two stages and first stage alone for one query; each returns positions of documents, best first."""
    signs = 2 * unpack(query).astype(np.float32) - 1
    mean = signs.mean(axis=0)
    score: Any = maxsim_inv_hamming_scores if kind == "inverse Hamming" else maxsim_asymmetric_scores
    given = query if kind == "inverse Hamming" else signs

    def both() -> list[int]:
        hits = two_stage_search(given, data.pages, data.averages @ mean, depth=DEPTH, k=10, score=score)
        return [int(hit.id) for hit in hits]

    return {
        "scan": lambda: top_k(score(given, data.pages), 10),
        "two stages": both,
        "first stage alone": lambda: top_k(data.averages @ mean, 10),
    }


def local_node(n_docs: int = 100, n_vectors: int = 1030) -> Iterator[Benchmark]:
    """What a search of the local node costs beside the function that it calls, request and answer in JSON included."""
    if find_spec("elasticsearch") is None:
        print("\nLocal node: needs the extra elastic: pip install -c constraints.txt -e '.[elastic]'")
        return
    from workbook.elasticsearch import connect

    query, documents = _pages(n_docs, n_vectors)
    packed, query_bits = binarize_collection(documents), binarize(query)
    client = connect("local")
    page = {"type": "rank_vectors", "dims": DIM}
    client.indices.create(
        index="pages", mappings={"properties": {"page": page, "bits": page | {"element_type": "bit"}}}
    )
    for number in range(n_docs):
        document = {"page": documents[number].tolist(), "bits": to_hex(packed[number])}
        client.index(index="pages", id=str(number), document=document)
    client.indices.refresh(index="pages")
    numbers = query.astype(float).tolist()
    cases: dict[str, tuple[Call, str, Any]] = {
        "maxsim_scores": (lambda: maxsim_scores(query, documents), "maxSimDotProduct(params.q, 'page')", numbers),
        "maxsim_asymmetric_scores": (
            lambda: maxsim_asymmetric_scores(query, packed),
            "maxSimDotProduct(params.q, 'bits')",
            numbers,
        ),
        "maxsim_inv_hamming_scores": (
            lambda: maxsim_inv_hamming_scores(query_bits, packed),
            "maxSimInvHamming(params.q, 'bits')",
            to_hex(query_bits),
        ),
    }
    for name, (reference, source, asked) in cases.items():
        script = {"source": f"{source} + params.added", "params": {"q": asked, "added": _ADDED}}
        body = {"script_score": {"query": {"exists": {"field": "page"}}, "script": script}}

        def search(size: int = 10, body: dict[str, Any] = body) -> Any:
            return client.search(index="pages", query=body, source=False, size=size)

        found = {hit["_id"]: hit["_score"] - _ADDED for hit in search(n_docs)["hits"]["hits"]}
        np.testing.assert_allclose([found[str(number)] for number in range(n_docs)], reference(), atol=1e-4)
        title = f"Local node: a search of {n_docs} documents of {n_vectors} vectors"
        yield Benchmark(title, {name: reference, "the node's search": search}, name)


def pooling(n_vectors: int = 1030) -> Iterator[Benchmark]:
    """Pooling of one page beside colpali-engine's pooler: the same result, and nine factors from one tree.

    Raises:
        AssertionError: the two pool differently.
    """
    import torch
    from colpali_engine.compression.token_pooling import HierarchicalTokenPooler

    vectors = _unit_vectors(n_vectors, seed=5)
    pooler, tensor, page = HierarchicalTokenPooler(), torch.from_numpy(vectors), MultiVectors.from_list([vectors])
    ours, peer, many = "lateint_ref.pool_tokens", "colpali-engine HierarchicalTokenPooler", f"{len(FACTORS)} factors"
    calls: dict[str, Call] = {
        ours: lambda: pool_tokens(vectors, 3),
        peer: lambda: pooler.pool_embeddings([tensor], pool_factor=3)[0],
        f"lateint_ref.pool_levels, {many}": lambda: pool_levels(page, FACTORS),
        f"{peer}, {many}": lambda: [pooler.pool_embeddings([tensor], pool_factor=factor) for factor in FACTORS],
    }
    found, theirs = calls[ours](), calls[peer]().numpy()
    order = (found @ theirs.T).argmax(axis=1)  # the same clusters in another order
    np.testing.assert_array_equal(np.sort(order), np.arange(len(theirs)), err_msg=peer)
    np.testing.assert_allclose(found, theirs[order], atol=1e-5, err_msg=peer)
    yield Benchmark(f"Pooling {n_vectors} vectors of one page, {DIM} dimensions, factor 3", calls, ours)


def _pages(n_docs: int, n_vectors: int) -> tuple[Float32Array, MultiVectors]:
    """A query of 32 vectors, and documents of equal length."""
    offsets = np.arange(n_docs + 1, dtype=np.int64) * n_vectors
    return _unit_vectors(N_QUERY, seed=1), MultiVectors(_unit_vectors(n_docs * n_vectors, seed=2), offsets)


def _unit_vectors(n: int, seed: int) -> Float32Array:
    vectors = np.random.default_rng(seed).standard_normal((n, DIM), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def _same_answers(calls: Mapping[str, Call]) -> None:
    expected = np.asarray(calls[OURS]())
    for name, call in calls.items():
        np.testing.assert_allclose(np.asarray(call()), expected, rtol=1e-4, err_msg=name)


def peak_memory(call: Call) -> float:
    """Peak bytes of resident memory that one call adds, compiled code included; NaN where this is not Linux."""
    status, clear = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not clear.exists():
        return float("nan")

    def peak() -> int:
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))

    call()
    clear.write_text("5")  # sets the recorded peak back to the present size
    before = peak()
    call()
    return 1024.0 * (peak() - before)
