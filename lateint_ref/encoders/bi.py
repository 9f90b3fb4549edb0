"""The bi-encoder: one vector a text, query and document read apart.

Source: Reimers and Gurevych, "Sentence-BERT", EMNLP 2019, section 3: mean of the token vectors; the model card of
sentence-transformers/all-MiniLM-L6-v2: at most 256 tokens, unit length.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lateint_ref.checks import Float32Array
from lateint_ref.encoders import backbone
from lateint_ref.encoders._forward import last_layer
from lateint_ref.encoders._texts import batches, check_texts


class BiEncoder:
    """all-MiniLM-L6-v2 as published: the mean of the last layer's token vectors, at unit length.

    Attributes:
        name: the model's name.
        dim: 384.
        max_length: 256 tokens, `[CLS]` and `[SEP]` included; what is longer is cut.
    """

    def __init__(self) -> None:
        """Load the backbone (see `backbone.load_backbone` for what can go wrong)."""
        self._model, self._tokenizer = backbone.load_backbone()
        self.name = backbone.NAME
        self.dim = backbone.DIM
        self.max_length = 256

    def encode_queries(self, texts: Any, batch_size: int = 32, progress: bool = False) -> Float32Array:
        """One vector a query; this model reads queries and documents alike.

        Args:
            texts: list of `n` non-empty strings.
            batch_size: texts a batch; the result does not depend on it.
            progress: show a progress bar.

        Returns:
            float32 `(n, 384)`, rows of length 1, in the order of `texts`.

        Raises:
            TypeError: not a list of strings.
            ValueError: no texts, or an empty one.
        """
        return self._encode(check_texts(texts, "texts"), batch_size, progress, "encoding queries")

    def encode_documents(self, texts: Any, batch_size: int = 32, progress: bool = False) -> Float32Array:
        """One vector a document: arguments, result and errors as `encode_queries`."""
        return self._encode(check_texts(texts, "texts"), batch_size, progress, "encoding documents")

    def _encode(self, texts: list[str], batch_size: int, progress: bool, what: str) -> Float32Array:
        sequences = self._tokenizer(texts, truncation=True, max_length=self.max_length)["input_ids"]
        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        for rows in batches([len(ids) for ids in sequences], batch_size, progress, what):
            hidden = last_layer(self._model, [sequences[row] for row in rows], self._tokenizer.pad_token_id)
            for row, tokens in zip(rows, hidden, strict=True):
                vectors[row] = tokens[: len(sequences[row])].mean(axis=0)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors

    def __repr__(self) -> str:
        return f"BiEncoder({self.name}, {self.dim} dimensions)"
