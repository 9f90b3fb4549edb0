"""Trained beside untrained: nDCG@10 of every encoder on judged sets, with paired tests.

    python -m workbook.quality_trained --sets "handbook dev" "apidocs dev"
    python -m workbook.quality_trained --sets "handbook test" "apidocs test" "see also" --beir FOLDER FOLDER

`FOLDER` is a collection in BEIR layout; its corpus may be packed (`corpus.jsonl.gz`). `--late` and `--cross` name what
`data/training/export.py` wrote, by default what is bundled. Choose by the dev splits; the others are for the last
measurement.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from lateint_ref.datasets import Dataset, load_beir, load_handbook
from lateint_ref.encoders import BM25, load_bi, load_late, load_static
from lateint_ref.encoders.cross import load_trained_cross
from lateint_ref.encoders.late import load_trained_late
from lateint_ref.encoders.trained import trained_folder
from lateint_ref.evaluation import PairedTest, Run, make_run, paired_test, per_query
from lateint_ref.multivectors import MultiVectors
from lateint_ref.scores import maxsim_scores
from workbook.data import load_apidocs, load_see_also
from workbook.quality import late_run, reranked, single_vector_runs

SETS: dict[str, Callable[[], Dataset]] = {
    "handbook dev": lambda: load_handbook("dev"),
    "apidocs dev": lambda: load_apidocs("dev"),
    "handbook test": lambda: load_handbook("test"),
    "apidocs test": lambda: load_apidocs("test"),
    "see also": load_see_also,
}
Values = dict[str, dict[str, float]]  # system to query id to nDCG@10
PAIRS = [
    ("late trained", "late"),
    ("late trained", "bi"),
    ("cross over late", "late trained"),
    ("cross over bi", "bi"),
]
REPORTED = ("handbook test", "apidocs test", "see also")


def load_packed(folder: Path) -> Dataset:
    """A collection in BEIR layout, packed or not; documents without text are left out, and judgments of them.

    A title without a text is taken for the text.

    Args:
        folder: holds `corpus.jsonl` or `corpus.jsonl.gz`, `queries.jsonl` and `qrels/test.tsv`.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: as `datasets.load_beir`.
    """
    for name in ("queries.jsonl", "qrels/test.tsv"):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder / name} does not exist: a collection in BEIR layout needs it.")
    packed = folder / "corpus.jsonl.gz"
    raw = gzip.decompress(packed.read_bytes()) if packed.is_file() else (folder / "corpus.jsonl").read_bytes()
    kept = {}
    for document in map(json.loads, raw.decode("utf-8").splitlines()):
        title, text = (document.get("title") or "").strip(), document["text"].strip()
        if title or text:
            kept[document["_id"]] = {"_id": document["_id"], "title": title if text else "", "text": text or title}
    head, *rows = (folder / "qrels/test.tsv").read_text(encoding="utf-8").splitlines()
    rows = [row for row in rows if row.split("\t")[1] in kept]
    with TemporaryDirectory() as name:
        place = Path(name) / folder.name
        (place / "qrels").mkdir(parents=True)
        shutil.copyfile(folder / "queries.jsonl", place / "queries.jsonl")
        (place / "corpus.jsonl").write_text("".join(json.dumps(d) + "\n" for d in kept.values()), encoding="utf-8")
        (place / "qrels/test.tsv").write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
        return load_beir(place)


def first(dataset: Dataset, most: int) -> Dataset:
    """The dataset with its first `most` queries."""
    queries = dataset.queries[:most]
    judged = {query.id: dataset.qrels[query.id] for query in queries}
    return Dataset(dataset.name, dataset.split, dataset.passages, queries, judged)


def trained_runs(
    dataset: Dataset,
    late: Any,
    cross: Any,
    dims: Sequence[int] = (96, 64, 32),
    depth: int = 100,
    progress: bool = False,
) -> dict[str, Run]:
    """BM25 and the untrained encoders, and the trained ones where they are given: name to run.

    Args:
        dataset: the set.
        late: the trained late encoder, or None.
        cross: the trained cross-encoder, or None.
        dims: fewer dimensions to measure the trained late encoder at, without encoding anything again.
        depth: passages a query that the cross-encoder reranks, of the trained late encoder where there is one.
        progress: show progress bars.
    """
    runs = {"BM25": make_run(dataset, BM25(dataset.texts).scores)}
    runs["static"] = single_vector_runs(dataset, load_static())
    runs["bi"] = single_vector_runs(dataset, load_bi())
    runs["late"] = late_run(dataset, load_late())
    if late is not None:
        documents = late.encode_documents(dataset.texts, dataset.ids, progress=progress)
        queries = late.encode_queries([query.text for query in dataset.queries])
        rows = {query.text: row for row, query in enumerate(dataset.queries)}
        for dim in (late.dim, *dims):
            name = "late trained" if dim == late.dim else f"late trained, {dim}"
            runs[name] = make_run(dataset, scorer(leading(queries, dim), leading(documents, dim), rows))
    if cross is not None:
        firsts = {"late": runs["late" if late is None else "late trained"], "bi": runs["bi"]}
        found = reranked(dataset, cross, firsts, depth, progress)
        runs |= {f"cross over {name}": run for name, run in found.items()}
    return runs


def bundled_runs() -> dict[str, tuple[Dataset, dict[str, Run]]]:
    """The runs of what is bundled on the sets that `make quality` reports: set to dataset and `trained_runs`."""
    late, cross = (
        _loaded(trained_folder("late"), load_trained_late),
        _loaded(trained_folder("cross"), load_trained_cross),
    )
    found = {}
    for name in REPORTED:
        dataset = SETS[name]()
        print(f"{name}: {len(dataset.queries)} queries, {len(dataset.passages)} passages", flush=True)
        found[name] = dataset, trained_runs(dataset, late, cross, progress=True)
    return found


def pairs_of(runs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The neighbours among these systems that are tested against each other."""
    return [pair for pair in PAIRS if set(pair) <= set(runs)]


def _loaded(folder: Path, load: Callable[[Path], Any]) -> Any:
    return load(folder) if folder.is_dir() else None


def scorer(queries: MultiVectors, documents: MultiVectors, rows: Mapping[str, int]) -> Callable[[str], Any]:
    """MaxSim of all documents with a query that is given by its text; `rows` says where its vectors are."""
    return lambda text: maxsim_scores(queries[rows[text]], documents)


def leading(vectors: MultiVectors, dim: int) -> MultiVectors:
    """The leading dimensions of unit vectors, at unit length again."""
    if dim == vectors.dim:
        return vectors
    arrays = [vectors[row][:, :dim] for row in range(len(vectors))]
    return MultiVectors.from_list([a / np.linalg.norm(a, axis=1, keepdims=True) for a in arrays], vectors.ids)


def paired_tests(values: Mapping[str, Values]) -> dict[str, PairedTest]:
    """Paired tests between neighbours over the queries of all these sets together.

    Args:
        values: set to system to query id to value; a pair that one of the sets lacks is left out.
    """
    found = {}
    for one, other in PAIRS:
        if all({one, other} <= set(systems) for systems in values.values()):
            first_values, second_values = (
                {
                    f"{name} {query}": value
                    for name, systems in values.items()
                    for query, value in systems[system].items()
                }
                for system in (one, other)
            )
            found[f"{one} against {other}"] = paired_test(first_values, second_values)
    return found


def table(values: Mapping[str, Values]) -> Any:
    """Mean nDCG@10, one set a row and their mean last, one system a column, as a pandas `DataFrame`."""
    import pandas as pd

    rows = {name: {s: float(np.mean(list(v.values()))) for s, v in found.items()} for name, found in values.items()}
    frame = pd.DataFrame(rows).T
    frame.loc["mean"] = frame.mean()
    return frame


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print and write every question's value."""
    parser = argparse.ArgumentParser(prog="python -m workbook.quality_trained", description=main.__doc__)
    parser.add_argument("--sets", nargs="*", default=[], choices=SETS, help="the project's own")
    parser.add_argument("--beir", nargs="*", type=Path, default=[], help="folders in BEIR layout")
    parser.add_argument("--late", type=Path, default=trained_folder("late"))
    parser.add_argument("--cross", type=Path, default=trained_folder("cross"))
    parser.add_argument("--dims", type=int, nargs="*", default=[96, 64, 32])
    parser.add_argument("--most", type=int, default=10**9, help="queries of a set at most")
    parser.add_argument("--depth", type=int, default=100, help="passages to rerank")
    parser.add_argument("--bf16", action="store_true", help="compute in bfloat16, where the processor is fast at it")
    parser.add_argument("--out", type=Path, default=Path("build/training/quality.json"))
    wanted = parser.parse_args(argv)
    late, cross = _loaded(wanted.late, load_trained_late), _loaded(wanted.cross, load_trained_cross)
    loaders: dict[str, Callable[[], Dataset]] = {name: SETS[name] for name in wanted.sets}
    loaders |= {folder.name: partial(load_packed, folder) for folder in wanted.beir}
    values: dict[str, Values] = {}
    wanted.out.parent.mkdir(parents=True, exist_ok=True)
    for name, load in loaders.items():
        dataset = first(load(), wanted.most)
        print(f"\n{name}: {len(dataset.queries)} queries, {len(dataset.passages)} documents", flush=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=wanted.bf16):
            runs = trained_runs(dataset, late, cross, wanted.dims, wanted.depth, progress=True)
        values[name] = {system: per_query(run, dataset.qrels) for system, run in runs.items()}
        wanted.out.write_text(json.dumps(values) + "\n", encoding="utf-8")
        for said, test in paired_tests({name: values[name]}).items():
            print(f"  {said}: {test}", flush=True)
    print(f"\n{table(values).round(3).to_string()}\n\nall questions together:")
    for said, test in paired_tests(values).items():
        print(f"  {said}: {test}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
