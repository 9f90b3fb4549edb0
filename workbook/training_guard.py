"""The guard: no passage or query that the workbook is evaluated on gets into the training text."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable
from pathlib import Path

from workbook.training_pairs import normalised

RUN = 8
SHORTEST = 5


class Guard:
    """Knows the evaluation texts by their runs of eight words; shorter texts, from five words on, as a whole.

    Words are compared in lower case and without punctuation (`training_pairs.normalised`).
    """

    def __init__(self, texts: Iterable[str]) -> None:
        """Take in the texts to keep out.

        Args:
            texts: evaluation passages and queries. One shorter than five words is nothing to be told by.
        """
        self._runs: dict[int, set[tuple[str, ...]]] = {size: set() for size in range(SHORTEST, RUN + 1)}
        for text in texts:
            tokens = normalised(text)
            size = min(RUN, len(tokens))
            if size >= SHORTEST:
                self._runs[size].update(_runs(tokens, size))

    def __len__(self) -> int:
        return sum(len(runs) for runs in self._runs.values())

    def overlap(self, text: str) -> str | None:
        """The first run of words that `text` shares with an evaluation text; None where there is none."""
        tokens = normalised(text)
        for size, runs in self._runs.items():
            for run in _runs(tokens, size):
                if run in runs:
                    return " ".join(run)
        return None


def _runs(tokens: list[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(tokens[start : start + size]) for start in range(len(tokens) - size + 1)]


def evaluation_texts(data: Path) -> list[str]:
    """Every passage and query of the bundled collections, all splits, and the API documentation where it is read.

    Args:
        data: the data folder. Each folder in it that holds `corpus.jsonl` or `queries.jsonl` is a collection.

    Raises:
        FileNotFoundError: not one collection there: a guard that guards nothing would be no guard.
        ValueError: a line that is not JSON.
    """
    texts: list[str] = []
    for path in sorted(data.glob("*/corpus.jsonl")) + sorted(data.glob("*/queries.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                texts.append(str(json.loads(line)["text"]))
    if not texts:
        raise FileNotFoundError(f"{data} holds no collection (no */corpus.jsonl): there is nothing to guard against.")
    if importlib.util.find_spec("workbook.apidocs") is not None:
        from importlib import import_module

        texts += [str(passage.text) for passage in import_module("workbook.apidocs").api_passages()]
    return texts
