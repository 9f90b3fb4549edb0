"""Training data, gathered again from offline text: `python -m workbook.training_data`.

Writes to `build/training/` in the layout that PyLate trains on (its `KDProcessing`):

    documents.jsonl   {"document_id", "document", "page"}
    queries.jsonl     {"query_id", "query", "kind", "source"}
    train.jsonl       {"query_id", "document_ids": [positive, negatives ...], "scores": [bi-encoder's cosines]},
                      with "labels" where the question was judged (`data/training/`)
    valid.jsonl       the same for held-out pages
    counts.json       what was found, dropped and kept, by source

What is gathered is not committed: the text belongs to its authors, under the licences of their packages.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from workbook.training_guard import Guard, evaluation_texts
from workbook.training_judged import candidates, family_of, guarded, read_judged
from workbook.training_mining import embed, mine
from workbook.training_pairs import Pair, deduplicate, gather
from workbook.training_rewrite import synonyms
from workbook.training_sources import DOCSTRINGS_SHARE, SOURCES, fetch, python_sections, read, unpack

DEFAULT_FOLDER = Path("build/training")
VALID_PART = 25  # one page in 25 is held out


def collect(folder: Path, total: int, seed: int) -> tuple[list[Pair], dict[str, Counter[str]]]:
    """Pairs of all sources, deduplicated and guarded, in random order.

    Args:
        folder: holds `unpacked/`.
        total: pairs wanted; each source gives at most its share of them.
        seed: of the order of pages and pairs.

    Returns:
        The pairs, and counts by source of `gathered`, `duplicates`, `overlaps` (with evaluation text) and `kept`.

    Raises:
        FileNotFoundError: a package without its files.
    """
    words = synonyms(folder / "unpacked" / "wordnet-base" / "usr" / "share" / "wordnet")
    pairs: list[Pair] = []
    for source in tqdm(SOURCES, desc="reading manuals", unit="package"):
        pairs += gather(read(source, folder / "unpacked"), source.share, total, words, seed)
    pairs += gather(tqdm(python_sections(), desc="reading docstrings"), DOCSTRINGS_SHARE, total, words, seed)
    counts = {"gathered": Counter(pair.source for pair in pairs)}
    pairs, counts["duplicates"] = deduplicate(pairs)
    from lateint_ref.datasets import data_folder

    pairs, counts["overlaps"] = drop_overlaps(pairs, Guard(evaluation_texts(data_folder())))
    counts["kept"] = Counter(pair.source for pair in pairs)
    random.Random(seed).shuffle(pairs)
    return pairs, counts


def drop_overlaps(pairs: Iterable[Pair], guard: Guard) -> tuple[list[Pair], Counter[str]]:
    """Drop the pairs of which query, positive or negative shares a run of words with an evaluation text.

    Returns:
        The pairs left, in order, and how many of each source were dropped.
    """
    kept, dropped = [], Counter[str]()
    for pair in pairs:
        if any(guard.overlap(text) for text in (pair.query, pair.positive, pair.spoiled or "")):
            dropped[pair.source] += 1
        else:
            kept.append(pair)
    return kept, dropped


def is_held_out(page: str) -> bool:
    """Whether a page is for validation: decided by its name, so that a second run holds out the same."""
    return int(hashlib.sha256(page.encode()).hexdigest(), 16) % VALID_PART == 0


def write_lines(path: Path, records: Iterable[dict[str, Any]]) -> None:
    """Write JSON lines beside `path` and rename: the file is whole or not there."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with partial.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    partial.replace(path)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read what `write_lines` wrote.

    Raises:
        FileNotFoundError: no such file; the message says what makes it.
        ValueError: a line that is not JSON.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing. Gather it: python -m workbook.training_data")
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is damaged ({error}): delete it and gather it again.") from error


def build(folder: Path, total: int, seed: int, negatives: int) -> dict[str, Counter[str]]:
    """Gather, mine and write everything. What an interrupted run has encoded is not encoded again.

    Args:
        folder: where to write, usually `build/training`.
        total: pairs to aim for.
        seed: of everything random.
        negatives: hard negatives of each pair, at most.

    Returns:
        Counts by source (see `collect`).
    """
    fetch(SOURCES, folder / "packages")
    unpack(SOURCES, folder / "packages", folder / "unpacked")
    pairs, counts = collect(folder, total, seed)
    documents = [pair.positive for pair in pairs]
    spoiled = {row: pair.spoiled for row, pair in enumerate(pairs) if pair.spoiled is not None}
    position = {row: len(documents) + number for number, row in enumerate(spoiled)}
    document_vectors = embed(documents, folder / "vectors", "documents")
    query_vectors = embed([pair.query for pair in pairs], folder / "vectors", "queries")
    siblings: dict[tuple[str, bool], list[int]] = defaultdict(list)
    for row, pair in enumerate(pairs):
        siblings[pair.page, is_held_out(pair.page)].append(row)
    lines: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
    for held_out in (True, False):
        rows = np.array([row for row, pair in enumerate(pairs) if is_held_out(pair.page) == held_out])
        mined = mine(pairs, rows, siblings, query_vectors, document_vectors, negatives)
        for row, (names, scores) in zip(rows.tolist(), mined, strict=True):
            if row in position:
                names, scores = [*names[:-1], position[row]], [*scores[:-1], scores[0]]
            own = float(query_vectors[row] @ document_vectors[row])
            lines[held_out].append(
                {"query_id": row, "document_ids": [row, *names], "scores": [round(s, 4) for s in (own, *scores)]}
            )
    documents += list(spoiled.values())
    pages = [pair.page for pair in pairs] + [pairs[row].page for row in spoiled]
    queries = [{"query": pair.query, "kind": pair.kind, "source": pair.source} for pair in pairs]
    counts["judged"] = add_judged(folder, documents, pages, queries, lines)
    write_lines(
        folder / "documents.jsonl",
        (
            {"document_id": row, "document": text, "page": page}
            for row, (text, page) in enumerate(zip(documents, pages, strict=True))
        ),
    )
    write_lines(folder / "queries.jsonl", ({"query_id": row, **query} for row, query in enumerate(queries)))
    write_lines(folder / "valid.jsonl", lines[True])
    write_lines(folder / "train.jsonl", lines[False])
    (folder / "counts.json").write_text(json.dumps(counts, indent=2) + "\n", encoding="utf-8")
    return counts


def add_judged(
    folder: Path,
    documents: list[str],
    pages: list[str],
    queries: list[dict[str, str]],
    lines: dict[bool, list[dict[str, Any]]],
) -> Counter[str]:
    """Append the questions of `data/training` with their candidates to what is to be written.

    Args:
        folder: where the vectors are kept.
        documents: what `build` has so far; appended to in place, as the next three.
        pages: a document's page or family.
        queries: what is asked.
        lines: candidates, for training and (True) validation.

    Returns:
        How many questions were added, by kind.
    """
    from lateint_ref.datasets import data_folder

    data = data_folder()
    passages, questions = read_judged(data / "training")
    questions = guarded(passages, questions, Guard(evaluation_texts(data)))
    names, first = list(passages), len(documents)
    families = [family_of(name) for name in names]
    vectors = embed(list(passages.values()), folder / "vectors", "judged documents")
    asked = embed([question.text for question in questions], folder / "vectors", "judged queries")
    documents += passages.values()
    pages += families
    for question, vector in zip(questions, asked, strict=True):
        cosines = vectors @ vector
        found = candidates(question, names, families, cosines)
        held_out = is_held_out(question.text if question.family == "api" else question.family)
        lines[held_out].append(
            {
                "query_id": len(queries),
                "document_ids": [first + row for row, _ in found],
                "scores": [round(float(cosines[row]), 4) for row, _ in found],
                "labels": [label for _, label in found],
            }
        )
        queries.append({"query": question.text, "kind": question.kind, "source": question.family})
    return Counter(question.kind for question in questions)


def main(argv: Sequence[str] | None = None) -> int:
    """Gather the training data and print what it consists of."""
    parser = argparse.ArgumentParser(prog="python -m workbook.training_data", description=main.__doc__)
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER, help="where to write (default: %(default)s)")
    parser.add_argument("--pairs", type=int, default=30_000, help="pairs to aim for (default: %(default)s)")
    parser.add_argument("--negatives", type=int, default=7, help="hard negatives a pair (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    counts = build(arguments.folder, arguments.pairs, arguments.seed, arguments.negatives)
    print(f"{'source':24s} {'gathered':>9s} {'duplicates':>10s} {'overlaps':>9s} {'kept':>7s}")
    for source in sorted(counts["gathered"], key=lambda name: -counts["kept"][name]):
        row = [counts[column][source] for column in ("gathered", "duplicates", "overlaps", "kept")]
        print(f"{source:24s} {row[0]:9d} {row[1]:10d} {row[2]:9d} {row[3]:7d}")
    columns = [counts[column].total() for column in ("gathered", "duplicates", "overlaps", "kept")]
    print(f"{'all':24s} " + "{:9d} {:10d} {:9d} {:7d}".format(*columns))
    print(f"judged questions beside: {counts['judged'].total()}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
