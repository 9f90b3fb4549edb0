"""Pages as plain text, to compare page vectors with: words cut into chunks, a page as good as its best chunk.

This is how pages are searched without a page encoder. The words come from OCR (`lateint_ref.read_words`, in
reading order, so that columns do not mix) or from a PDF's text layer.

Source: Faysse et al., "ColPali: Efficient Document Retrieval with Vision Language Models", ICLR 2025, section 3.3 (the
text pipelines that ColPali is measured against).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lateint_ref.checks import Float32Array, describe, whole
from lateint_ref.datasets import Dataset
from lateint_ref.encoders.bm25 import BM25
from lateint_ref.evaluation import Run, make_run
from lateint_ref.scores import maxsim_scores

if TYPE_CHECKING:
    from lateint_ref.ocr import Word
    from lateint_ref.pages import PageVectors

CHUNK_WORDS, OVERLAP_WORDS = 100, 20


@dataclass(frozen=True)
class Chunk:
    """A run of words of one page.

    Attributes:
        page_id: the page.
        first: position of the first word among the page's.
        text: the words, with spaces between.
    """

    page_id: str
    first: int
    text: str


def chunk_pages(
    words_by_page: Mapping[str, Sequence[str] | Sequence[Word]],
    size: int = CHUNK_WORDS,
    overlap: int = OVERLAP_WORDS,
) -> list[Chunk]:
    """Cut each page's words into chunks that overlap; no chunk spans two pages.

    Args:
        words_by_page: page id to its words in reading order.
        size: words a chunk; the last one of a page may have fewer.
        overlap: words that a chunk shares with the one before, less than `size`.

    Returns:
        Chunks in the order of pages and words. A page without words has none.

    Raises:
        TypeError: not a mapping, a page that is not a list of words, or a number that is not whole.
        ValueError: `size` below 1, or `overlap` not from 0 to `size - 1`.
    """
    size = whole(size, "size")
    if isinstance(overlap, bool) or not isinstance(overlap, (int, np.integer)):
        raise TypeError(f"overlap must be a whole number of words, got {describe(overlap)}.")
    if not 0 <= overlap < size:
        raise ValueError(f"overlap must be from 0 to {size - 1}, one less than size, got {overlap}.")
    if not isinstance(words_by_page, Mapping):
        raise TypeError(f"words_by_page must be a dict, page id to list of words, got {describe(words_by_page)}.")
    chunks = []
    for page_id, found in words_by_page.items():
        if isinstance(found, str):
            raise TypeError(f"words_by_page[{page_id!r}] must be a list of words, got a string. Split it first.")
        words = [word if isinstance(word, str) else word.text for word in found]
        # A start in the last `overlap` words would only repeat the end of the chunk before it.
        for first in range(0, max(min(len(words), 1), len(words) - overlap), size - overlap):
            chunks.append(Chunk(page_id, first, " ".join(words[first : first + size])))
    return chunks


def best_chunk(scores: Any, chunks: Sequence[Chunk], page_ids: Sequence[str]) -> Float32Array:
    """Scores of pages: that of each page's best chunk.

    Args:
        scores: `(n_chunks,)`.
        chunks: the chunks, in the order of `scores`.
        page_ids: `n_pages` pages, those of all chunks among them.

    Returns:
        float32 `(n_pages,)`. A page without chunks comes behind all others: its score is the lowest less 1.

    Raises:
        KeyError: a chunk of a page that is not in `page_ids`.
        ValueError: not one score a chunk.
    """
    values = np.asarray(scores, dtype=np.float32)
    if values.shape != (len(chunks),) or not chunks:
        raise ValueError(f"scores must be one number for each of {len(chunks)} chunks, got {describe(scores)}.")
    places = {page_id: place for place, page_id in enumerate(page_ids)}
    unknown = [chunk.page_id for chunk in chunks if chunk.page_id not in places]
    if unknown:
        raise KeyError(f"page_ids lacks {unknown[0]!r}, which has chunks.")
    found = np.full(len(places), values.min() - 1, dtype=np.float32)
    np.maximum.at(found, [places[chunk.page_id] for chunk in chunks], values)
    return found


def text_runs(
    dataset: Dataset,
    words_by_page: Mapping[str, Sequence[str] | Sequence[Word]],
    bi: Any = None,
    late: Any = None,
    size: int = CHUNK_WORDS,
    overlap: int = OVERLAP_WORDS,
) -> dict[str, Run]:
    """Rank a dataset's pages by the text on them: BM25, and one vector or many a chunk where an encoder is given.

    Args:
        dataset: queries, and the pages in the order of the run.
        words_by_page: page id to its words in reading order.
        bi: encoder with one vector a text, as `load_bi` returns it.
        late: encoder with one vector a token, as `load_late` returns it.
        size: words a chunk.
        overlap: words that neighbouring chunks share.

    Returns:
        `"bm25"` and, for each encoder given, `"bi"` and `"late"`: the run of each.

    Raises:
        TypeError: as `chunk_pages`.
        ValueError: as `chunk_pages`; not a list of words for each page of the dataset, or no words at all.
    """
    chunks = chunk_pages(words_by_page, size, overlap)
    odd = sorted(set(words_by_page) ^ set(dataset.ids))
    if odd:
        told = f"{len(odd)} stand in one of them only, first {odd[0]!r}"
        raise ValueError(f"words_by_page must hold the pages of the dataset: {told}.")
    if not chunks:
        raise ValueError("words_by_page holds no words: there is no text to search in.")
    texts = [chunk.text for chunk in chunks]
    queries = [query.text for query in dataset.queries]
    rows = {text: row for row, text in enumerate(queries)}

    def run(score: Any) -> Run:
        return make_run(dataset, lambda text: best_chunk(score(text), chunks, dataset.ids))

    runs = {"bm25": run(BM25(texts).scores)}
    if bi is not None:
        one_each, asked = bi.encode_documents(texts), bi.encode_queries(queries)
        runs["bi"] = run(lambda text: one_each @ asked[rows[text]])
    if late is not None:
        many_each, tokens = late.encode_documents(texts), late.encode_queries(queries)
        runs["late"] = run(lambda text: maxsim_scores(tokens[rows[text]], many_each))
    return runs


def page_run(dataset: Dataset, pages: PageVectors, encoder: Any) -> Run:
    """Rank a dataset's pages by MaxSim over all vectors of each page, the extra ones included.

    Args:
        dataset: queries, and the pages in the order of the run.
        pages: the vectors of the dataset's pages, in any order.
        encoder: the page encoder they come from: its `encode_queries` is called.

    Raises:
        KeyError: `pages` lacks one of the dataset's.
    """
    vectors = pages.vectors if pages.ids == dataset.ids else pages.vectors.take(dataset.ids)
    queries = encoder.encode_queries([query.text for query in dataset.queries])
    rows = {query.text: row for row, query in enumerate(dataset.queries)}
    return make_run(dataset, lambda text: maxsim_scores(queries[rows[text]], vectors))
