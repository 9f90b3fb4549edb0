"""Words and BM25, as Lucene has them.

Sources: Unicode Standard Annex 29 (word boundaries), which the `standard` analyzer follows; Robertson and Zaragoza,
"The Probabilistic Relevance Framework: BM25 and Beyond", 2009; Lucene's documentation of `BM25Similarity` (idf
`ln(1 + (N - n + 0.5) / (n + 0.5))`) and of `SmallFloat` (a field's length is kept in one byte: exact to 40, then
three bits of mantissa).

What differs from the server's `standard` analyzer: combining marks and emoji end a word here, and only single Han
and Hiragana characters stand alone. Deleted documents leave the statistics at once; the server keeps
counting them until it merges segments. There is one shard, so the statistics are those of the whole index.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from lateint_ref.checks import Float32Array, Int64Array

K1, B = 1.2, 0.75
_MAX_TOKEN = 255
_ALONE = "\u3041-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_LETTER, _DIGIT = r"[^\W\d_]", r"\d"
_STANDARD = re.compile(
    rf"[{_ALONE}]|(?:(?![{_ALONE}])\w|(?<={_LETTER})[.'’\u2018:·](?={_LETTER})|(?<={_DIGIT})[.'’\u2018,;](?={_DIGIT}))+"
)


def tokens(text: str) -> list[str]:
    """The terms of a text, as the `standard` analyzer cuts it."""
    found = [word for word in _STANDARD.findall(text.lower()) if word.strip("_")]
    return [word[start : start + _MAX_TOKEN] for word in found for start in range(0, len(word), _MAX_TOKEN)]


def _encode_4(number: int) -> int:
    shift = number.bit_length() - 4
    return number if shift < 0 else ((number >> shift) & 7) | (shift + 1) << 3


def _decode_4(code: int) -> int:
    shift = (code >> 3) - 1
    return code & 7 if shift < 0 else (code & 7 | 8) << shift


_EXACT = 255 - _encode_4(2**31 - 1)
LENGTHS = np.array([code if code < _EXACT else _EXACT + _decode_4(code - _EXACT) for code in range(256)], np.float32)


def stored_length(length: int) -> float:
    """A field's number of terms after its trip through one byte: the largest length with a code not above it."""
    code = length if length < _EXACT else _EXACT + _encode_4(length - _EXACT)
    return float(LENGTHS[code])


class Postings:
    """Which documents hold which terms of one field.

    Attributes:
        n_docs: documents that have the field.
        lengths: float32 `(n,)`, terms in each document, as one byte remembers them.
        average: the mean number of terms, over documents that have the field.
    """

    def __init__(self, documents: list[list[str] | None], norms: bool) -> None:
        """Count the terms.

        Args:
            documents: the terms of each, None where it lacks the field.
            norms: whether the field remembers lengths; if not, every document counts as one term long.
        """
        self._terms: dict[str, tuple[list[int], list[int]]] = {}
        total = 0
        self.n_docs = 0
        self.lengths: Float32Array = np.ones(len(documents), np.float32)
        for row, terms in enumerate(documents):
            if terms is None:
                continue
            counts = Counter(terms)
            length = len(terms) if norms else len(counts)
            self.n_docs += bool(terms)
            total += length
            if norms:
                self.lengths[row] = stored_length(length)
            for term, count in counts.items():
                rows, frequencies = self._terms.setdefault(term, ([], []))
                rows.append(row)
                frequencies.append(count if norms else 1)
        self.average = np.float32(total / self.n_docs) if self.n_docs else np.float32(1)

    def rows(self, term: str) -> Int64Array:
        """Documents that hold the term, in order."""
        return np.array(self._terms.get(term, ([], []))[0], dtype=np.int64)

    def scores(self, term: str, n: int) -> Float32Array:
        """BM25 of one term with every document: float32 `(n,)`, zero where it does not occur.

        Elasticsearch keeps the factor `k1 + 1`, which newer Lucene leaves out; it changes no order.
        """
        found: NDArray[np.float32] = np.zeros(n, np.float32)
        rows = self.rows(term)
        if not len(rows):
            return found
        frequency = np.array(self._terms[term][1], np.float32)
        idf = np.float32(np.log(1 + (self.n_docs - len(rows) + 0.5) / (len(rows) + 0.5)))
        weight = np.float32(np.float32(K1 + 1) * idf)
        inverse = np.float32(1) / (
            np.float32(K1) * (np.float32(1 - B) + np.float32(B) * self.lengths[rows] / self.average)
        )
        found[rows] = weight - weight / (np.float32(1) + frequency * inverse)
        return found
