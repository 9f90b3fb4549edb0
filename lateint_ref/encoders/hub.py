"""The published models behind the interface of the bundled ones: sentence-transformers and PyLate do the work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lateint_ref._checks import Float32Array, Int64Array
from lateint_ref.encoders._hub_loading import Loaded, loading
from lateint_ref.encoders._texts import check_text, check_texts
from lateint_ref.encoders.late import Kind, LateConfig
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

            _require_projection(name)
            self.pylate = ColBERT(name)
            _require_markers(name, self.pylate, loaded)
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


def build_pylate(projection: Float32Array | None, config: LateConfig) -> Any:
    """The bundled late encoder as a `pylate.models.ColBERT`: Transformer, then Dense without bias, on the CPU.

    Args:
        projection: float32 `(dim, 384)`, or None for the identity.
        config: how text is read.
    """
    from lateint_ref.encoders import backbone

    weight = np.eye(backbone.DIM, dtype=np.float32) if projection is None else projection
    with loading(str(backbone.backbone_path()), "late"):
        import torch
        from pylate.models import ColBERT, Dense
        from sentence_transformers.models import Transformer

        transformer = Transformer(str(backbone.backbone_path()))
        dense = Dense(weight.shape[1], weight.shape[0], bias=False, init_weight=torch.from_numpy(weight.copy()))
        return ColBERT(
            modules=[transformer, dense],
            device="cpu",
            query_prefix=config.query_marker or "",
            document_prefix=config.document_marker or "",
            query_length=config.query_length,
            document_length=config.document_length,
            do_query_expansion=config.query_expansion,
            attend_to_expansion_tokens=config.attend_to_expansion,
            skiplist_words=config.skipped_words(),
        ).eval()


def _is_query(kind: str) -> bool:
    if kind not in ("query", "document"):
        raise ValueError(f"kind must be 'query' or 'document', got {kind!r}.")
    return kind == "query"


def _require_projection(name: str) -> None:
    """PyLate gives a checkpoint without a projection a random one: refuse it."""
    import json
    from pathlib import Path

    from sentence_transformers.util import load_file_path
    from transformers import AutoConfig

    modules = load_file_path(name, "modules.json")
    if modules is not None:
        types = [module["type"] for module in json.loads(Path(modules).read_text(encoding="utf-8"))]
        trained = any(kind.endswith("Dense") for kind in types)
    else:
        trained = "HF_ColBERT" in (AutoConfig.from_pretrained(name).architectures or [])
    if not trained:
        raise RuntimeError(
            f"the checkpoint {name} holds no projection, the last layer of a late encoder: it would be random numbers, "
            "and so would the results. Name a model that was trained as a ColBERT."
        )


def _require_markers(name: str, model: Any, loaded: Loaded) -> None:
    """PyLate adds a marker that the vocabulary lacks, with a random vector: refuse it."""
    import torch

    weight = model[0].auto_model.get_input_embeddings().weight
    for marker, row in (
        (model.query_prefix, model.query_prefix_id),
        (model.document_prefix, model.document_prefix_id),
    ):
        known = row is None or any(
            row < len(trained) and torch.equal(trained[row].to(weight), weight[row]) for trained in loaded.embeddings
        )
        if not known:
            raise RuntimeError(
                f"the checkpoint {name} has no vector for the marker {marker!r}: it would be random numbers, and so "
                "would the results. Name a model that was trained as a ColBERT."
            )
