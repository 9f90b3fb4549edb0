"""The cross-encoder: query and passage read together, one score a pair.

What the lower layers make of a passage does not depend on the query and is kept (`lateint_ref.encoders.joint`).
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lateint_ref.checks import Float32Array
from lateint_ref.encoders import backbone
from lateint_ref.encoders._texts import batches, check_text, check_texts
from lateint_ref.encoders.joint import FEATURES, SPLIT, Judge, Reading, pair_features, read_apart

QUERY_TOKENS = 64
DOCUMENT_TOKENS = 256
KEPT = 2048  # texts whose lower states are kept: 0.1 MB each


class CrossEncoder:
    """all-MiniLM-L6-v2 reading two texts together in its upper layers: as it is, or with trained adapters.

    Attributes:
        name: the model's name.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Load the backbone, and what was trained.

        Args:
            folder: what `workbook.training` exported: `model.safetensors` and `training.json`. None for the
                backbone's own layers, which were never trained to read two texts.

        Raises:
            FileNotFoundError, ValueError: a file is missing or damaged.
        """
        self._model, self._tokenizer = backbone.load_backbone()
        self._layers = self._model.encoder.layer[SPLIT:]
        self._judge = Judge()
        self.name = f"{backbone.NAME}, upper layers reading two texts together, untrained"
        if folder is not None:
            self._load(folder)
            self.name = f"{backbone.NAME}, upper layers trained to read two texts together"
        self._judge.eval().requires_grad_(False)
        self._readings: OrderedDict[tuple[int, ...], Reading] = OrderedDict()

    def _load(self, folder: Path) -> None:
        from lateint_ref.encoders.trained import merge, read

        settings, tensors = read(folder, "cross")
        trained = {name.removeprefix("adapters."): t for name, t in tensors.items() if name.startswith("adapters.")}
        self._layers = merge(copy.deepcopy(self._model), trained, settings["recipe"]["alpha"]).encoder.layer[SPLIT:]
        try:
            self._judge.load_state_dict(
                {name.removeprefix("judge."): t for name, t in tensors.items() if name.startswith("judge.")}
            )
        except RuntimeError as error:
            raise ValueError(f"{folder}/model.safetensors does not fit the cross-encoder's head: {error}") from error

    def score(self, query: str, documents: Any, batch_size: int = 32, progress: bool = False) -> Float32Array:
        """How well each document answers the query: higher is better. Scores of different queries do not compare.

        What the lower layers make of a document is kept for the next query (the last 2,048 texts).

        Args:
            query: a non-empty string; of more than 64 tokens the rest is cut.
            documents: list of `n` non-empty strings, cut at 256 tokens.
            batch_size: pairs a batch; the result does not depend on it.
            progress: show a progress bar.

        Returns:
            float32 `(n,)`, in the order of `documents`.

        Raises:
            TypeError: not a string, or not a list of strings.
            ValueError: an empty one, or no documents.
        """
        question = self._ids([check_text(query, "query")], QUERY_TOKENS)
        sequences = self._ids(check_texts(documents, "documents"), DOCUMENT_TOKENS)
        scores = np.empty(len(sequences), dtype=np.float32)
        asked = self._read(question)[0]
        with torch.inference_mode():
            for rows in batches([len(ids) for ids in sequences], batch_size, progress, "reading pairs"):
                read = self._read([sequences[row] for row in rows])
                features = pair_features(self._layers, self._judge, [asked] * len(rows), read)
                scores[rows] = self._judge(features).numpy()
        return scores

    def explain(self, query: str, document: str) -> dict[str, tuple[float, float]]:
        """What a score is made of.

        Args:
            query: a non-empty string.
            document: likewise.

        Returns:
            For each of `FEATURES` the similarity and its weight: the sum of value times weight is the score.

        Raises:
            TypeError, ValueError: not a string, or an empty one.
        """
        asked = self._read(self._ids([check_text(query, "query")], QUERY_TOKENS))
        read = self._read(self._ids([check_text(document, "document")], DOCUMENT_TOKENS))
        with torch.inference_mode():
            values = pair_features(self._layers, self._judge, asked, read)[0].tolist()
        return dict(zip(FEATURES, zip(values, self._judge.weights().tolist(), strict=True), strict=True))

    def tokens(self, query: str, document: str) -> list[str]:
        """The tokens of the joint sequence: the query's, then the document's, each in `[CLS]` and `[SEP]`."""
        ids = self._ids([check_text(query, "query")], QUERY_TOKENS)[0]
        ids = ids + self._ids([check_text(document, "document")], DOCUMENT_TOKENS)[0]
        return [str(token) for token in self._tokenizer.convert_ids_to_tokens(ids)]

    def _ids(self, texts: list[str], limit: int) -> list[list[int]]:
        found: list[list[int]] = self._tokenizer(texts, truncation=True, max_length=limit)["input_ids"]
        return found

    def _read(self, sequences: list[list[int]]) -> list[Reading]:
        new = [ids for ids in dict.fromkeys(map(tuple, sequences)) if ids not in self._readings]
        for start in range(0, len(new), 32):
            part = new[start : start + 32]
            readings = read_apart(self._model, [list(ids) for ids in part], self._tokenizer.pad_token_id)
            self._readings.update(zip(part, readings, strict=True))
        found = [self._readings[tuple(ids)] for ids in sequences]
        for ids in sequences:
            self._readings.move_to_end(tuple(ids))
        while len(self._readings) > max(KEPT, len(sequences)):
            self._readings.popitem(last=False)
        return found

    def __repr__(self) -> str:
        return f"CrossEncoder({self.name})"
