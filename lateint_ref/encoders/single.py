"""One vector a text: the bi-encoder, and static embeddings, which need no network."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lateint_ref.checks import Float32Array
from lateint_ref.encoders import backbone
from lateint_ref.encoders.base import ENCODING, Kind, SingleVectorEncoder, batches, token_ids


class BiEncoder(SingleVectorEncoder):
    """all-MiniLM-L6-v2 as published: the mean of the last layer's token vectors, at unit length.

    Source: Reimers and Gurevych, "Sentence-BERT", EMNLP 2019, section 3; the model card of
    sentence-transformers/all-MiniLM-L6-v2. It reads queries and documents alike.

    Attributes:
        max_length: 256 tokens, `[CLS]` and `[SEP]` included; what is longer is cut.
    """

    def __init__(self) -> None:
        """Load the backbone; raises as `backbone.load_backbone`."""
        self._model, self._tokenizer = backbone.load_backbone()
        self.name = backbone.NAME
        self.dim = backbone.DIM
        self.max_length = 256

    def _encode(self, texts: list[str], kind: Kind, batch_size: int, progress: bool) -> Float32Array:
        sequences = token_ids(self._tokenizer, texts, self.max_length)
        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        for rows in batches([len(ids) for ids in sequences], batch_size, progress, ENCODING[kind]):
            hidden = backbone.last_layer(self._model, [sequences[row] for row in rows], self._tokenizer.pad_token_id)
            for row, tokens in zip(rows, hidden, strict=True):
                vectors[row] = tokens[: len(sequences[row])].mean(axis=0)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors


STATIC_DIM = 256
STATIC_FILES = ("config.json", "model.safetensors", "tokenizer.json")  # model2vec's names
STATIC_RECORD = "static.json"


class StaticEncoder(SingleVectorEncoder):
    """A table with one vector a token; a text is the mean of its tokens' vectors, at unit length.

    Source: Tulkens and van Dongen, "Model2Vec: Fast State-of-the-Art Static Embeddings", 2024. Every token of the
    vocabulary goes through the backbone once, alone; PCA and a weight that falls with a token's rank do the rest
    (`data/models/static-256/make.py`).

    A text without a single token that the table knows has no vector: a `ValueError` that names it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Read the table from a folder with model2vec's files and their digests, by default the bundled one.

        Raises:
            FileNotFoundError, ValueError: as `check_static`.
        """
        source = static_folder() if folder is None else folder
        check_static(source)
        with backbone.quiet_loading():
            from model2vec import StaticModel

            # Stored in float16, which changed no query's nDCG@10; means are taken in float32.
            self._model = StaticModel.from_pretrained(source, quantize_to="float32")
        self.dim = int(self._model.embedding.shape[1])
        self.name = f"{backbone.NAME}, static, {self.dim} dimensions"

    def _encode(self, texts: list[str], kind: Kind, batch_size: int, progress: bool) -> Float32Array:
        vectors = self._model.encode(
            texts,
            max_length=None,
            batch_size=max(batch_size, 1024),  # there is nothing that would not fit into memory
            show_progress_bar=progress,
            use_multiprocessing=False,
        )
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if (norms == 0).any():
            index = int(np.argmax(norms[:, 0] == 0))
            raise ValueError(
                f"texts[{index}] holds no token that the table knows, so it has no vector: {texts[index]!r}."
            )
        return np.ascontiguousarray(vectors / norms, dtype=np.float32)


def static_folder() -> Path:
    """The folder of the bundled table, `models/static-256` of the data folder."""
    return backbone.model_folder(f"static-{STATIC_DIM}")


def check_static(folder: Path) -> None:
    """Compare the table's files with the digests in `static.json`: raises as `backbone.check_digests`."""
    backbone.check_digests(folder, STATIC_RECORD, STATIC_FILES, "Static embeddings are read from it.")
