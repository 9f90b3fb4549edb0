"""The published models behind the interface of the bundled ones: sentence-transformers and PyLate do the work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lateint_ref.checks import Float32Array, Int64Array
from lateint_ref.encoders._hub_loading import loading
from lateint_ref.encoders._pylate import require_markers, require_projection
from lateint_ref.encoders._texts import check_text, check_texts
from lateint_ref.encoders.late import Kind
from lateint_ref.multivectors import MultiVectors


class HubBi:
    """A bi-encoder that sentence-transformers can load.

    Attributes:
        name: hub name or folder.
        dim: dimensions of a vector.
    """

    def __init__(self, name: str) -> None:
        """Load the model.

        Raises:
            OSError: it cannot be had (`FileNotFoundError` for a folder).
            RuntimeError: its checkpoint leaves weights unset.
        """
        with loading(name, "bi"):
            from sentence_transformers import SentenceTransformer

            self._model = SentenceTransformer(name)
        self.name = name
        self.dim = int(self._model.get_sentence_embedding_dimension())

    def encode_queries(self, texts: Any, batch_size: int = 32, progress: bool = False) -> Float32Array:
        """One vector a query, with the model's query prompt where it has one.

        Args:
            texts: list of `n` non-empty strings.
            batch_size: texts a batch.
            progress: show a progress bar.

        Returns:
            float32 `(n, dim)`, rows of length 1, in the order of `texts`.

        Raises:
            TypeError: not a list of strings.
            ValueError: no texts, or an empty one.
        """
        return self._encode(self._model.encode_query, texts, batch_size, progress)

    def encode_documents(self, texts: Any, batch_size: int = 32, progress: bool = False) -> Float32Array:
        """One vector a document: arguments, result and errors as `encode_queries`."""
        return self._encode(self._model.encode_document, texts, batch_size, progress)

    def _encode(self, encode: Any, texts: Any, batch_size: int, progress: bool) -> Float32Array:
        vectors = encode(
            check_texts(texts, "texts"),
            batch_size=batch_size,
            show_progress_bar=progress,
            normalize_embeddings=True,
        )
        return np.ascontiguousarray(vectors, dtype=np.float32)

    def __repr__(self) -> str:
        return f"HubBi({self.name}, {self.dim} dimensions)"


class HubLate:
    """A late encoder that PyLate can load.

    Attributes:
        name: hub name or folder.
        dim: dimensions of a vector.
        pylate: the `pylate.models.ColBERT` itself.
    """

    def __init__(self, name: str) -> None:
        """Load the model.

        Raises:
            OSError: it cannot be had (`FileNotFoundError` for a folder).
            RuntimeError: its checkpoint leaves weights unset: the backbone's, the projection's or the markers'.
        """
        with loading(name, "late") as loaded:
            from pylate.models import ColBERT

            require_projection(name)
            self.pylate = ColBERT(name)
            require_markers(name, self.pylate, loaded)
        self.name = name
        self.dim = int(self.pylate[-1].out_features)

    def encode_queries(
        self, texts: Any, ids: Sequence[str] | None = None, batch_size: int = 32, progress: bool = False
    ) -> MultiVectors:
        """One vector a token of each query, `[MASK]` tokens included where the model uses them.

        Args:
            texts: list of `n` non-empty strings.
            ids: one unique string a text; by default `"0"`, `"1"`, ...
            batch_size: texts a batch.
            progress: show a progress bar.

        Returns:
            `MultiVectors` of `n` documents, float32, unit length, in the order of `texts`.

        Raises:
            TypeError: not a list of strings.
            ValueError: no texts, an empty one, or duplicate ids.
        """
        return self._encode(texts, ids, True, batch_size, progress)

    def encode_documents(
        self, texts: Any, ids: Sequence[str] | None = None, batch_size: int = 32, progress: bool = False
    ) -> MultiVectors:
        """One vector a token of each document, less the model's skiplist. Otherwise as `encode_queries`."""
        return self._encode(texts, ids, False, batch_size, progress)

    def encode_query(self, text: str) -> Float32Array:
        """The vectors of one query, float32 `(n_q, dim)`. Raises as `encode_queries`."""
        query: Float32Array = self.encode_queries([check_text(text, "text")])[0]
        return query

    def tokens(self, text: str, kind: Kind = "query") -> list[str]:
        """The tokens of a text, one for each of its vectors, in their order.

        Raises:
            TypeError, ValueError: not a string, an empty one, or a kind other than `"query"` and `"document"`.
        """
        output = self.pylate.encode([check_text(text, "text")], is_query=_is_query(kind), output_value=None)
        ids = np.asarray(output["input_ids"][0])[np.asarray(output["masks"][0], dtype=bool)]
        tokens: list[str] = self.pylate.tokenizer.convert_ids_to_tokens(ids.tolist())
        return tokens

    def truncated(self, texts: Any, kind: Kind = "document") -> Int64Array:
        """How many tokens of each text are cut off because it is too long: int64 `(n,)`, 0 where nothing is lost.

        Raises:
            TypeError, ValueError: as `encode_queries`, or another kind.
        """
        model, query = self.pylate, _is_query(kind)
        marker = model.query_prefix_id if query else model.document_prefix_id
        special = model.tokenizer.num_special_tokens_to_add() + (marker is not None)
        room = (model.query_length if query else model.document_length) - special
        ids = model.tokenizer(check_texts(texts, "texts"), add_special_tokens=False, verbose=False)["input_ids"]
        lost: Int64Array = np.maximum(np.asarray([len(row) for row in ids], dtype=np.int64) - room, 0)
        return lost

    def _encode(
        self, texts: Any, ids: Sequence[str] | None, is_query: bool, batch_size: int, progress: bool
    ) -> MultiVectors:
        matrices = self.pylate.encode(
            check_texts(texts, "texts"), is_query=is_query, batch_size=batch_size, show_progress_bar=progress
        )
        return MultiVectors.from_list(matrices, ids)

    def __repr__(self) -> str:
        return f"HubLate({self.name}, {self.dim} dimensions)"


class HubCross:
    """A cross-encoder that sentence-transformers can load.

    Attributes:
        name: hub name or folder.
    """

    def __init__(self, name: str) -> None:
        """Load the model.

        Raises:
            OSError: it cannot be had (`FileNotFoundError` for a folder).
            RuntimeError: its checkpoint leaves weights unset.
            ValueError: it gives several scores a pair.
        """
        with loading(name, "cross"):
            from sentence_transformers import CrossEncoder

            self._model = CrossEncoder(name)
        if self._model.num_labels != 1:
            raise ValueError(
                f"{name} gives {self._model.num_labels} scores a pair: a cross-encoder for ranking gives one."
            )
        self.name = name

    def score(self, query: str, documents: Any, batch_size: int = 32, progress: bool = False) -> Float32Array:
        """How well each document answers the query: higher is better, on the model's own scale.

        Args:
            query: a non-empty string.
            documents: list of `n` non-empty strings.
            batch_size: pairs a batch.
            progress: show a progress bar.

        Returns:
            float32 `(n,)`, in the order of `documents`.

        Raises:
            TypeError: not a string, or not a list of strings.
            ValueError: an empty one, or no documents.
        """
        question = check_text(query, "query")
        pairs = [(question, document) for document in check_texts(documents, "documents")]
        scores = self._model.predict(pairs, batch_size=batch_size, show_progress_bar=progress)
        return np.asarray(scores, dtype=np.float32)

    def __repr__(self) -> str:
        return f"HubCross({self.name})"


def _is_query(kind: str) -> bool:
    if kind not in ("query", "document"):
        raise ValueError(f"kind must be 'query' or 'document', got {kind!r}.")
    return kind == "query"
