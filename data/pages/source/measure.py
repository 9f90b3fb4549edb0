"""How well OCR reads the pages: word error rate against the generator's own text, by kind of page."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd


def tokens(text: str) -> list[str]:
    """Lower-case words and numbers; quotation marks, commas and full stops at a word's ends are let go."""
    same = text.lower().replace("’", "'").replace("µ", "μ").replace("−", "-").replace("–", "-")
    return [word for word in (part.strip(".,;:!?'\"“”()•·—-") for part in re.split(r"\s+", same)) if word]


def edit_distance(read: Sequence[str], true: Sequence[str]) -> int:
    """Fewest words to put in, leave out or exchange that turn one text into the other (Levenshtein, 1965)."""
    numbers = {word: i for i, word in enumerate({*read, *true})}
    other = np.array([numbers[word] for word in true], dtype=np.int64)
    places = np.arange(len(true) + 1)
    row = places.copy()
    for word in read:
        change = np.minimum(row[:-1] + (other != numbers[word]), row[1:] + 1)
        row = np.concatenate([[row[0] + 1], change])
        # a word put in costs one more than its left neighbour: a running minimum once the slope is taken off
        row = np.minimum.accumulate(row - places) + places
    return int(row[-1])


def ocr_errors(folder: Path) -> pd.DataFrame:
    """Word error rates of `ocr.jsonl` against `text.jsonl`.

    A page counts once for each of its kinds. Order counts in the word error rate, so a chart's labels or a table read
    in another order than they were drawn are errors; `words missed` takes the words of a page as a bag.

    Returns:
        One row a kind and one for all pages: pages, words, word error rate and share of words missed.
    """
    own = {
        r["_id"]: tokens(r["text"]) for r in map(json.loads, (folder / "text.jsonl").read_text("utf-8").splitlines())
    }
    rows = []
    for record in map(json.loads, (folder / "corpus.jsonl").read_text("utf-8").splitlines()):
        read, true = tokens(record["text"]), own[record["_id"]]
        kinds = record["metadata"]["kinds"]
        if record["metadata"]["columns"] == 2:
            kinds = [*kinds, "two columns"]
        missed = sum((Counter(true) - Counter(read)).values())
        for kind in ["all", *kinds]:
            rows.append({"kind": kind, "pages": 1, "words": len(true), "errors": edit_distance(read, true),
                         "missed": missed})  # fmt: skip
    sums = pd.DataFrame(rows).groupby("kind").sum()
    sums["word error rate"] = sums["errors"] / sums["words"]
    sums["words missed"] = sums["missed"] / sums["words"]
    return sums[["pages", "words", "word error rate", "words missed"]]
