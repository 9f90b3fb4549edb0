"""Trained beside untrained: nDCG@10 of every encoder on judged sets, with paired tests.

    python data/training/evaluate.py --sets "handbook dev" "apidocs dev"
    python data/training/evaluate.py --sets "handbook test" "apidocs test" "see also" --beir FOLDER FOLDER

`FOLDER` is a collection in BEIR layout; its corpus may be packed (`corpus.jsonl.gz`). `--late` and `--cross` name what
`export.py` wrote, by default what is bundled. Choose by the dev splits; the others are for the last measurement.
"""

import argparse
import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from lateint_ref.datasets import Dataset, load_beir, load_handbook
from lateint_ref.encoders import BM25, load_bi, load_late
from lateint_ref.encoders.cross import load_trained_cross
from lateint_ref.encoders.late import load_trained_late
from lateint_ref.encoders.trained import trained_folder
from lateint_ref.evaluation import Run, make_run, paired_test, per_query
from workbook.data import load_apidocs, load_see_also
from workbook.quality import late_run, reranked, single_vector_runs

SETS: dict[str, Callable[[], Dataset]] = {
    "handbook dev": lambda: load_handbook("dev"),
    "apidocs dev": lambda: load_apidocs("dev"),
    "handbook test": lambda: load_handbook("test"),
    "apidocs test": lambda: load_apidocs("test"),
    "see also": load_see_also,
}
PAIRS = [("late trained", "late"), ("late trained", "bi"), ("cross over late", "late trained")]


def read(folder: Path) -> Dataset:
    """A collection in BEIR layout, packed or not; documents without text are left out, and judgments of them."""
    with TemporaryDirectory() as name:
        place = Path(name) / folder.name
        shutil.copytree(folder, place, copy_function=shutil.copyfile)
        if (place / "corpus.jsonl.gz").is_file():
            (place / "corpus.jsonl").write_bytes(gzip.decompress((place / "corpus.jsonl.gz").read_bytes()))
        documents = map(json.loads, (place / "corpus.jsonl").read_text(encoding="utf-8").splitlines())
        kept = {}
        for document in documents:
            title, text = (document.get("title") or "").strip(), document["text"].strip()
            if title or text:  # a title alone is the text
                kept[document["_id"]] = {"_id": document["_id"], "title": title if text else "", "text": text or title}
        (place / "corpus.jsonl").write_text("".join(json.dumps(d) + "\n" for d in kept.values()), encoding="utf-8")
        head, *rows = (place / "qrels/test.tsv").read_text(encoding="utf-8").splitlines()
        rows = [row for row in rows if row.split("\t")[1] in kept and row.split("\t")[2].isdigit()]
        (place / "qrels/test.tsv").write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
        return load_beir(place)


def first(dataset: Dataset, most: int) -> Dataset:
    """The dataset with its first `most` queries."""
    queries = dataset.queries[:most]
    judged = {query.id: dataset.qrels[query.id] for query in queries}
    return Dataset(dataset.name, dataset.split, dataset.passages, queries, judged)


def runs_of(dataset: Dataset, late: Any, cross: Any, dims: list[int], depth: int) -> dict[str, Run]:
    """Every system on one set: name to run.

    Args:
        dataset: the set.
        late: the trained late encoder, or None.
        cross: the trained cross-encoder, or None.
        dims: fewer dimensions to measure it at.
        depth: passages of the late encoder that the cross-encoder reranks.
    """
    runs = {"BM25": make_run(dataset, BM25(dataset.texts).scores)}
    runs["bi"] = single_vector_runs(dataset, load_bi())
    runs["late"] = late_run(dataset, load_late())
    if late is not None:
        documents = late.encode_documents(dataset.texts, dataset.ids, progress=True)
        queries = late.encode_queries([query.text for query in dataset.queries])
        for dim in [late.dim, *dims]:
            name = "late trained" if dim == late.dim else f"late trained, {dim}"
            runs[name] = late_run(dataset, Cut(documents, queries, dim))
    if cross is not None:
        before = "late trained" if late is not None else "late"
        runs["cross over late"] = reranked(dataset, cross, {before: runs[before]}, depth, True)[before]
    return runs


class Cut:
    """Vectors that are there already, by their leading dimensions: no text is encoded twice."""

    def __init__(self, documents: Any, queries: Any, dim: int) -> None:
        self._both = [cut(vectors, dim) for vectors in (documents, queries)]

    def encode_documents(self, texts: list[str], ids: list[str]) -> Any:
        """The documents' vectors."""
        return self._both[0]

    def encode_queries(self, texts: list[str]) -> Any:
        """The queries' vectors."""
        return self._both[1]


def cut(vectors: Any, dim: int) -> Any:
    """`MultiVectors` of the leading dimensions, at unit length."""
    arrays = [vectors[row][:, :dim] for row in range(len(vectors))]
    arrays = [array / np.linalg.norm(array, axis=1, keepdims=True) for array in arrays]
    return type(vectors).from_list(arrays, vectors.ids)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", default=[], choices=SETS, help="the project's own")
    parser.add_argument("--beir", nargs="*", type=Path, default=[], help="folders in BEIR layout")
    parser.add_argument("--late", type=Path, default=trained_folder("late"))
    parser.add_argument("--cross", type=Path, default=trained_folder("cross"))
    parser.add_argument("--dims", type=int, nargs="*", default=[96, 64, 32])
    parser.add_argument("--most", type=int, default=10**9, help="queries of a set at most")
    parser.add_argument("--depth", type=int, default=100, help="passages to rerank")
    parser.add_argument("--out", type=Path, default=Path("build/training/quality.json"))
    wanted = parser.parse_args()
    late = load_trained_late(wanted.late) if wanted.late.is_dir() else None
    cross = load_trained_cross(wanted.cross) if wanted.cross.is_dir() else None
    values: dict[str, dict[str, dict[str, float]]] = {}
    wanted.out.parent.mkdir(parents=True, exist_ok=True)
    for load in [SETS[name] for name in wanted.sets] + [lambda folder=folder: read(folder) for folder in wanted.beir]:
        dataset = first(load(), wanted.most)
        name = dataset.name if dataset.split == "test" and dataset.name not in ("handbook", "apidocs") else ""
        name = name or f"{dataset.name} {dataset.split}"
        found = {
            system: per_query(run, dataset.qrels)
            for system, run in runs_of(dataset, late, cross, wanted.dims, wanted.depth).items()
        }
        values[name] = found
        wanted.out.write_text(json.dumps(values) + "\n", encoding="utf-8")
        print(f"\n{name}: {len(dataset.queries)} queries, {len(dataset.passages)} documents")
        print(pd.Series({system: np.mean(list(each.values())) for system, each in found.items()}).round(4).to_string())
        report({name: found})
    table = pd.DataFrame(
        {name: {s: np.mean(list(v.values())) for s, v in found.items()} for name, found in values.items()}
    )
    table["mean"] = table.mean(axis=1)
    print("\n" + table.T.round(3).to_string())
    if len(values) > 1:
        print("all questions together:")
        report(values)


def report(values: dict[str, dict[str, dict[str, float]]]) -> None:
    """Paired tests over the queries of all these sets together."""
    for one, other in PAIRS:
        if all({one, other} <= set(found) for found in values.values()):
            pooled = [{(n, q): x for n, found in values.items() for q, x in found[s].items()} for s in (one, other)]
            print(f"  {one} against {other}: {paired_test(*pooled)}")


if __name__ == "__main__":
    main()
