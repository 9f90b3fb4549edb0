"""BM25, the baseline that needs no model: exact words, weighted by how rare they are.

Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009; the variant is Lucene's
(Kamphuis et al., ECIR 2020), computed by bm25s (Lù, 2024). Stems: Porter's English stemmer of the Snowball project.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Any, ClassVar

import numpy as np

from lateint_ref.checks import Float32Array
from lateint_ref.encoders.base import check_text, check_texts


class BM25:
    """An index of documents that scores them all for a query.

    Words are runs of two or more letters and digits, lower-cased, without English stopwords, cut to their stems. Texts
    are composed first (Unicode's NFC), so it does not matter how their accents were typed; the marks that many scripts
    set beside a letter belong to the word.

    Attributes:
        name: `"bm25"`.
    """

    name = "bm25"
    # A posting is a float32 and the number of its document, int32.
    BYTES_PER_POSTING: ClassVar[int] = 8

    def __init__(self, documents: Any, k1: float = 1.2, b: float = 0.75) -> None:
        """Index the documents.

        Args:
            documents: list of `n_docs` non-empty strings.
            k1: how slowly repetitions of a word saturate, at least 0. Lucene's default.
            b: how far long documents are discounted, from 0 (not at all) to 1. Lucene's default.

        Raises:
            TypeError: `documents` is not a list of strings.
            ValueError: no documents, an empty one, k1 or b outside its range, or no words in any document.
        """
        texts = check_texts(documents, "documents")
        if not (k1 >= 0 and 0 <= b <= 1):
            raise ValueError(f"k1 must be at least 0 and b between 0 and 1, got k1={k1} and b={b}.")
        import bm25s
        from Stemmer import Stemmer

        self._settings = {
            "stopwords": "english",
            "stemmer": Stemmer("english"),
            "token_pattern": _words(),
            "show_progress": False,
        }
        self._n_docs = len(texts)
        tokenized = bm25s.tokenize([_composed(text) for text in texts], **self._settings)
        if not tokenized.vocab:
            raise ValueError("documents hold no words but stopwords and single letters: BM25 has nothing to index.")
        self._index = bm25s.BM25(method="lucene", k1=k1, b=b)
        self._index.index(tokenized, show_progress=False)

    def __len__(self) -> int:
        return self._n_docs

    @property
    def nbytes(self) -> int:
        """Bytes of the postings and of where each word's begin; the words themselves left out."""
        parts = self._index.scores
        return int(sum(parts[name].nbytes for name in ("data", "indices", "indptr")))

    def postings(self, query: str) -> int:
        """How many entries of the index a query reads: for each of its words, one a document that has it."""
        ids = np.array(self._index.get_tokens_ids(self.words(query)), dtype=np.int64)
        starts = self._index.scores["indptr"]
        return int((starts[ids + 1] - starts[ids]).sum())

    def words(self, query: str) -> list[str]:
        """The words of a query as they are looked up, whether or not a document has them."""
        import bm25s

        composed = _composed(check_text(query, "query"))
        tokens: list[list[str]] = bm25s.tokenize([composed], return_ids=False, **self._settings)
        return tokens[0]

    def scores(self, query: str) -> Float32Array:
        """BM25 of every document for one query, a non-empty string.

        Returns:
            float32 `(n_docs,)`, at least 0, in the order of the documents; zeros where none has any of its words.

        Raises:
            TypeError, ValueError: as `base.check_text`.
        """
        ids = self._index.get_tokens_ids(self.words(query))
        if not ids:
            return np.zeros(self._n_docs, dtype=np.float32)
        return np.asarray(self._index.get_scores_from_ids(ids), dtype=np.float32)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


@cache
def _words() -> str:
    """Runs of two or more letters, digits and marks, as a pattern: vowel signs are no letters, and end no word."""
    marks = "".join(chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code)).startswith("M"))
    return rf"[\w{marks}]{{2,}}"
