"""What an encoder is, by what it returns, and what all of them do with texts: check, tokenize, batch."""

from __future__ import annotations

import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

from lateint_ref.checks import Float32Array, Int64Array, describe, one_of, whole
from lateint_ref.multivectors import MultiVectors
from lateint_ref.ragged import checked_ids

Kind = Literal["query", "document"]
ENCODING: dict[Kind, str] = {"query": "encoding queries", "document": "encoding documents"}  # labels of progress bars

# A fast tokenizer that is in use refuses to have its truncation set ("Already borrowed"), and all encoders share one.
_TOKENIZING = threading.Lock()


class Encoder(ABC):
    """What has a name: the model's."""

    name: str
    _told = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name})"

    def _tell_cut(self, over: Sequence[int], limit: str) -> None:
        """Warn, once an encoder, of texts with tokens `over` the limit, which is in words: `"of 300 tokens"`."""
        lost = [tokens for tokens in over if tokens > 0]
        if lost and not self._told:
            self._told = True
            warnings.warn(
                f"{len(lost)} of {len(over)} texts are longer than the limit {limit}: {sum(lost)} tokens at their ends "
                "are not read. Cut them into passages to have all of them found. This is said once an encoder.",
                UserWarning,
                stacklevel=4,  # the caller of the encoder's public method
            )


class SingleVectorEncoder(Encoder):
    """One vector a text, query and document read apart.

    Attributes:
        dim: dimensions of a vector.
    """

    dim: int

    def encode_queries(self, texts: Any, batch_size: int = 32, progress: bool = False) -> Float32Array:
        """One vector a query.

        Args:
            texts: list of `n` non-empty strings.
            batch_size: texts a batch; the result does not depend on it.
            progress: show a progress bar.

        Returns:
            float32 `(n, dim)`, rows of length 1, in the order of `texts`.

        Raises:
            TypeError, ValueError: as `check_texts`, or `batch_size` is no whole number of at least 1.
        """
        return self._encode(check_texts(texts, "texts"), "query", whole(batch_size, "batch_size"), progress)

    def encode_documents(self, texts: Any, batch_size: int = 32, progress: bool = False) -> Float32Array:
        """One vector a document, as `encode_queries`."""
        return self._encode(check_texts(texts, "texts"), "document", whole(batch_size, "batch_size"), progress)

    @abstractmethod
    def _encode(self, texts: list[str], kind: Kind, batch_size: int, progress: bool) -> Float32Array: ...


class QueryEncoder(Encoder):
    """One vector a token of a query, to meet a document's in MaxSim: what late and page encoders share.

    Attributes:
        dim: dimensions of a vector.
    """

    dim: int

    def encode_queries(
        self, texts: Any, ids: Sequence[str] | None = None, batch_size: int = 32, progress: bool = False
    ) -> MultiVectors:
        """One vector a token of each query, special tokens included, and `[MASK]` tokens where the model uses them.

        Args:
            texts: list of `n` non-empty strings.
            ids: one unique string a text; by default `"0"`, `"1"`, ...
            batch_size: texts a batch; the result does not depend on it.
            progress: show a progress bar.

        Returns:
            `n` documents, float32, `dim` dimensions, unit length, in the order of `texts`.

        Raises:
            TypeError, ValueError: as `check_texts`, duplicate ids, or `batch_size` is no whole number of at least 1.
        """
        checked = check_texts(texts, "texts")
        names = checked_ids(ids, len(checked))
        vectors = self._encode(checked, "query", whole(batch_size, "batch_size"), progress)
        return MultiVectors.from_list(vectors, names)

    def encode_query(self, text: str) -> Float32Array:
        """The vectors of one query, float32 `(n_q, dim)`."""
        query: Float32Array = self.encode_queries([check_text(text, "text")])[0]
        return query

    @abstractmethod
    def tokens(self, text: str) -> list[str]:
        """The tokens of a query, one for each of its vectors, in their order. Raises as `check_text`."""

    @abstractmethod
    def _encode(self, texts: list[str], kind: Kind, batch_size: int, progress: bool) -> list[Float32Array]: ...


class TokenVectorEncoder(QueryEncoder):
    """One vector a token, of documents as well, read apart from the queries."""

    _tokenizer: Any

    def encode_documents(
        self, texts: Any, ids: Sequence[str] | None = None, batch_size: int = 32, progress: bool = False
    ) -> MultiVectors:
        """One vector a token of each document, less those that the model skips, as `encode_queries` otherwise."""
        checked = check_texts(texts, "texts")
        names = checked_ids(ids, len(checked))
        vectors = self._encode(checked, "document", whole(batch_size, "batch_size"), progress)
        return MultiVectors.from_list(vectors, names)

    def tokens(self, text: str, kind: Kind = "query") -> list[str]:
        """The tokens of a text read as a `"query"` or a `"document"`, one for each of its vectors, in their order.

        Raises:
            TypeError, ValueError: as `check_text`, or another kind.
        """
        one_of(kind, list(ENCODING), "kind")
        tokens: list[str] = self._tokenizer.convert_ids_to_tokens(self._ids(check_text(text, "text"), kind))
        return tokens

    def truncated(self, texts: Any, kind: Kind = "document") -> Int64Array:
        """How many tokens of each text are cut off because it is too long: int64 `(n,)`, 0 where nothing is lost.

        Raises:
            TypeError, ValueError: as `check_texts`, or another kind.
        """
        one_of(kind, list(ENCODING), "kind")
        lengths = [len(ids) for ids in token_ids(self._tokenizer, check_texts(texts, "texts"), special=False)]
        return np.maximum(np.asarray(lengths, dtype=np.int64) - self._room(kind), 0)

    @abstractmethod
    def _ids(self, text: str, kind: Kind) -> list[int]:
        """Ids of the tokens that have a vector."""

    @abstractmethod
    def _room(self, kind: Kind) -> int:
        """How many tokens of a text fit beside the special ones and the marker."""


class PairScorer(Encoder):
    """One score a pair, query and document read together."""

    def score(self, query: str, documents: Any, batch_size: int = 32, progress: bool = False) -> Float32Array:
        """How well each document answers the query: higher is better, on the model's own scale.

        Args:
            query: a non-empty string; the model cuts what is longer than it reads.
            documents: list of `n` non-empty strings, likewise.
            batch_size: pairs a batch; the result does not depend on it.
            progress: show a progress bar.

        Returns:
            float32 `(n,)`, in the order of `documents`.

        Raises:
            TypeError, ValueError: as `check_text` and `check_texts`, or `batch_size` is no whole number of at least 1.
        """
        question, texts = check_text(query, "query"), check_texts(documents, "documents")
        return self._score(question, texts, whole(batch_size, "batch_size"), progress)

    @abstractmethod
    def _score(self, query: str, documents: list[str], batch_size: int, progress: bool) -> Float32Array: ...


def check_texts(value: Any, name: str) -> list[str]:
    """Return `value`, the caller's argument `name`, as a list of non-empty strings.

    Raises:
        TypeError: a single string, not a sequence, or an item that is not a string (its index is named).
        ValueError: no texts, or one that `check_text` refuses (its index is named).
    """
    if isinstance(value, str):
        raise TypeError(
            f"{name} must be a list of strings, got the single string {value!r}. Write [text] for one text."
        )
    if not hasattr(value, "__len__") or not hasattr(value, "__getitem__") or isinstance(value, (dict, bytes)):
        raise TypeError(f"{name} must be a list of strings, got {describe(value)}.")
    if len(value) == 0:
        raise ValueError(f"{name} is empty: give at least one text.")
    return [check_text(text, f"{name}[{index}]") for index, text in enumerate(list(value))]


def check_text(value: Any, name: str) -> str:
    """Return `value` if it is a string with something in it.

    Raises:
        TypeError: not a string.
        ValueError: empty, nothing but spaces, or with half a surrogate pair, which no tokenizer can read.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, got {describe(value)}.")
    if not value.strip():
        raise ValueError(f"{name} is empty: there is nothing to encode. Leave it out, or give it a text.")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{name} holds half a surrogate pair ({value[error.start]!r}, character {error.start}): a text that "
            "was cut or decoded wrongly. Put U+FFFD in its place: "
            "text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')"
        ) from error
    return str(value)


def token_ids(tokenizer: Any, texts: list[str], limit: int | None = None, special: bool = True) -> list[list[int]]:
    """Token ids of each text by a fast tokenizer, at most `limit` with the special ones; any number of threads may."""
    with _TOKENIZING:
        found: list[list[int]] = tokenizer(
            texts, truncation=limit is not None, max_length=limit, add_special_tokens=special, verbose=False
        )["input_ids"]
    return found


def batches(lengths: Sequence[int], batch_size: int, progress: bool, what: str) -> Iterator[list[int]]:
    """Yield lists of positions, longest texts first: little padding, and what does not fit into memory shows at once.

    `what` labels the progress bar.
    """
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    starts: Any = range(0, len(order), batch_size)
    if progress:
        from tqdm.auto import tqdm

        starts = tqdm(starts, desc=what, unit="batch")
    for start in starts:
        yield order[start : start + batch_size]
