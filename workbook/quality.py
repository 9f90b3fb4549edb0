"""How good the bundled models are: `make quality` measures them on the test splits and writes `quality.json`.

This takes about half an hour on two cores, so notebooks read what it wrote. The test splits are for this report alone:
nothing here or in training was chosen by them. `make quality BEIR=FOLDER` measures on a collection in BEIR layout and
prints; see `quality_trained`.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from lateint_ref.datasets import Dataset, data_folder, load_handbook
from lateint_ref.encoders import BM25, load_bi, load_cross, load_late, load_static
from lateint_ref.encoders.backbone import sha256_of
from lateint_ref.evaluation import Run, by_type, compare, make_run, paired_test, per_query
from lateint_ref.scores import maxsim_scores
from workbook._files import restore, write_whole
from workbook.data import load_apidocs

MEASURES = ("nDCG@10", "RR@10", "R@100")
# Each set, and how many passages of a first stage the cross-encoder reranks there.
SETS: dict[str, tuple[Callable[[], Dataset], int]] = {
    "handbook test": (lambda: load_handbook("test"), 100),
    "apidocs test": (lambda: load_apidocs("test"), 100),
}
MIXED = 0.35  # of the cosine beside MaxSim a query token, as in the cross-encoder's score
# Each system beside the one that it has to beat.
NEIGHBOURS = (
    ("static", "BM25"),
    ("bi", "static"),
    ("late 384", "bi"),
    ("late", "bi"),
    ("late", "late 384"),
    ("late 384 and bi", "late 384"),
    ("late 384 and bi", "late"),
    ("bi + cross", "bi"),
    ("bi + cross", "late"),
    ("late + cross", "late"),
    ("late + cross", "late 384 and bi"),
    ("late + cross", "bi + cross"),
)
SPEED_TEXTS = 320


def quality_file() -> Path:
    """Where the measurements lie: `data/models/quality.json`."""
    return data_folder() / "models" / "quality.json"


def load_quality() -> dict[str, Any]:
    """What the last `make quality` measured.

    Returns:
        `"weights"` (file to SHA-256), `"sets"` (name to `queries`, `measures`, `by_type`, `pairs`), `"trained"` (the
        same, with the trained encoders), `"sizes"` (bytes) and `"speed"`.

    Raises:
        FileNotFoundError: it is missing.
        ValueError: not JSON, or measured with other weights than those in `data/models`.
    """
    path = quality_file()
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: {restore(path)}, or measure again: make quality")
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}): {restore(path)}") from error
    if found.get("weights") != weights():
        raise ValueError(f"{path} was measured with other weights than those in data/models: run make quality")
    return found


def weights() -> dict[str, str]:
    """SHA-256 of each bundled weight file, by its path in `data/models`."""
    folder = data_folder() / "models"
    files = sorted(folder.rglob("*.safetensors"))
    return {path.relative_to(folder).as_posix(): _digest(path, *_times(path)) for path in files}


@cache
def _digest(path: Path, changed: int, size: int) -> str:
    """Once a process for a file as it is: every test bed asks, and reading 16 MB takes longer than searching."""
    return sha256_of(path)


def _times(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def single_vector_runs(dataset: Dataset, encoder: Any) -> Run:
    """Every query by the dot product of its one vector with each passage's."""
    documents = encoder.encode_documents(dataset.texts)
    queries = encoder.encode_queries([query.text for query in dataset.queries])
    rows = {query.text: vector for query, vector in zip(dataset.queries, queries, strict=True)}
    return make_run(dataset, lambda text: documents @ rows[text])


def late_run(dataset: Dataset, encoder: Any) -> Run:
    """Every query by MaxSim with each passage."""
    documents = encoder.encode_documents(dataset.texts, dataset.ids)
    queries = encoder.encode_queries([query.text for query in dataset.queries])
    rows = {query.text: number for number, query in enumerate(dataset.queries)}
    return make_run(dataset, lambda text: maxsim_scores(queries[rows[text]], documents))


def mixed_run(dataset: Dataset) -> Run:
    """Every query by MaxSim a query token, plus `MIXED` times the bi-encoder's cosine: both of texts read apart."""
    late, bi = load_late(dim=384), load_bi()
    texts = [query.text for query in dataset.queries]
    documents, queries = late.encode_documents(dataset.texts, dataset.ids), late.encode_queries(texts)
    cosines = bi.encode_queries(texts) @ bi.encode_documents(dataset.texts).T
    rows = {text: number for number, text in enumerate(texts)}

    def score(text: str) -> Any:
        query = queries[rows[text]]
        return maxsim_scores(query, documents) / len(query) + MIXED * cosines[rows[text]]

    return make_run(dataset, score)


def reranked(
    dataset: Dataset, encoder: Any, first_stages: dict[str, Run], depth: int, progress: bool = False
) -> dict[str, Run]:
    """Each first stage's `depth` best passages in the cross-encoder's order; the rest behind them as they were.

    A pair that several first stages ask for is scored once.

    Args:
        dataset: queries and passages.
        encoder: has `score(query, documents)`.
        first_stages: name to run.
        depth: passages a query and first stage.
        progress: show a progress bar.

    Returns:
        The same names to the reranked runs.
    """
    from tqdm.auto import tqdm

    texts = dict(zip(dataset.ids, dataset.texts, strict=True))
    found: dict[str, Run] = {name: {} for name in first_stages}
    for query in tqdm(dataset.queries, desc="cross-encoder", unit="query", leave=False, disable=not progress):
        orders = {
            name: sorted(run[query.id], key=lambda key: -run[query.id][key]) for name, run in first_stages.items()
        }
        candidates = list(dict.fromkeys(key for order in orders.values() for key in order[:depth]))
        values = encoder.score(query.text, [texts[key] for key in candidates])
        scores = dict(zip(candidates, values.tolist(), strict=True))
        for name, order in orders.items():
            best = sorted(order[:depth], key=lambda key: -scores[key]) + order[depth:]
            found[name][query.id] = {key: float(len(best) - place) for place, key in enumerate(best)}
    return found


def runs_of(dataset: Dataset, depth: int) -> dict[str, Run]:
    """All systems of the report on one set, the cross-encoder on the `depth` best of two first stages: name to run."""
    lexical = BM25(dataset.texts)
    runs = {"BM25": make_run(dataset, lexical.scores)}
    for name, encoder in (("static", load_static()), ("bi", load_bi())):
        runs[name] = single_vector_runs(dataset, encoder)
    for name, dim in (("late 384", 384), ("late", 128)):
        runs[name] = late_run(dataset, load_late(dim=dim))
    runs["late 384 and bi"] = mixed_run(dataset)
    for name, run in reranked(dataset, load_cross(), {key: runs[key] for key in ("bi", "late")}, depth, True).items():
        runs[f"{name} + cross"] = run
    return runs


def measured(
    dataset: Dataset, runs: dict[str, Run], neighbours: Sequence[tuple[str, str]] = NEIGHBOURS
) -> dict[str, Any]:
    """Measures, nDCG@10 by type of query, and paired tests between neighbours."""
    values = {name: per_query(run, dataset.qrels) for name, run in runs.items()}
    pairs = []
    for first, second in neighbours:
        test = paired_test(values[first], values[second])
        pairs.append(
            {
                "first": first,
                "second": second,
                "difference": round(test.difference, 4),
                "low": round(test.low, 4),
                "high": round(test.high, 4),
                "p_value": round(test.p_value, 4),
                "wins": test.wins,
                "losses": test.losses,
                "ties": test.ties,
            }
        )
    return {
        "queries": len(dataset.queries),
        "measures": compare(runs, dataset, MEASURES).round(4).to_dict(orient="index"),
        "by_type": by_type(runs, dataset).round(4).to_dict(orient="index"),
        "pairs": pairs,
    }


def speed() -> dict[str, Any]:
    """Seconds to load and texts a second, each encoder's second round, on this machine; and its number of cores."""
    texts = load_handbook("dev").texts[:SPEED_TEXTS]
    question = load_handbook("dev").queries[0].text
    loaders: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
        "static": (load_static, lambda encoder: encoder.encode_documents(texts)),
        "bi": (load_bi, lambda encoder: encoder.encode_documents(texts)),
        "late": (load_late, lambda encoder: encoder.encode_documents(texts)),
        "cross, new passages": (load_cross, lambda encoder: encoder.score(question, texts)),
        "cross, known passages": (load_cross, lambda encoder: encoder.score(question, texts)),
    }
    table: dict[str, Any] = {}
    for name, (load, work) in loaders.items():
        start = time.perf_counter()
        encoder = load()
        loaded = time.perf_counter() - start
        if name != "cross, new passages":
            work(encoder)
        start = time.perf_counter()
        work(encoder)
        rate = len(texts) / (time.perf_counter() - start)
        table[name] = {"seconds to load": round(loaded, 2), "texts a second": _two_digits(rate)}
    return {"cores": os.cpu_count(), "encoders": table}


def _two_digits(value: float) -> float:
    return float(f"{value:.2g}")


def sizes() -> dict[str, int]:
    """Bytes of each folder of `data/models`."""
    folder = data_folder() / "models"
    return {
        item.name: sum(path.stat().st_size for path in item.rglob("*") if path.is_file())
        for item in sorted(folder.iterdir())
        if item.is_dir()
    }


def quality_table(quality: dict[str, Any], measure: str = "nDCG@10", part: str = "sets") -> Any:
    """One measure of every system (row) on every set (column), as a pandas `DataFrame`.

    `part` is `"sets"`, or `"trained"` for the trained encoders beside the untrained.
    """
    import pandas as pd

    return pd.DataFrame(
        {
            name: {system: values[measure] for system, values in found["measures"].items()}
            for name, found in quality[part].items()
        }
    )


def main(command: str, arguments: Sequence[str]) -> int:
    """`python -m workbook quality`: measure everything and write `data/models/quality.json`."""
    parser = argparse.ArgumentParser(prog=f"python -m workbook {command}", description=__doc__)
    parser.add_argument("--out", type=Path, default=quality_file(), help="file to write (default: %(default)s)")
    parser.add_argument(
        "--beir", type=Path, nargs="+", help="collections in BEIR layout, measured in place of all else"
    )
    wanted = parser.parse_args(arguments)
    from workbook import quality_trained  # which imports this module

    if wanted.beir:
        return quality_trained.main(["--beir", *map(str, wanted.beir)])
    out = wanted.out
    report: dict[str, Any] = {"weights": weights(), "sizes": sizes(), "speed": speed(), "sets": {}, "trained": {}}
    for name, (load, depth) in SETS.items():
        dataset = load()
        print(f"{name}: {len(dataset.queries)} queries, {len(dataset.passages)} passages", flush=True)
        report["sets"][name] = {"reranked": depth, **measured(dataset, runs_of(dataset, depth))}
        write_whole(out, json.dumps(report, indent=1) + "\n")
        print(quality_table(report)[name].round(3).to_string(), flush=True)
    for name, (dataset, runs) in quality_trained.bundled_runs().items():
        report["trained"][name] = measured(dataset, runs, quality_trained.pairs_of(runs))
        write_whole(out, json.dumps(report, indent=1) + "\n")
    print(f"{quality_table(report, part='trained').round(3).to_string()}\nwrote {out}")
    return 0
